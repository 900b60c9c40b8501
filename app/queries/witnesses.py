"""What the witnesses of the log have last said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import WitnessRow
from ledger import Policy


class WitnessState(StrEnum):
    """How a witness last answered.

    ``ahead``: it has cosigned more than the log has signed. ``forked``: it has cosigned
    another history under the log's key. Both stop the signing.
    """

    COSIGNED = "cosigned"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    GARBLED = "garbled"
    AHEAD = "ahead"
    FORKED = "forked"
    UNASKED = "unasked"


class WitnessView(NamedTuple):
    """A witness of the policy.

    Attributes:
        name: In the policy.
        url: Where it is asked.
        state: How it last answered; ``unasked`` where it never was.
        size: Entries that it is known to have cosigned; None where nobody knows.
        error: What went wrong when it was last asked; empty where nothing did.
        tried_at: When it was last asked.
    """

    name: str
    url: str | None
    state: WitnessState
    size: int | None
    error: str
    tried_at: datetime | None


def list_witnesses(session: Session, policy: Policy | None) -> list[WitnessView]:
    """The witnesses of the policy, in its order, each as it last answered."""
    if policy is None:
        return []
    rows = {row.name: row for row in session.scalars(select(WitnessRow))}
    found = []
    for one in policy.witnesses:
        row = rows.get(one.name)
        if row is None:
            view = WitnessView(one.name, one.url, WitnessState.UNASKED, None, "", None)
        else:
            view = WitnessView(
                one.name,
                one.url,
                WitnessState(row.state),
                row.size,
                row.error or "",
                row.tried_at,
            )
        found.append(view)
    return found


def find_contradicting(session: Session, signed_size: int) -> WitnessRow | None:
    """A witness that holds more than was signed, or another history; None if none.

    Args:
        session: To read in.
        signed_size: Of the newest checkpoint; 0 where there is none.
    """
    rows: Sequence[WitnessRow] = session.scalars(
        select(WitnessRow)
        .where(WitnessRow.state.in_((WitnessState.AHEAD, WitnessState.FORKED)))
        .order_by(WitnessRow.name)
    ).all()
    for row in rows:
        if row.state == WitnessState.FORKED or (row.size or 0) > signed_size:
            return row
    return None
