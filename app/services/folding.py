"""Make the business tables anew from the entries alone: state is a fold of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.queries.log import get_head
from app.queries.log_spans import StoredEntry, read_entries
from app.services.differences import Difference
from app.services.errors import Refused
from app.services.facts import FACT_TYPES, Fact, SealedFact, parse_at
from app.services.journal import start_log
from app.services.log_check import DataCheck
from app.services.posting import Replayed, replay
from app.services.repeats import UNKNOWN_REQUEST
from ledger import LedgerError, leaf_hash, parse_entry

BATCH = 500
Opener = Callable[[], AbstractContextManager[Session]]


class CannotFold(Exception):
    """Entries that cannot take effect.

    Attributes:
        differences: Which, with the reason.
    """

    def __init__(self, differences: list[Difference]) -> None:
        super().__init__(differences[0].message)
        self.differences = differences


def fold_entries(
    rows: Iterable[StoredEntry],
    target: Opener,
    progress: Callable[[int], None] = lambda done: None,
    *,
    check_data: DataCheck | None = None,
    strict: bool = False,
) -> list[Difference]:
    """Post entries again, in log order, into tables that hold those before them.

    Signatures are not checked here, nor is the clock: these entries were taken. What
    the rules of this version refuse keeps its place in the log and has no effect.

    Args:
        rows: From the first entry that ``target`` lacks.
        target: Opens transactions on tables of their own.
        progress: Told how many entries are done.
        check_data: Holds data against their closed schemas; without it, they were
            checked before.
        strict: Stop at the first entry that cannot take effect.

    Returns:
        Entries that could not take effect, with the reason. At an entry that is
        missing the fold ends.

    Raises:
        CannotFold: Strictly, an entry cannot take effect; its batch was left out.
    """
    found: list[Difference] = []
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH)):
        with target() as session:
            faults: list[Difference] = []
            start_log(session)
            start = get_head(session).size
            for place, row in enumerate(batch, start):
                if row.entry_index != place:
                    message = "is missing: nothing behind it can be folded"
                    faults.append(
                        Difference(place, "log_entry", "entry_index", message)
                    )
                    batch = batch[: place - start]
                    waiting = iter(())
                    break
            parsed = [_parse(row, check_data) for row in batch]
            for one, fault in replay(session, [sealed for sealed, _ in parsed]):
                faults += _faults(one, fault)
            faults += [fault for _, fault in parsed if fault is not None]
            if strict and faults:
                raise CannotFold(faults)
            found += faults
        progress(start + len(batch))
    return found


def iter_entries(
    connection: Connection, start: int, stop: int
) -> Iterator[StoredEntry]:
    """Rows of the log from ``start`` up to ``stop``, a stretch at a time."""
    for first in range(start, stop, BATCH):
        yield from read_entries(connection, first, min(first + BATCH, stop))


def folded_size(target: Opener) -> int:
    """How many entries the tables hold already."""
    with target() as session:
        return get_head(session).size


def _parse(
    row: StoredEntry, check_data: DataCheck | None
) -> tuple[Replayed, Difference | None]:
    """A row of the log as it is posted again; what is no entry has no effect."""
    fact = Fact(
        id=row.fact_id, type=row.type, org=row.org, at=parse_at(row.at), data={}
    )
    parents: tuple[str, ...] = ()
    fault = None
    try:
        envelope = parse_entry(row.note).fact
        fact = Fact(
            id=envelope["id"],
            type=envelope["type"],
            org=envelope["org"],
            at=parse_at(envelope["at"]),
            data=envelope["data"],
        )
        parents = tuple(envelope["parents"])
        if fact.type not in FACT_TYPES:
            fault = f"{fact.type} is no known type of fact"
        elif check_data is not None:
            fault = check_data(fact.type, fact.data)
    except LedgerError as error:
        fault = str(error)
    sealed = SealedFact(
        fact=fact,
        note=row.note,
        leaf_hash=leaf_hash(row.note),
        request_digest=UNKNOWN_REQUEST,
        disclosures=(),
        parents=parents,
    )
    index = row.entry_index
    if fault is None:
        return Replayed(index, sealed, True), None
    message = f"has no effect: {fault}"
    return Replayed(index, sealed, False), Difference(
        index, "log_entry", "note", message
    )


def _faults(one: Replayed, refused: Refused) -> Iterator[Difference]:
    for fault in refused.faults:
        yield Difference(
            one.index,
            "log_entry",
            fault.field or "data",
            f"{one.sealed.fact.type} is refused by the rules: {fault.text}",
        )
