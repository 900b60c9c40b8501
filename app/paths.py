"""What follows from an address alone: who asks there, and with or without cookies."""

from __future__ import annotations

import re

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
