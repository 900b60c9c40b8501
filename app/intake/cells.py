"""One cell to one value, or ``BadCell`` that says what was expected.

Masses become whole grams, percentages whole ppm, quantities whole thousandths: no
float takes part. A cell is text, or what a spreadsheet program keeps: a number, a
truth value, a date.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache, partial

from app.intake.countries import country_code
from app.intake.dates import Cell, parse_day, parse_instant
from app.intake.drafts import FacilityRef, LotRef
from app.intake.faults import N_, BadCell
from app.intake.materials import find_material
from app.intake.templates import Column, Language, word_list
from app.intake.text import MAX_LINE, MAX_PRIVATE, clean_text, name_key, plain

MAX_WEIGHING_G = 10**12
MAX_THOUSANDTHS = 10**15
PPM = 1_000_000
# Spreadsheet programs keep 15 digits; what is longer has lost its last ones
EXACT_DIGITS = 15
UNITS = {"kg": 3, "t": 6}
UNIT_WORDS = {
    "kg": "kg",
    "公斤": "kg",
    "千克": "kg",
    "t": "t",
    "吨": "t",
    "%": "%",
}
EXAMPLES = {"kg": ("12 400", "12400.5"), "t": ("12.4", "12.4005")}

_NUMBER = re.compile(
    r"(?P<sign>[+-]?)"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?: [0-9]{3})+"
    r"|[0-9]{1,3}(?:'[0-9]{3})+|[0-9]{1,30})"
    r"(?:\.(?P<part>[0-9]{1,30}))?"
    r"(?: ?(?P<unit>kg|KG|Kg|t|T|公斤|千克|吨|%))?"
)
_HS_CODE = re.compile(r"[0-9]{10}")
_HS_MARKS = str.maketrans("", "", ". -")
_LOST_NUMBER = re.compile(r"[0-9](?:\.[0-9]+)?[Ee]\+[0-9]+")
# Characters that show nothing: two numbers that look the same would differ
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u180e\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f\ufeff]"
)

Parser = Callable[[Cell], object]
Complaint = Callable[[], BadCell]
"""Made only where a cell is faulty: most are not."""


def scaled(cell: Cell, places: int, unit: str | None, expected: Complaint) -> int:
    """A number as a whole multiple of ``10**-places``.

    Args:
        cell: Text, with thousands separators or not, or a number.
        places: How many decimals count.
        unit: The unit that may stand behind the number in the cell.
        expected: Makes what is raised where it is no number.

    Raises:
        BadCell: No number, negative, another unit, or more decimals than count.
    """
    if isinstance(cell, str):
        return _scaled_text(plain(cell), places, unit, expected)
    if isinstance(cell, bool) or not isinstance(cell, int | Decimal):
        raise expected()
    value = Decimal(cell)
    if not value.is_finite() or value.adjusted() > 30:  # noqa: PLR2004 - far too large
        raise expected()
    if value < 0:
        raise BadCell(N_("expected no negative number"))
    shifted = value.scaleb(places)
    if shifted != int(shifted):
        raise BadCell(N_("expected at most {places} decimals"), places=places)
    return int(shifted)


def _scaled_text(text: str, places: int, unit: str | None, expected: Complaint) -> int:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise expected()
    sign, whole, part, found = match.groups()
    if found is not None and UNIT_WORDS[found.lower()] != unit:
        if unit is None:
            raise expected()
        raise BadCell(N_("expected {unit}, as the head of the column says"), unit=unit)
    if sign == "-":
        raise BadCell(N_("expected no negative number"))
    if not whole.isdigit():
        whole = whole.replace(",", "").replace(" ", "").replace("'", "")
    if part is None:
        return int(whole + "0" * places)
    part = part.rstrip("0")
    if len(part) > places:
        raise BadCell(N_("expected at most {places} decimals"), places=places)
    return int(whole + part.ljust(places, "0"))


def _expected_mass(unit: str) -> BadCell:
    return BadCell(
        N_("expected a weight such as {one} or {other} {unit}"),
        one=EXAMPLES[unit][0],
        other=EXAMPLES[unit][1],
        unit=unit,
    )


_EXPECTED_MASS = {unit: partial(_expected_mass, unit) for unit in UNITS}


def _expected_percent() -> BadCell:
    return BadCell(N_("expected a percentage such as 5.2, from 0 to 100"))


def _expected_number() -> BadCell:
    return BadCell(N_("expected a number such as 1250 or 1250.5"))


def parse_mass(cell: Cell, unit: str, *, zero: bool = False) -> int:
    """A mass in whole grams.

    Args:
        cell: A number of ``unit``; thousands may be set off by a comma, a blank or an
            apostrophe.
        unit: ``kg`` (3 decimals) or ``t`` (6 decimals).
        zero: Whether nothing is a mass, as for a tare.

    Raises:
        BadCell: It is none, below or equal to 0, or above 10^12 g.
    """
    mass_g = scaled(cell, UNITS[unit], unit, _EXPECTED_MASS[unit])
    if mass_g == 0 and not zero:
        raise BadCell(N_("expected a weight above 0"))
    if mass_g > MAX_WEIGHING_G:
        raise BadCell(
            N_("expected at most {limit} {unit}"),
            limit=str(MAX_WEIGHING_G)[: -UNITS[unit]],
            unit=unit,
        )
    return mass_g


def parse_percent(cell: Cell) -> int:
    """A percentage in whole ppm, from 0 to 1,000,000.

    Raises:
        BadCell: It is none, or has more than 4 decimals.
    """
    ppm = scaled(cell, 4, "%", _expected_percent)
    if ppm > PPM:
        raise _expected_percent()
    return ppm


def parse_quantity(cell: Cell) -> int:
    """A quantity in whole thousandths of the unit that the head names.

    Raises:
        BadCell: It is none, negative or too large.
    """
    thousandths = scaled(cell, 3, None, _expected_number)
    if thousandths > MAX_THOUSANDTHS:
        raise BadCell(N_("expected at most {limit}"), limit=MAX_THOUSANDTHS // 1000)
    return thousandths


def as_text(cell: Cell) -> str:
    """What a cell of a text column says: a number in digits, as it was typed.

    Raises:
        BadCell: A spreadsheet program has made a date, a truth value or a rounded
            number of it.
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool | datetime | date | time):
        raise BadCell(
            N_(
                "expected text; the spreadsheet program has made another value of it, "
                "format the column as text and type it again"
            )
        )
    if not Decimal(cell).is_finite() or Decimal(cell).adjusted() >= EXACT_DIGITS:
        raise _lost_digits()
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def _lost_digits() -> BadCell:
    return BadCell(
        N_(
            "expected all digits; the spreadsheet program has dropped the last ones, "
            "format the column as text and type it again"
        )
    )


