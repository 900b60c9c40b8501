"""Rule data and reference data that the handlers of facts ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from app.data import read_csv, read_json
from app.services.errors import refuse
from graph import LotKind

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Material:
    """What a lot can be, by a published standard and its edition."""

    code: str
    kind: LotKind
    metal: str
    name_zh: str
    name_en: str
    standard: str
    edition: str
    content_ppm: int | None


@cache
def materials() -> dict[str, Material]:
    """The catalogue, by code."""
    return {
        row["code"]: Material(
            row["code"],
            LotKind(row["kind"]),
            row["metal"],
            row["name_zh"],
            row["name_en"],
            row["standard"],
            row["edition"],
            int(row["content_ppm"]) if row["content_ppm"] else None,
        )
        for row in read_csv("materials.csv")
    }


def get_material(code: str, path: str) -> Material:
    """A material that a fact names.

    Raises:
        Refused: The catalogue does not have it.
    """
    if (material := materials().get(code)) is None:
        raise refuse(
            path, "found {code}, which is no material of the catalogue", code=code
        )
    return material


@cache
def provinces() -> dict[str, dict[str, str]]:
    """Province-level divisions of GB/T 2260, by their six digits."""
    return {row["code"]: row for row in read_csv("provinces.csv")}


@cache
def rules() -> dict[str, Any]:
    """The rule data."""
    found: dict[str, Any] = read_json("rules.json")
    return found


@cache
def rule(name: str) -> int:
    """One number of the rule data."""
    return int(rules()[name]["value"])


def month_of(at: datetime) -> str:
    """The month of an instant in Asia/Shanghai, YYYY-MM."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m")
