"""Canonical bytes of a JSON value: RFC 8785 (JCS), for whole numbers and text.

Floats are refused: quantities are whole numbers, and two readers never differ on one.
Where all member names are ASCII, their UTF-16 order is their code point order, and the
standard encoder writes the canonical form; anything else goes through ``rfc8785``.
"""

from __future__ import annotations

import binascii
import json
from typing import Any, NoReturn

import rfc8785

from ledger.errors import NotCanonical

MAX_INTEGER = 2**53 - 1
MAX_DIGITS = 17  # of -(2^53 - 1)
MAX_DEPTH = 32

_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode


def canonical_json(value: object, *, ascii_names: bool = False) -> bytes:
    r"""The RFC 8785 form of a value of objects, arrays, text, whole numbers, booleans.

    >>> canonical_json({"kg": 2, "a": ["铜", True, None]})
    b'{"a":["\xe9\x93\x9c",true,null],"kg":2}'

    Args:
        value: Of ``dict``, ``list``, ``str``, ``int``, ``bool`` and ``None`` only.
        ascii_names: Refuse member names that are not ASCII, as entries must.

    Raises:
        NotCanonical: It holds a float, a number beyond 2^53 - 1, a lone surrogate, a
            name that is not text, another type, or nests deeper than 32 levels.
    """
    plain = _check(value, MAX_DEPTH)
    if ascii_names and not plain:
        raise NotCanonical("a member name is not ASCII")
    if plain:
        text = _encode(value)
        try:
            return text.encode()
        except UnicodeEncodeError:
            raise NotCanonical("a text holds a lone surrogate") from None
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # checked just above
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(str(error)) from None


def _check(value: object, depth: int) -> bool:
    """Whether all names are ASCII; refuses what has no canonical form."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]
            raise NotCanonical(f"{value} lies beyond 2^53 - 1")
        return True
    if depth == 0:
        raise NotCanonical(f"nests deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        plain = True
        for name, member in value.items():
            if type(name) is not str:
                raise NotCanonical(f"the name {name!r} is not text")
            plain = _check(member, depth - 1) and name.isascii() and plain
        return plain
    if isinstance(value, list | tuple):
        return all([_check(member, depth - 1) for member in value])
    raise NotCanonical(f"{kind.__name__} has no canonical form here")


def parse_canonical(line: bytes) -> dict[str, Any]:
    """The object that canonical bytes stand for.

    Raises:
        NotCanonical: The bytes are no JSON object, or not in their canonical form, or
            a member name is not ASCII.
    """
    try:
        text = line.decode()
        value = _decode(text)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"is no JSON text: {error}") from None
    if not isinstance(value, dict):
        raise NotCanonical("is no JSON object")
    # What is left to refuse is depth and names beyond ASCII, and most lines have
    # neither: then the walk over the value can be spared. A name that is ASCII only
    # by escapes, a name that stands twice and a lone surrogate fail the comparison.
    if not (text.isascii() and text.count("{") + text.count("[") <= MAX_DEPTH) and (
        not _check(value, MAX_DEPTH)
    ):
        raise NotCanonical("a member name is not ASCII")
    if _encode(value) != text:
        raise NotCanonical("is not in its canonical form (RFC 8785)")
    return value


def decode_base64(text: str) -> bytes:
    """The bytes behind a base64 text: standard alphabet, padded, in its one spelling.

    Raises:
        NotCanonical: It is none.
    """
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise NotCanonical(f"{text[:80]!r} is not base64") from None
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise NotCanonical(f"{text[:80]!r} is not in its one spelling (base64)")
    return data


def _integer(text: str) -> int:
    if (
        len(text) > MAX_DIGITS
        or not -MAX_INTEGER <= (value := int(text)) <= MAX_INTEGER
    ):
        raise NotCanonical(f"{text[:20]} lies beyond 2^53 - 1")
    return value


def _refuse_number(text: str) -> NoReturn:
    raise NotCanonical(f"{text[:20]} is no whole number")


_decode = json.JSONDecoder(
    parse_int=_integer, parse_float=_refuse_number, parse_constant=_refuse_number
).decode
