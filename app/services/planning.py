"""What an entry will rest on, told before anybody signs it.

Whoever signs outside the platform (a program with a key file, a browser with a key of
its own) needs the leaf hashes that the entry names as its parents. They are told for
facts that would be recorded now, and only for those: the plan is a dry run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import LogEntryRow
from app.services.errors import FieldFault, Refused, RepeatMismatch
from app.services.facts import Fact
from app.services.journal import chunks, find_known
from app.services.keys import KeyRing
from app.services.posting import Receipt, post_what_fits
from app.services.signing import Parents, pretend_sealed, request_digest_of
from ledger import parse_entry

if TYPE_CHECKING:
    from app.services.recording import Doors

OF_THIS_BATCH = "#"


@dataclass(frozen=True, slots=True)
class Parent:
    """An entry of the log that another one rests on."""

    leaf_hash: str
    entry_index: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a fact needs to become an entry.

    Attributes:
        fact: As it would be recorded.
        parents: Entries of the log that it rests on, by leaf hash.
        after: Positions of facts of the same batch that it rests on too; their leaf
            hashes exist once they are signed.
        known: Where it stands in the log already; None for a new one.
    """

    fact: Fact
    parents: tuple[Parent, ...]
    after: tuple[int, ...]
    known: Receipt | None


class _Undo(Exception):
    """Takes the transaction back; never leaves this module."""


def plan_entries(
    doors: Doors, keyring: KeyRing, facts: Sequence[Fact], now: datetime
) -> list[Plan]:
    """What each fact of a batch rests on, if all of them would be recorded now.

    Whether the actor may state them is for the caller to ask.

    Raises:
        Refused: Faults by position.
        RepeatMismatch: Another fact stands in the log under one of the ids.
    """
    with doors.reading() as session:
        known = _known_receipts(session, keyring, facts)
        plans = _plans(session, facts, known)
    _try_out(doors, facts, known, now)
    return plans


def _known_receipts(
    session: Session, keyring: KeyRing, facts: Sequence[Fact]
) -> dict[int, Receipt]:
    """Receipts of facts that stand in the log, by position."""
    found = find_known(session, [(fact.org, fact.id) for fact in facts])
    receipts = {}
    for position, fact in enumerate(facts):
        if (entry := found.get((fact.org, fact.id))) is None:
            continue
        index, leaf_hash, digest = entry
        if digest != request_digest_of(fact, keyring) and not _is_stated(
            session, fact, index
        ):
            raise RepeatMismatch(
                "entry {index} stands in the log under the id {id}, "
                "and it says something else",
                index=index,
                id=fact.id,
            )
        receipts[position] = Receipt(fact.id, index, leaf_hash.hex(), True)
    return receipts


def _is_stated(session: Session, fact: Fact, index: int) -> bool:
    """Whether the entry says what the fact says; private values are not compared."""
    note = session.scalars(
        select(LogEntryRow.note).where(LogEntryRow.entry_index == index)
    ).one()
    said = parse_entry(note).fact
    stated = (fact.type, fact.at_text, dict(fact.data))
    return (said["type"], said["at"], said["data"]) == stated


def _plans(
    session: Session, facts: Sequence[Fact], known: dict[int, Receipt]
) -> list[Plan]:
    parents = Parents(session, facts)
    named: list[tuple[str, ...]] = []
    for position, fact in enumerate(facts):
        named.append(parents.of(fact))
        if (receipt := known.get(position)) is not None:
            parents.learn(fact, receipt.leaf_hash)
        else:
            parents.learn(fact, f"{OF_THIS_BATCH}{position}")
    leaves = {
        leaf for some in named for leaf in some if not leaf.startswith(OF_THIS_BATCH)
    }
    indexes = _indexes(session, sorted(leaves))
    return [
        Plan(
            fact,
            tuple(Parent(leaf, indexes[leaf]) for leaf in some if leaf in indexes),
            tuple(
                int(leaf.removeprefix(OF_THIS_BATCH))
                for leaf in some
                if leaf.startswith(OF_THIS_BATCH)
            ),
            known.get(position),
        )
        for position, (fact, some) in enumerate(zip(facts, named, strict=True))
    ]


def _indexes(session: Session, leaves: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks([bytes.fromhex(leaf) for leaf in leaves]):
        rows = session.execute(
            select(LogEntryRow.leaf_hash, LogEntryRow.entry_index).where(
                LogEntryRow.leaf_hash.in_(chunk)
            )
        )
        found.update((leaf.hex(), index) for leaf, index in rows)
    return found


def _try_out(
    doors: Doors, facts: Sequence[Fact], known: dict[int, Receipt], now: datetime
) -> None:
    """Post what is new, and take it back.

    Raises:
        Refused: Faults by position in ``facts``.
    """
    new = [position for position in range(len(facts)) if position not in known]
    if not new:
        return
    sealed = pretend_sealed([facts[position] for position in new])
    try:
        with doors.transaction() as session:
            faults = post_what_fits(session, sealed, now).faults
            raise _Undo
    except _Undo:
        pass
    if faults:
        raise Refused(
            [
                FieldFault(new[one.position or 0], one.field, one.message, one.values)
                for one in faults
            ]
        )
