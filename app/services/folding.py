"""Make the business tables anew from the entries alone: state is a fold of the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.queries.log import get_head
from app.queries.log_spans import StoredEntry, read_entries
from app.services.differences import Difference
from app.services.errors import Refused
from app.services.facts import FACT_TYPES, Fact, SealedFact, parse_at
from app.services.journal import start_log
from app.services.posting import Replayed, replay
from app.services.repeats import UNKNOWN_REQUEST
from ledger import LedgerError, leaf_hash, parse_entry

BATCH = 500
Opener = Callable[[], AbstractContextManager[Session]]


def fold_entries(
    rows: Iterable[StoredEntry],
    target: Opener,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Difference]:
    """Post entries again, in log order, into tables that hold those before them.

    Signatures are not checked here, nor is the clock: these entries were taken. What
    the rules of this version refuse keeps its place in the log and has no effect.

    Args:
        rows: From the first entry that ``target`` lacks.
        target: Opens transactions on tables of their own.
        progress: Told how many entries are done.

    Returns:
        Entries that could not take effect, with the reason.
    """
    found: list[Difference] = []
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH)):
        with target() as session:
            start_log(session)
            parsed = [_parse(row) for row in batch]
            for one, fault in replay(session, [sealed for sealed, _ in parsed]):
                found += _faults(one, fault)
            found += [fault for _, fault in parsed if fault is not None]
        progress(batch[-1].entry_index + 1)
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


def _parse(row: StoredEntry) -> tuple[Replayed, Difference | None]:
    """A row of the log as it is posted again; what is no entry has no effect."""
    fault = None
    data: dict[str, Any] = {}
    parents: tuple[str, ...] = ()
    try:
        envelope = parse_entry(row.note).fact
        data, parents = envelope["data"], tuple(envelope["parents"])
        if envelope["type"] not in FACT_TYPES:
            fault = "no known type of fact"
    except LedgerError as error:
        fault = str(error)
    fact = Fact(
        id=row.fact_id, type=row.type, org=row.org, at=parse_at(row.at), data=data
    )
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
