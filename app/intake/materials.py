"""Materials of the catalogue by code and by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from app.data import read_csv
from app.intake.text import name_key

SHORTEST_PREFIX = 3
LONGEST_PREFIX = 12


@dataclass(frozen=True, slots=True)
class CatalogueMaterial:
    """What rows need to know of a material.

    Attributes:
        code: Of the catalogue.
        metal: Symbol, or ``mixed``.
        content_ppm: Usual metal content; None where the catalogue gives none.
    """

    code: str
    metal: str
    content_ppm: int | None


@cache
def catalogue() -> Mapping[str, CatalogueMaterial]:
    """The catalogue, by code."""
    return {
        row["code"]: CatalogueMaterial(
            row["code"],
            row["metal"],
            int(row["content_ppm"]) if row["content_ppm"] else None,
        )
        for row in read_csv("materials.csv")
    }


@cache
def _names() -> Mapping[str, str | None]:
    """Code by name; None for a name that several materials have."""
    codes: dict[str, str | None] = {}
    for row in read_csv("materials.csv"):
        for name in {name_key(row["name_zh"]), name_key(row["name_en"])}:
            codes[name] = None if name in codes else row["code"]
    codes.update({name_key(code): code for code in catalogue()})
    return codes


@lru_cache(maxsize=4096)
def find_material(text: str) -> tuple[str | None, str | None]:
    """The code of a material, and where there is none the nearest name.

    Args:
        text: A code in any case, or a Chinese or English name that one material has.
    """
    key = name_key(text)
    found = _names().get(key)
    if found is not None:
        return found, None
    return None, _nearest(key)


def _nearest(key: str) -> str | None:
    """The code of a material whose name holds the text, or begins as it does.

    Cost: one pass over the names; files may hold many unknown ones.
    """
    if not key:
        return None
    holding = [name for name in _names() if key in name or name in key]
    if holding:
        return _code_or_name(min(holding, key=lambda name: abs(len(name) - len(key))))
    for length in range(min(len(key), LONGEST_PREFIX), SHORTEST_PREFIX - 1, -1):
        for name in _names():
            if name.startswith(key[:length]):
                return _code_or_name(name)
    return None


def _code_or_name(name: str) -> str:
    return _names()[name] or name
