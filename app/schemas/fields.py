"""The kinds of value that facts and requests are made of."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from labels.codes import BadCode, parse_code

MAX_WEIGHING_G = 10**12
PPM = 1_000_000
# The letters of GB 32100-2015, in the order of their values
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_LENGTH = 18
INSTANT_LENGTH = len("2026-03-05T08:30:00Z")
FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Cn", "Co"}
# Characters that turn the direction of the text around them
DIRECTION_CHARACTERS = set(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"
)
_IS_FACT_ID = re.compile(
    "[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
).fullmatch


class Closed(BaseModel):
    """A closed schema: an unknown field is refused, nothing is guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def clean_text(text: str) -> str:
    """Text in NFC without characters that hide or turn it.

    Raises:
        ValueError: It holds a control, surrogate, unassigned, private or
            direction-override character, named by its code point.
    """
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text)
    for character in text:
        if (
            unicodedata.category(character) in FORBIDDEN_CATEGORIES
            or character in DIRECTION_CHARACTERS
        ):
            raise ValueError(
                f"found the character U+{ord(character):04X}, expected printable text"
            )
    return text


def _code(text: str) -> str:
    try:
        return parse_code(text)
    except BadCode as error:
        raise ValueError(str(error)) from None


def _instant(text: object) -> str:
    """An instant in the one spelling that entries use."""
    if isinstance(text, str) and len(text) == INSTANT_LENGTH and text[-1] == "Z":
        with suppress(ValueError):
            datetime.fromisoformat(text)
            return text
    raise ValueError(
        f"found {text!r}, expected UTC to the second such as 2026-03-05T08:30:00Z"
    )


def _fact_id(text: object) -> str:
    """A UUID of version 7 (from clients) or 8 (from rows of files), lower case."""
    if not isinstance(text, str) or not _IS_FACT_ID(text):
        raise ValueError(f"found {text!r}, expected a UUID of version 7")
    return text


def _day(text: object) -> str:
    fault = ValueError(f"found {text!r}, expected a date such as 2026-03-05")
    if not isinstance(text, str) or len(text) != len("2026-03-05"):
        raise fault
    try:
        datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise fault from None
    return text


def uscc_check_character(body: str) -> str:
    """The 18th character of a unified social credit code (GB 32100-2015, 4.5).

    Args:
        body: The first 17 characters, of the alphabet without I, O, S, V, Z.

    Raises:
        ValueError: A character is not of the alphabet.
    """
    total = sum(
        USCC_ALPHABET.index(character) * pow(3, position, 31)
        for position, character in enumerate(body)
    )
    return USCC_ALPHABET[(31 - total % 31) % 31]


def _uscc(text: str) -> str:
    fault = ValueError(
        f"found {text!r}, expected a unified social credit code of 18 characters "
        "whose last one checks the others"
    )
    if len(text) != USCC_LENGTH or not set(text) <= set(USCC_ALPHABET):
        raise fault
    if uscc_check_character(text[:-1]) != text[-1]:
        raise fault
    return text


Grams = Annotated[int, Field(ge=0, le=MAX_WEIGHING_G)]
SomeGrams = Annotated[int, Field(ge=1, le=MAX_WEIGHING_G)]
Ppm = Annotated[int, Field(ge=0, le=PPM)]
Code = Annotated[str, AfterValidator(_code)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_text)]
Prose = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(clean_text)]
Symbol = Annotated[str, Field(pattern=r"^([A-Z][a-z]?|mixed)$")]
AtUtc = Annotated[str, BeforeValidator(_instant)]
Day = Annotated[str, BeforeValidator(_day)]
FactId = Annotated[str, BeforeValidator(_fact_id)]
Uscc = Annotated[str, AfterValidator(_uscc)]
HexDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
SaltedDigest = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]
Province = Annotated[str, Field(pattern=r"^[1-9][0-9]0000$")]
