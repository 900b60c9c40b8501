"""Change the past of a throw-away log, as whoever holds the server could try to.

Only ``remelt demo tamper`` uses this, on databases that it made itself: to show who
notices, one has to do it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import Session

from app.models import (
    Base,
    CheckpointRow,
    CosignatureRow,
    LogTileRow,
    SealedKeyRow,
    SignerRow,
    WitnessRow,
)
from app.queries.errors import NotFound
from app.queries.log import find_checkpoint, get_head
from app.queries.log_spans import StoredEntry
from app.services.checkpoints import keep_tile_roots
from app.services.folding import fold_entries, iter_entries
from app.services.keys import KeyRing
from ledger import Entry, Signer, leaf_hash, parse_entry, sign_entry
from ledger.canonical import canonical_json
from ledger.entry import HEADER

KEPT_SEALS = frozenset((CheckpointRow.__tablename__, CosignatureRow.__tablename__))
"""What was signed of a log: nobody forges it without keys."""
SEALS = KEPT_SEALS | {
    table.__tablename__ for table in (LogTileRow, SignerRow, WitnessRow)
}
Opener = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight that a label rests on.

    Attributes:
        entry_index: Of the ``lot.sourced`` entry that states it.
        org: Who signed it.
        lot: The lot that it is of.
        net_g: As it was signed.
    """

    entry_index: int
    org: str
    lot: str
    net_g: int


def find_weight(session: Session, label: str) -> Weight:
    """The newest sourced lot behind a label that never moved, and was weighed full.

    Raises:
        NotFound: There is none.
    """
    entries, places = _read_all(session)
    digest = hashlib.sha256(label.encode()).hexdigest()
    waiting = [
        leaf
        for leaf, entry in entries.items()
        if entry.fact["type"] == "label.issued"
        and digest in entry.fact["data"]["codes_sha256"]
    ]
    behind: set[str] = set()
    while waiting:
        leaf = waiting.pop()
        if leaf not in behind:
            behind.add(leaf)
            waiting += entries[leaf].fact["parents"]
    moved = {
        entry.fact["data"]["lot"]
        for entry in entries.values()
        if entry.fact["type"] == "transfer.dispatched"
    }
    for leaf in sorted(behind, key=places.__getitem__, reverse=True):
        data = entries[leaf].fact["data"]
        if (
            entries[leaf].fact["type"] == "lot.sourced"
            and data["lot"] not in moved
            and "gross_g" in data["weighing"]
        ):
            return Weight(
                entry_index=places[leaf],
                org=entries[leaf].fact["org"],
                lot=data["lot"],
                net_g=data["weighing"]["net_g"],
            )
    raise NotFound("no weight behind label {label}", label=label)


def _read_all(session: Session) -> tuple[dict[str, Entry], dict[str, int]]:
    entries: dict[str, Entry] = {}
    places: dict[str, int] = {}
    size = get_head(session).size
    for row in iter_entries(session.connection(), 0, size):
        leaf = leaf_hash(row.note).hex()
        entries[leaf] = parse_entry(row.note)
        places[leaf] = row.entry_index
    return entries, places


def forge_log(
    source: Connection,
    target: Opener,
    weight: Weight,
    net_g: int,
    keyring: KeyRing | None,
) -> int:
    """Make a log with another weight in an empty database, its tables fitting it.

    Args:
        source: The log as it is.
        target: Of the empty database.
        weight: What to change.
        net_g: To what.
        keyring: Of the operator, who signs anew whatever has to change with it. None:
            of somebody without keys; signatures stay as they are.

    Returns:
        How many entries were changed.

    Raises:
        NotFound: An organisation keeps a key itself: nobody else can sign for it.
        app.services.folding.CannotFold: The rules do not allow it.
    """
    with Session(source) as session:
        size = get_head(session).size
        keys = None if keyring is None else _open_keys(session, keyring)
    forger = _Forger(weight, net_g, keys)
    fold_entries(forger.change(iter_entries(source, 0, size)), target, strict=True)
    with target() as session:
        _copy_rest(source, session, sealed=keyring is None)
    return forger.changed


class _Forger:
    """Changes an entry, and all that cite it if there are keys to sign them."""

    def __init__(
        self, weight: Weight, net_g: int, keys: dict[str, Signer] | None
    ) -> None:
        self._weight, self._net_g, self._keys = weight, net_g, keys
        self._leaves: dict[str, str] = {}
        self.changed = 0

    def change(self, rows: Iterable[StoredEntry]) -> Iterator[StoredEntry]:
        """The same rows with other notes where needed."""
        for row in rows:
            if row.entry_index < self._weight.entry_index:
                yield row
                continue
            entry = parse_entry(row.note)
            fact = deepcopy(dict(entry.fact))
            if row.entry_index == self._weight.entry_index:
                weighing = fact["data"]["weighing"]
                weighing["gross_g"] += self._net_g - weighing["net_g"]
                weighing["net_g"] = self._net_g
            if self._keys is not None:
                fact["parents"] = sorted(
                    self._leaves.get(leaf, leaf) for leaf in fact["parents"]
                )
            if fact == entry.fact:
                yield row
                continue
            note = self._sign(entry, fact)
            self._leaves[leaf_hash(row.note).hex()] = leaf_hash(note).hex()
            self.changed += 1
            yield row._replace(note=note)

    def _sign(self, entry: Entry, fact: dict[str, Any]) -> bytes:
        if self._keys is None:
            return _with_body(entry, fact)
        signers = []
        for line in entry.signatures:
            if line.name not in self._keys:
                raise NotFound(
                    "key {key} is not the platform's: nobody but its owner signs with "
                    "it",
                    key=line.name,
                )
            signers.append(self._keys[line.name])
        return sign_entry(fact, signers)


def _with_body(entry: Entry, fact: dict[str, Any]) -> bytes:
    """The note with other words above signatures that are of the words before."""
    signatures = entry.note[len(entry.text) :]
    return HEADER + canonical_json(fact, ascii_names=True) + b"\n" + signatures


def _open_keys(session: Session, keyring: KeyRing) -> dict[str, Signer]:
    return {
        name: keyring.open(name, sealed)
        for name, sealed in session.execute(
            select(SealedKeyRow.key_name, SealedKeyRow.sealed)
        )
    }


def _copy_rest(source: Connection, session: Session, *, sealed: bool) -> None:
    """Rows that are no function of the log, such as users; and what was signed of it.

    Args:
        source: Of the log as it is.
        session: Of the forged one.
        sealed: Whether checkpoints and cosignatures come along.
    """
    for table in Base.metadata.sorted_tables:
        if table.name in SEALS and not (sealed and table.name in KEPT_SEALS):
            continue
        if session.execute(select(table).limit(1)).first() is not None:
            continue
        if rows := [dict(row._mapping) for row in source.execute(select(table))]:
            session.execute(insert(table), rows)
    if sealed:
        signed = find_checkpoint(session)
        if signed is not None:
            keep_tile_roots(session, signed.size)
