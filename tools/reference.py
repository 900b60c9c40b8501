"""The generated part of the reference: ``python -m tools.reference update | check``.

``update`` writes ``docs/reference`` from the code and its data: facts, commands,
settings, rights, file templates, data files, problem types and addresses. ``check``
names the pages that are no longer what the code says. Pages written by hand
(``performance.md``) are left alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tools import (
    reference_code,
    reference_data,
    reference_facts,
    reference_routes,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
NOTICE = "<!-- Written by tools/reference.py: change the code, not this. -->"

PAGES: dict[str, Callable[[], str]] = {
    "api.md": reference_routes.api_page,
    "cli.md": reference_code.cli_page,
    "data.md": reference_data.data_page,
    "facts.md": reference_facts.facts_page,
    "rights.md": reference_data.rights_page,
    "settings.md": reference_code.settings_page,
    "templates.md": reference_data.templates_page,
}


def pages() -> dict[str, str]:
    """Every generated page by its path below ``docs/reference``."""
    written = {name: page() for name, page in PAGES.items()}
    written |= reference_code.problem_pages()
    return {name: f"{NOTICE}\n\n{text.strip()}\n" for name, text in written.items()}


def update() -> None:
    """Write all pages; take out pages of problem types that are gone."""
    wanted = pages()
    for path in FOLDER.glob("problems/*.md"):
        if str(path.relative_to(FOLDER)) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def stale() -> list[str]:
    """Pages that are missing or not what the code says now, and pages too many."""
    wanted = pages()
    found = [
        name
        for name, text in wanted.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text("utf-8") != text
    ]
    kept = {str(path.relative_to(FOLDER)) for path in FOLDER.glob("problems/*.md")}
    return sorted({*found, *(kept - wanted.keys())})


def main() -> int:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("update", "check"))
    if parser.parse_args().action == "update":
        update()
        return 0
    found = stale()
    print("\n".join(found) or "the reference is what the code says")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
