"""Checkpoints with the lines of their witnesses: what the log publishes.

Three grades tell how firmly an entry stands: *recorded* (its index is final), *logged*
(under a checkpoint that the log signed) and *witnessed* (under one that the quorum of
the policy has cosigned too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import CheckpointRow, CosignatureRow
from app.queries.log import find_checkpoint, find_covering
from ledger import LedgerError, Policy, SignatureLine, add_lines
from ledger.note import parse_line
from ledger.policy import NO_QUORUM

Grade = Literal["recorded", "logged", "witnessed"]
PAGE = 50


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """A checkpoint as it is given to others.

    Attributes:
        size: Entries under it.
        root: Root over them.
        note: With the lines of the log and of every witness of the policy.
        signed_at: When the log signed it.
        witnesses: Names, in the policy, of those who have cosigned it, in its order.
        grade: ``witnessed`` where they make a quorum, else ``logged``.
    """

    size: int
    root: bytes
    note: bytes
    signed_at: datetime
    witnesses: tuple[str, ...] = ()
    grade: Grade = "logged"


def asks_for_witnesses(policy: Policy | None) -> bool:
    """Whether a checkpoint needs anybody's cosignature before it is believed."""
    return policy is not None and policy.quorum != NO_QUORUM


def find_published_checkpoint(
    session: Session, policy: Policy | None
) -> PublishedCheckpoint | None:
    """The newest checkpoint that is believed: cosigned by the quorum, if one is asked.

    Args:
        session: To read in.
        policy: Of the log; None: nobody witnesses it.
    """
    if policy is not None and asks_for_witnesses(policy):
        return _find_witnessed(session, policy)
    row = find_checkpoint(session)
    return None if row is None else with_cosignatures(session, row, policy)


def find_published_covering(
    session: Session, policy: Policy | None, index: int
) -> PublishedCheckpoint | None:
    """The first checkpoint over an entry that is believed, else the first signed one.

    None while not even the log has signed one over it.
    """
    if policy is not None and asks_for_witnesses(policy):
        found = _find_witnessed(session, policy, beyond=index)
        if found is not None:
            return found
    row = find_covering(session, index)
    return None if row is None else with_cosignatures(session, row, policy)


def find_newest_over(
    session: Session, policy: Policy | None, index: int
) -> PublishedCheckpoint | None:
    """The newest checkpoint that is believed, where it covers an entry.

    Where it does not, the newest that the log has signed, with whatever lines it has;
    None where that does not cover the entry either.
    """
    found = find_published_checkpoint(session, policy)
    if found is not None and found.size > index:
        return found
    row = find_checkpoint(session)
    if row is None or row.size <= index:
        return None
    return with_cosignatures(session, row, policy)


def with_cosignatures(
    session: Session, row: CheckpointRow, policy: Policy | None
) -> PublishedCheckpoint:
    """A checkpoint with what witnesses of the policy have put below it so far."""
    if policy is None or not policy.witnesses:
        return PublishedCheckpoint(row.size, row.root, row.note, row.signed_at)
    return _published(row, policy, _lines(session, policy, [row.size])[row.size])


def _published(
    row: CheckpointRow, policy: Policy, lines: dict[str, SignatureLine]
) -> PublishedCheckpoint:
    names = [one.name for one in policy.witnesses if one.name in lines]
    met = asks_for_witnesses(policy) and policy.is_met(set(names))
    return PublishedCheckpoint(
        row.size,
        row.root,
        add_lines(row.note, [lines[name] for name in names]),
        row.signed_at,
        tuple(names),
        "witnessed" if met else "logged",
    )


def _find_witnessed(
    session: Session, policy: Policy, beyond: int | None = None
) -> PublishedCheckpoint | None:
    """The newest checkpoint that the quorum has cosigned, or the first beyond a size.

    Checkpoints with enough lines are looked at in turn: whether they make a quorum is
    for the policy to say.
    """
    names = [one.name for one in policy.witnesses]
    column = CosignatureRow.size
    candidates = (
        select(column)
        .where(CosignatureRow.witness.in_(names))
        .group_by(column)
        .having(func.count() >= least_witnesses(policy))
        .order_by(column.desc() if beyond is None else column)
        .limit(PAGE)
    )
    page = candidates if beyond is None else candidates.where(column > beyond)
    while sizes := session.scalars(page).all():
        found = _lines(session, policy, sizes)
        for size in sizes:
            if policy.is_met(set(found[size])):
                row = session.get_one(CheckpointRow, size)
                return _published(row, policy, found[size])
        last = sizes[-1]
        page = candidates.where(column < last if beyond is None else column > last)
    return None


def least_witnesses(policy: Policy) -> int:
    """How many witnesses make the quorum at the least; 0 where nobody is asked."""
    needed = {one.name: 1 for one in policy.witnesses}
    for group in policy.groups:
        costs = sorted(needed[name] for name in group.members)
        needed[group.name] = sum(costs[: group.threshold])
    return needed.get(policy.quorum, 0)


def _lines(
    session: Session, policy: Policy, sizes: Sequence[int]
) -> dict[int, dict[str, SignatureLine]]:
    """Size -> name in the policy -> line, of the keys that the policy has today."""
    keys = {one.name: one.key for one in policy.witnesses}
    found: dict[int, dict[str, SignatureLine]] = {size: {} for size in sizes}
    rows = session.execute(
        select(CosignatureRow.size, CosignatureRow.witness, CosignatureRow.line).where(
            CosignatureRow.size.in_(sizes), CosignatureRow.witness.in_(keys)
        )
    )
    for size, name, text in rows:
        key, line = keys[name], _parsed(text)
        # The name may have had another key when the line was stored
        if line and (line.name, line.key_id) == (key.name, key.key_id):
            found[size][name] = line
    return found


def _parsed(text: str) -> SignatureLine | None:
    try:
        return parse_line(text.removesuffix("\n"))
    except LedgerError:
        return None  # somebody has changed the row: the line counts for nothing
