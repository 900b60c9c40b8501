"""The file in which a monitor keeps how far it has checked a log."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.services.archive import write_file
from app.services.errors import ServiceError


class BadState(ServiceError):
    """The file of a monitor's state cannot be read."""


@dataclass(slots=True)
class MonitorState:
    """How far a log was checked.

    Attributes:
        checked: How many entries were, from the first on.
        key_indexes: Those of them about organisations and keys, which held.
        expected: Digest of what owners of keys expected then.
        expected_to: How many entries were held against it.
        ahead: Who has seen more than the log shows: ``size`` and ``since``.
        grown_at: When the log was seen to grow last; None before the first look.
        grown_to: Entries that it had then.
        told: Messages of the alarms that stood at the last look.
    """

    checked: int = 0
    key_indexes: list[int] = field(default_factory=list)
    expected: str = ""
    expected_to: int = 0
    ahead: dict[str, dict[str, str | int]] = field(default_factory=dict)
    grown_at: datetime | None = None
    grown_to: int = 0
    told: list[str] = field(default_factory=list)


def read_state(path: Path) -> MonitorState:
    """The state in a file; a new one where there is none.

    Raises:
        BadState: The file is not as it was written.
    """
    if not path.exists():
        return MonitorState()
    try:
        state = _parse(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadState(
            "{path}: {reason}; take it away to check everything anew",
            path=path,
            reason=error,
        ) from None
    return state


def _parse(kept: dict[str, Any]) -> MonitorState:
    grown_at = kept["grown_at"]
    state = MonitorState(
        **kept | {"grown_at": grown_at and datetime.fromisoformat(grown_at)}
    )
    counts = (state.checked, state.expected_to, state.grown_to)
    if not all(type(one) is int and one >= 0 for one in counts):
        raise ValueError("it is not as it was written")
    if not all(
        type(one) is int and 0 <= one < state.checked for one in state.key_indexes
    ):
        raise ValueError("it names entries that were not checked")
    if sorted(set(state.key_indexes)) != state.key_indexes:
        raise ValueError("its entries are not in their order")
    for one in state.ahead.values():
        int(one["size"])
        if datetime.fromisoformat(str(one["since"])).tzinfo is None:
            raise ValueError("a time has no zone")
    if state.grown_at is not None and state.grown_at.tzinfo is None:
        raise ValueError("a time has no zone")
    return state


def write_state(path: Path, state: MonitorState) -> None:
    """Write the state, whole or not at all."""
    kept = {
        "checked": state.checked,
        "key_indexes": state.key_indexes,
        "expected": state.expected,
        "expected_to": state.expected_to,
        "ahead": state.ahead,
        "grown_at": None if state.grown_at is None else state.grown_at.isoformat(),
        "grown_to": state.grown_to,
        "told": state.told,
    }
    write_file(path, json.dumps(kept, ensure_ascii=False).encode())
