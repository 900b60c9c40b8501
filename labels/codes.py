"""Codes of 12 characters: 11 random ones of Crockford base32 and a check character.

The check is a weighted sum over GF(32) with twelve different weights, powers of a
primitive element: it catches every single wrong character and every swap of two
neighbours, which a sum with equal weights would not.

>>> format_code(parse_code("o1l2-3456-789" + check_character("01123456789")))[:9]
'0112-3456'
"""

from __future__ import annotations

import hashlib
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
GROUP = 4
BITS = 5
_PRIMITIVE = 0b100101  # x^5 + x^2 + 1, primitive over GF(2)
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_READ_AS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzILO", "ABCDEFGH1JK1MN0PQRSTUVWXYZ110"
)
_DROPPED = str.maketrans("", "", "- \u2009\u00a0")


class BadCode(ValueError):
    """The text is no code, or its check character does not fit."""


def _times(left: int, right: int) -> int:
    """Product in GF(32)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        right >>= 1
        left <<= 1
        if left & (1 << BITS):
            left ^= _PRIMITIVE
    return product


def _weights() -> list[int]:
    """Weight of each place, first to last: falling powers of the primitive element."""
    powers = [1]
    while len(powers) < LENGTH:
        powers.append(_times(powers[-1], 2))
    return powers[::-1]


# _TERMS[place][character]: what a character at a place adds to the sum
_TERMS = [
    {character: _times(weight, value) for character, value in _VALUES.items()}
    for weight in _weights()
]


def check_character(body: str) -> str:
    """The 12th character for the first 11.

    Raises:
        BadCode: The body is not 11 characters of the alphabet.
    """
    if len(body) != LENGTH - 1:
        raise BadCode(f"found {len(body)} characters, expected {LENGTH - 1}")
    return ALPHABET[_sum(body)]


def _sum(text: str) -> int:
    total = 0
    try:
        for terms, character in zip(_TERMS, text, strict=False):
            total ^= terms[character]
    except KeyError as error:
        raise BadCode(f"found {error.args[0]!r}, which no code holds") from None
    return total


def new_code() -> str:
    """A random code of 55 bits: made offline, never met by guessing."""
    bits = secrets.randbits(BITS * (LENGTH - 1))
    return _with_check(bits)


def code_from_bytes(digest: bytes) -> str:
    """The code that the first 55 bits of a digest give."""
    size = BITS * (LENGTH - 1)
    return _with_check(int.from_bytes(digest[:7], "big") >> (56 - size))


def _with_check(bits: int) -> str:
    places = range(BITS * (LENGTH - 2), -1, -BITS)
    body = "".join(ALPHABET[bits >> place & 31] for place in places)
    return body + ALPHABET[_sum(body)]


def parse_code(text: str) -> str:
    """The code that a person or a scanner wrote, in its one stored form.

    Lower case, hyphens and blanks are accepted; I and L are read as 1, O as 0.

    Raises:
        BadCode: It is no code; says what was found.
    """
    code = text.translate(_READ_AS).translate(_DROPPED)
    if len(code) != LENGTH:
        raise BadCode(f"found {text!r}, expected a code such as 7K3M-9QWX-2HTV")
    if _sum(code):
        raise BadCode(f"found {text!r}, whose check character does not fit")
    return code


def format_code(code: str) -> str:
    """The code as people read it: groups of four, AAAA-BBBB-CCCC."""
    return "-".join(code[n : n + GROUP] for n in range(0, LENGTH, GROUP))


def code_sha256(code: str) -> bytes:
    """SHA-256 of a code in its stored form: all that the log holds of a label."""
    return hashlib.sha256(code.encode("ascii")).digest()
