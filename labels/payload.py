"""What stands in the QR symbol of a label: ``BASE/V/<code>``, and the symbol itself.

Scheme, host and code are written in capitals: letters that QR's alphanumeric mode
packs into 5.5 bits instead of 8, so that the modules can be larger. A path in the base
address is left as it is, because paths tell capitals from small letters.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

import qrcode
from qrcode import constants, util
from qrcode.exceptions import DataOverflowError

from labels.codes import BadCode, format_code, parse_code
from labels.errors import BadAddress

QUIET_MODULES = 4
MASK = 3
"""One mask for all symbols. ISO/IEC 18004, 7.8 asks for the mask with the fewest
penalty points, which costs nine times the work; readers take any, and every symbol
that the tests print is read back."""
_DARK = re.compile(rb"\x01+")
_ALPHANUMERIC: Literal[2] = 2
_BYTES: Literal[4] = 4
_LEVELS = {"Q": constants.ERROR_CORRECT_Q, "H": constants.ERROR_CORRECT_H}
Rows = tuple[tuple[bool, ...], ...]
"""Modules of a symbol, dark ones True, without the quiet zone."""


def label_url(base_url: str, code: str) -> str:
    """The address that a label carries.

    >>> label_url("https://remelt.example", "7W5K9QRP2A4B")
    'HTTPS://REMELT.EXAMPLE/V/7W5K9QRP2A4B'
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise BadAddress("found {url}, expected an http or https address", url=base_url)
    path = parts.path.rstrip("/")
    return f"{parts.scheme.upper()}://{parts.netloc.upper()}{path}/V/{code}"


def address_line(base_url: str, code: str) -> str:
    """The address as people type it: small letters, the code in groups of four."""
    parts = urlsplit(base_url)
    return f"{parts.netloc}{parts.path.rstrip('/')}/v/{format_code(code)}"


def parse_payload(text: str) -> str:
    """The code in a scanned address, or in a code that was typed.

    Raises:
        BadCode: There is none in it.
    """
    path = urlsplit(text.strip()).path
    _, found, tail = path.upper().rpartition("/V/")
    if not found:
        return parse_code(text)
    if "/" in tail.strip("/"):
        raise BadCode(f"found {text!r}, expected the address of a label")
    return parse_code(tail.strip("/"))


def symbol(text: str, level: str = "Q") -> Rows:
    """The QR symbol of a text (ISO/IEC 18004, model 2).

    Args:
        text: What it says.
        level: Error correction: ``Q`` on paper (25 %), ``H`` on yard tags (30 %).

    Raises:
        BadAddress: It is too long for any symbol.
    """
    data = text.encode()
    capital = set(data) <= set(util.ALPHA_NUM)
    mode = _ALPHANUMERIC if capital else _BYTES
    code = qrcode.QRCode(
        version=_version(len(data), mode, level),
        error_correction=_LEVELS[level],
        border=0,
        mask_pattern=MASK,
    )
    code.add_data(util.QRData(data, mode=mode, check_data=False), optimize=0)
    code.make(fit=False)
    return tuple(tuple(bool(module) for module in row) for row in code.modules)


@cache
def _version(length: int, mode: Literal[2, 4], level: str) -> int:
    """The smallest symbol that holds a text of this length."""
    code = qrcode.QRCode(error_correction=_LEVELS[level], mask_pattern=MASK)
    filler = b"A" * length if mode == _ALPHANUMERIC else b"a" * length
    code.add_data(util.QRData(filler, mode=mode), optimize=0)
    try:
        return int(code.best_fit(start=1))
    except (DataOverflowError, ValueError) as error:
        raise BadAddress(
            "an address of {length} characters is too long for a symbol", length=length
        ) from error


def dark_runs(rows: Rows) -> list[tuple[int, int, int]]:
    """(column, row, width) of every dark stretch of a symbol."""
    return [
        (run.start(), y, run.end() - run.start())
        for y, row in enumerate(rows)
        for run in _DARK.finditer(bytes(row))
    ]
