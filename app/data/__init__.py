"""The data of the product: rules, materials, reference series, file templates.

Every file here is read once per process. What is a fact from outside names its
source; ``evidence`` is R (read in that source), D (derived by arithmetic from
what was read), G (general knowledge, to be confirmed: a preset that the operator
may change, never a legal limit) or ``R+G``.
"""

from __future__ import annotations

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def path_of(name: str) -> Path:
    """Where a data file lies.

    Args:
        name: The file's name, such as ``materials.csv``.

    Raises:
        ValueError: The name holds a folder.
    """
    if Path(name).name != name:
        raise ValueError(f"found {name!r}, expected the name of a file in app/data")
    return FOLDER / name


@lru_cache(maxsize=64)
def _rows(name: str) -> tuple[dict[str, str], ...]:
    with path_of(name).open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream, strict=True))


@lru_cache(maxsize=64)
def _text(name: str) -> str:
    return path_of(name).read_text(encoding="utf-8")


def read_csv(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file, every value as text, empty where unknown.

    The file is read once; each caller gets rows of its own, free to change.

    Args:
        name: The file's name, such as ``materials.csv``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The name holds a folder.
    """
    return [dict(row) for row in _rows(name)]


def read_json(name: str) -> Any:  # noqa: ANN401 - a JSON value may be anything
    """The value of a JSON file, free to change.

    Args:
        name: The file's name, such as ``templates.json``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The name holds a folder.
    """
    return json.loads(_text(name))
