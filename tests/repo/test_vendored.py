"""What others wrote is here as they gave it out, with its licence."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "app" / "static" / "vendor"


def rows() -> dict[str, str]:
    """Path and SHA-256 of each file in the table."""
    table = (FOLDER / "VENDORED.md").read_text("utf-8")
    found = re.findall(r"^\| `(\S+)` .*\| `([0-9a-f]{64})` \|$", table, re.MULTILINE)
    return dict(found)


def test_every_vendored_file_is_listed_with_its_hash() -> None:
    files = {
        str(path.relative_to(FOLDER)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FOLDER.rglob("*")
        if path.suffix in {".js", ".css"}
    }

    assert files
    assert files == rows()


def test_every_vendored_package_comes_with_its_licence() -> None:
    table = (FOLDER / "VENDORED.md").read_text("utf-8")
    named = set(re.findall(r"`(\S*LICENSE\.txt)`", table))

    assert named
    assert all((FOLDER / name).is_file() for name in named)
