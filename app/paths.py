"""What follows from an address alone: who asks there, cookies, numbers."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.routing import IntegerConverter, Map

MAX_NUMBER = 2**53 - 1
"""Of a row or an entry: what JSON and every database hold exactly."""
PROGRAMS = re.compile(
    r"/(api|log|healthz|metrics|\.well-known)(/|$)|/v/[^/]+/bundle$", re.IGNORECASE
)
COOKIELESS = re.compile(
    r"/(api|log|healthz|metrics|\.well-known|v|static|problems)(/|$)", re.IGNORECASE
)


def is_for_programs(path: str) -> bool:
    """Whether failures here are answered as JSON, in English.

    >>> is_for_programs("/api/v1/lots"), is_for_programs("/lots")
    (True, False)
    >>> is_for_programs("/V/7W5K-9QRP-2A4B/bundle")
    True
    """
    return PROGRAMS.match(path) is not None


def is_cookieless(path: str) -> bool:
    """Whether no cookie is read or set here: programs, and the page behind a label.

    >>> is_cookieless("/v/7W5K9QRP2A4B"), is_cookieless("/vintages")
    (True, False)
    """
    return COOKIELESS.match(path) is not None


class Number(IntegerConverter):
    """A whole number in an address; a larger one leads nowhere."""

    def __init__(self, map: Map, *args: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(map, *args, **{"max": MAX_NUMBER, **options})
