"""Short ways to write down the columns that many tables have."""

from __future__ import annotations

from app.export.tables import Column, ColumnType

Kind = tuple[ColumnType, str, int | None]
PERCENT_DECIMALS = 2
PERCENT: Kind = ("decimal", "%", PERCENT_DECIMALS)
GRAMS: Kind = ("integer", "g", None)
TEXT: Kind = ("text", "", None)


def column(name: str, zh: str, en: str, kind: Kind = TEXT) -> Column:
    """A column of a common kind.

    Args:
        name: Its id.
        zh: Head in Chinese.
        en: Head in English.
        kind: Type, unit, and the decimals that a spreadsheet shows.
    """
    return Column(name, zh, en, *kind)
