"""By what an entry is asked for: its index, or its leaf hash in any usual writing.

Forgiving of spaces, of upper and lower case, of full-width digits and of a prefix;
never of digits that are missing: a hash is found whole or not at all.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata

from app.paths import MAX_NUMBER
from app.services.errors import refuse

HASH_SIZE = 32
HASH_DIGITS = 64
LONGEST_INDEX = 16
ADDRESS = re.compile(r"/(?:entries|proof|proof/leaf)/([0-9a-fA-F]+)(?:\.tlog-proof)?$")
PREFIX = re.compile(r"^(?:sha-?256[:/=]|leaf:|hash:|0x|#|№)", re.IGNORECASE)
BLANK = re.compile(r"[\s\u200b-\u200d\u2060\ufeff]+")
INDEX = re.compile(r"[0-9]{1,16}", re.ASCII)
HEXADECIMAL = re.compile(r"[0-9a-f]+", re.IGNORECASE | re.ASCII)
GROUPED = re.compile(r"[0-9a-f]{2,8}(?:[:-][0-9a-f]{2,8})+", re.IGNORECASE | re.ASCII)
BASE64 = re.compile(r"[0-9A-Za-z+/_-]{43}=?", re.ASCII)


def parse_entry_name(typed: str) -> int | bytes:
    """The index, or the 32 bytes of the leaf hash, that somebody typed or pasted.

    Raises:
        Refused: It is neither; says what is wrong with it.

    >>> parse_entry_name(" 1 204 "), parse_entry_name("#7")
    (1204, 7)
    >>> parse_entry_name("SHA256:" + "AB" * 32) == bytes([0xAB] * 32)
    True
    """
    text = BLANK.sub("", unicodedata.normalize("NFKC", typed))
    if (address := ADDRESS.search(text)) is not None:
        text = address[1]
    # Before prefixes: what a hash in base64 begins with can look like one
    if BASE64.fullmatch(text) and not HEXADECIMAL.fullmatch(text):
        return _from_base64(text)
    text = PREFIX.sub("", text)
    if GROUPED.fullmatch(text):
        text = re.sub("[:-]", "", text)
    if not text:
        raise refuse("text", "found nothing, expected an index or a leaf hash")
    if INDEX.fullmatch(text):
        if int(text) > MAX_NUMBER:
            raise refuse("text", "found {number}, which no log reaches", number=text)
        return int(text)
    if HEXADECIMAL.fullmatch(text):
        if len(text) == HASH_DIGITS:
            return bytes.fromhex(text)
        raise refuse(
            "text",
            "found {count} hexadecimal digits, expected the whole hash: {expected}",
            count=len(text),
            expected=HASH_DIGITS,
        )
    raise refuse(
        "text",
        "found {text}, expected the index of an entry, or a leaf hash: 64 hexadecimal "
        "digits, or 44 characters of base64",
        text=typed.strip()[:80],
    )


def _from_base64(text: str) -> bytes:
    padded = text.removesuffix("=").translate(str.maketrans("-_", "+/")) + "="
    try:
        found = base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != HASH_SIZE or base64.b64encode(found).decode() != padded:
        raise refuse("text", "found base64 that is no hash of 32 bytes")
    return found
