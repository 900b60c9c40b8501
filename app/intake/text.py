"""Text of cells: one form of each, and nothing in it that hides or turns it."""

from __future__ import annotations

import re
import unicodedata

from app.intake.faults import N_, BadCell

MAX_LINE = 200
MAX_PRIVATE = 500
REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Cn", "Co"})
# Characters that turn the direction of the text around them
DIRECTION_CHARACTERS = frozenset(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"
)
_BREAKS = re.compile(r"[\t\r\n]+")
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    ord(space): " "
    for space in "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
}
_PLAIN |= {ord("\u2212"): "-", ord("\u2019"): "'"}


def plain(text: str) -> str:
    """Full-width ASCII and the many blanks as plain ASCII, ends stripped.

    Only these: superscripts and digits of other scripts stay what they are, so that
    no number is read that nobody wrote.
    """
    return text.strip() if text.isascii() else text.translate(_PLAIN).strip()


def clean_text(text: str, limit: int = MAX_LINE) -> str:
    """Text in NFC on one line, without characters that hide or turn it.

    Tabs and line breaks inside a cell become one blank.

    Args:
        text: As it stands in the file.
        limit: The most characters allowed.

    Raises:
        BadCell: It holds a control, surrogate, unassigned, private or
            direction-override character, a replacement character, or is too long.
    """
    text = text.strip()
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", _BREAKS.sub(" ", text))
        for character in text:
            if (
                unicodedata.category(character) in REFUSED_CATEGORIES
                or character in DIRECTION_CHARACTERS
            ):
                raise BadCell(
                    N_("expected text without the hidden character {point}"),
                    point=f"U+{ord(character):04X}",
                )
            if character == "\ufffd":
                raise BadCell(
                    N_(
                        "expected text; a character was lost before the file came "
                        "here, type it again"
                    )
                )
    if len(text) > limit:
        raise BadCell(N_("expected at most {limit} characters"), limit=limit)
    return text


def name_key(text: str) -> str:
    """What two spellings of one name have in common: NFKC, case, blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
