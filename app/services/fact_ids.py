"""Ids of facts that the platform states itself or fills into its forms."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

RANDOM_BITS = 74
LOW_BITS = 62


def new_fact_id(now: datetime) -> str:
    """A UUID of version 7 (RFC 9562, 5.7): milliseconds, then 74 random bits."""
    milliseconds = int(now.timestamp() * 1000) & (2**48 - 1)
    random = secrets.randbits(RANDOM_BITS)
    high, low = random >> LOW_BITS, random & (2**LOW_BITS - 1)
    value = milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low
    return str(UUID(int=value))