def parse_text(cell: Cell, limit: int = MAX_LINE) -> str:
    """A line of text in NFC.

    Raises:
        BadCell: It holds characters that hide or turn it, or is too long.
    """
    return clean_text(as_text(cell), limit)


def parse_number_text(cell: Cell) -> str:
    """A number that names something: an own number of a lot, a run, a transfer.

    Raises:
        BadCell: As ``parse_text``; or an invisible character, or digits that a
            spreadsheet program has dropped, would make it another name.
    """
    text = plain(as_text(cell))
    if not text.isascii() and (hidden := _INVISIBLE.search(text)):
        raise BadCell(
            N_("expected text without the hidden character {point}"),
            point=f"U+{ord(hidden[0]):04X}",
        )
    if _LOST_NUMBER.fullmatch(text):
        raise _lost_digits()
    return clean_text(text)


def parse_hs_code(cell: Cell) -> str:
    """The 10 digits of a customs code, dots and blanks dropped.

    Raises:
        BadCell: There are not 10.
    """
    text = plain(as_text(cell)).translate(_HS_MARKS)
    if not _HS_CODE.fullmatch(text):
        raise BadCell(N_("expected 10 digits such as 7602000090"))
    return text


def parse_country(cell: Cell) -> str:
    """The two letters of a country, from these or from its name.

    Raises:
        BadCell: No country of ISO 3166-1 is called so.
    """
    code = country_code(as_text(cell))
    if code is None:
        raise BadCell(N_("expected a country such as 日本, Japan or JP"))
    return code


def parse_word(cell: Cell, words: str, language: Language) -> str:
    """The value that a word stands for, in Chinese or English, in any case.

    Args:
        cell: The word.
        words: Name of the list.
        language: Which words a fault lists.

    Raises:
        BadCell: The list does not have the word; names those that it has.
    """
    value = _meaning(as_text(cell), words)
    if value is None:
        raise BadCell(
            N_("expected one of: {words}"), words=word_list(words).listed(language)
        )
    return value


@lru_cache(maxsize=4096)
def _meaning(text: str, words: str) -> str | None:
    return word_list(words).meanings.get(name_key(text))


def parse_material(cell: Cell) -> str:
    """The code of a material, from its code or one of its names.

    Raises:
        BadCell: The catalogue has none of that name; names the nearest.
    """
    found, nearest = find_material(as_text(cell))
    if found is not None:
        return found
    if nearest:
        raise BadCell(
            N_("expected a material of the catalogue, perhaps {nearest}"),
            nearest=nearest,
        )
    raise BadCell(N_("expected a material of the catalogue"))


def parse_material_or_loss(cell: Cell, language: Language) -> str | tuple[str, str]:
    """Both readings of a cell that holds a material or, on a row of loss, its kind.

    Returns:
        The code of a material, or ``("loss", kind)``.

    Raises:
        BadCell: It is neither.
    """
    if (kind := _meaning(as_text(cell), "loss")) is not None:
        return ("loss", kind)
    try:
        return parse_material(cell)
    except BadCell:
        raise BadCell(
            N_("expected a material of the catalogue, or a kind of loss: {words}"),
            words=word_list("loss").listed(language),
        ) from None


def parser_of(column: Column, unit: str | None, language: Language) -> Parser:
    """How the cells of a column are read.

    Args:
        column: Of a template.
        unit: What the head in the file names: ``kg`` or ``t`` of a mass.
        language: That of the head, for the words that a fault lists.
    """
    if column.type == "mass":
        mass_unit, zero = unit or "kg", column.id == "tare"
        return lambda cell: parse_mass(cell, mass_unit, zero=zero)
    if column.type == "word":
        words = column.words or ""
        return lambda cell: parse_word(cell, words, language)
    if column.type == "material_or_loss":
        return lambda cell: parse_material_or_loss(cell, language)
    if column.private is not None:
        return lambda cell: parse_text(cell, MAX_PRIVATE)
    return _PARSERS["number" if column.id in ("run", "transfer") else column.type]


_PARSERS: dict[str, Parser] = {
    "lot": lambda cell: LotRef(parse_number_text(cell)),
    "facility": lambda cell: FacilityRef(parse_text(cell)),
    "material": parse_material,
    "instant": parse_instant,
    "date": parse_day,
    "percent": parse_percent,
    "quantity": parse_quantity,
    "hs_code": parse_hs_code,
    "country": parse_country,
    "number": parse_number_text,
    "text": parse_text,
}
