"""Check one stretch of the log: what the processes of ``verify`` do side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from app.queries.log_spans import (
    StoredCheckpoint,
    StoredEntry,
    find_leaves,
    find_roots,
    read_checkpoints,
    read_entries,
    read_hashes,
    read_key_facts,
    read_tile_roots,
)
from app.services.differences import Difference
from app.services.facts import FACT_TYPES
from ledger import (
    KEY_TYPES,
    BadSignature,
    KeyHistory,
    LedgerError,
    Span,
    Verifier,
    WitnessKey,
    leaf_hash,
    open_checkpoint,
    parse_entry,
    verify_lines,
)
from ledger.note import parse_line, split_note
from ledger.skimming import Envelope, SkimmedEntry, skim_entry

SPAN = 1024
"""Entries of a stretch: whole tiles, and few enough for the cache of a processor."""
TILE_HEIGHT = 8
DataCheck = Callable[[str, Mapping[str, Any]], str | None]
"""Says what does not fit the closed schema of a type; None when all does."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the entries of the log are checked against.

    Attributes:
        origin: Of the log.
        log_vkey: Signs its checkpoints.
        history: Every key, from the facts about keys.
        key_indexes: Entries whose signatures the history has verified already.
        witnesses: Policy name -> key of each witness of the policy.
        check_data: Holds data against their closed schema; None: not checked.
    """

    origin: str
    log_vkey: str
    history: KeyHistory
    key_indexes: frozenset[int]
    witnesses: Mapping[str, str] = field(default_factory=dict)
    check_data: DataCheck | None = None
    forms: bool = True


@dataclass(frozen=True, slots=True)
class SpanReport:
    """What one stretch comes to.

    Attributes:
        count: How many entries were there.
        edge: Roots of the full subtrees over them, largest first.
        tiles: Roots of the full tiles among them.
        signed: Size and edge of each part that a checkpoint is over, and the root
            that the checkpoint names.
        differences: By entry.
    """

    count: int
    edge: list[bytes]
    tiles: list[bytes]
    signed: list[tuple[int, list[bytes], bytes]]
    differences: list[Difference]


def fold_keys(
    connection: Connection, size: int
) -> tuple[KeyHistory, frozenset[int], list[Difference]]:
    """The history of keys, each fact of it verified by those before it."""
    history = KeyHistory()
    known: set[int] = set()
    differences: list[Difference] = []
    for index, note in read_key_facts(connection, KEY_TYPES, size):
        known.add(index)
        try:
            history.check(index, parse_entry(note))
        except LedgerError as error:
            differences.append(Difference(index, "log_entry", "note", str(error)))
    return history, frozenset(known), differences


def check_span(
    connection: Connection,
    trust: Trust,
    start: int,
    stop: int,
    *,
    hashes_only: bool = False,
) -> SpanReport:
    """Rehash entries from ``start`` up to ``stop``, check signatures and all else.

    Args:
        connection: One consistent view.
        trust: Keys, and how to check data.
        start: A multiple of ``SPAN``.
        stop: At most ``SPAN`` more.
        hashes_only: Hashes, tiles and checkpoints; no signature of an entry.
    """
    differences: list[Difference] = []
    leaves: list[bytes] = []
    if hashes_only:
        for index, stored, note in read_hashes(connection, start, stop):
            tip = leaf_hash(note)
            leaves.append(tip)
            if tip != stored or index != start + len(leaves) - 1:
                differences += _hash_differences(
                    start + len(leaves) - 1, index, tip, stored
                )
    else:
        checker = _EntryChecker(trust, start)
        for row in read_entries(connection, start, stop):
            leaves.append(leaf_hash(row.note))
            differences += checker.check(row, leaves[-1])
        differences += checker.check_citations(connection)
    span = Span(leaves)
    tiles = span.roots(TILE_HEIGHT)
    differences += _check_tiles(connection, start >> TILE_HEIGHT, tiles)
    signed = []
    for checkpoint in read_checkpoints(connection, start, stop):
        differences += _check_checkpoint(checkpoint, trust)
        if checkpoint.size - start <= len(leaves):
            edge = span.edge(checkpoint.size - start)
            signed.append((checkpoint.size, edge, checkpoint.root))
    return SpanReport(len(leaves), span.edge(len(leaves)), tiles, signed, differences)


def _hash_differences(
    expected: int, index: int, tip: bytes, stored: bytes
) -> Iterator[Difference]:
    if index != expected:
        yield Difference(
            expected,
            "log_entry",
            "entry_index",
            f"found {index}, expected {expected}: an entry is missing before it",
        )
    if tip != stored:
        yield Difference(
            index,
            "log_entry",
            "leaf_hash",
            f"found {stored.hex()}, the note has {tip.hex()}",
        )


class _EntryChecker:
    """Checks entries one after the other; what they cite, all at once at the end."""

    def __init__(self, trust: Trust, start: int) -> None:
        self._trust = trust
        self._next = start
        self._cited: dict[bytes, int] = {}
        self._here: dict[bytes, int] = {}
        self._seen: list[tuple[int, int, str]] = []

    def check(self, row: StoredEntry, tip: bytes) -> Iterator[Difference]:
        """Everything about one entry but what it cites."""
        yield from _hash_differences(self._next, row.entry_index, tip, row.leaf_hash)
        index, self._next = row.entry_index, self._next + 1
        self._here[tip] = index
        try:
            if self._trust.forms:
                yield from self._check_schema(index, parse_entry(row.note).fact)
            entry = skim_entry(row.note)
        except LedgerError as error:
            yield Difference(index, "log_entry", "note", str(error))
            return
        envelope = entry.envelope
        try:
            self._check_signature(index, entry)
        except LedgerError as error:
            yield Difference(index, "log_entry", "note", str(error))
        if (row.type, row.org, row.fact_id, row.at) != (
            envelope.type,
            envelope.org,
            envelope.id,
            envelope.at,
        ):
            yield from _column_differences(row, envelope)
        for parent in envelope.parents:
            self._cited.setdefault(bytes.fromhex(parent), index)
        if (seen := envelope.seen) is not None:
            self._seen.append((index, seen.size, seen.root))

    def _check_signature(self, index: int, entry: SkimmedEntry) -> None:
        if index in self._trust.key_indexes:
            return
        kind, lines = entry.envelope.type, entry.signatures
        if kind in KEY_TYPES:
            raise BadSignature("a fact about keys that is not stored as one")
        history = self._trust.history
        signer = history.signer_among(index, kind, entry.envelope.org, lines)
        verify_lines(entry.text, lines, [signer])

    def _check_schema(
        self, index: int, fact: Mapping[str, Any]
    ) -> Iterator[Difference]:
        kind = FACT_TYPES.get(fact["type"])
        if kind is None or fact["v"] != 1:
            yield Difference(
                index,
                "log_entry",
                "type",
                f"found {fact['type']} v{fact['v']}, which is no known type of fact",
            )
            return
        if len(fact["sd"]) != kind.slots:
            yield Difference(
                index,
                "log_entry",
                "sd",
                f"found {len(fact['sd'])} digests, expected {kind.slots}",
            )
        if self._trust.check_data is not None:
            fault = self._trust.check_data(fact["type"], fact["data"])
            if fault is not None:
                yield Difference(index, "log_entry", "data", fault)

    def check_citations(self, connection: Connection) -> Iterator[Difference]:
        """Parents stand before those who cite them; what was seen is this log."""
        elsewhere = self._cited.keys() - self._here.keys()
        places = self._here | find_leaves(connection, elsewhere)
        for parent, index in self._cited.items():
            if places.get(parent, index) >= index:
                yield Difference(
                    index,
                    "log_entry",
                    "parents",
                    f"{parent.hex()} stands nowhere before this entry",
                )
        roots = find_roots(connection, {size for _, size, _ in self._seen})
        for index, size, root in self._seen:
            if size > index or roots.get(size, b"").hex() != root:
                yield Difference(
                    index,
                    "log_entry",
                    "seen",
                    f"its signer had seen the root {root} over {size} entries, "
                    f"found {roots.get(size, b'').hex() or 'no such checkpoint'}",
                )


def _column_differences(row: StoredEntry, envelope: Envelope) -> Iterator[Difference]:
    for name, column, member in (
        ("type", row.type, envelope.type),
        ("org", row.org, envelope.org),
        ("fact_id", row.fact_id, envelope.id),
        ("at", row.at, envelope.at),
    ):
        if column != member:
            yield Difference(
                row.entry_index,
                "log_entry",
                name,
                f"found {column}, the entry says {member}",
            )


def _check_tiles(
    connection: Connection, first: int, roots: list[bytes]
) -> Iterator[Difference]:
    stored = read_tile_roots(connection, 0, first, first + len(roots))
    for number, root in enumerate(roots, first):
        if number in stored and stored[number] != root:
            yield tile_difference(0, number)


def tile_difference(level: int, number: int) -> Difference:
    """A stored root of a tile that is not that of its hashes."""
    return Difference(
        None,
        "log_tile",
        "root",
        f"tile {number} of level {level} has another root",
        row=f"{level}/{number}",
    )


def _check_checkpoint(row: StoredCheckpoint, trust: Trust) -> Iterator[Difference]:
    def differs(table: str, field: str, message: str) -> Difference:
        message = f"size {row.size}: {message}"
        return Difference(None, table, field, message, row=str(row.size))

    try:
        log_key = Verifier.parse(trust.log_vkey)
        found = open_checkpoint(row.note, [log_key], trust.origin)
    except LedgerError as error:
        yield differs("checkpoint", "note", str(error))
        return
    if (found.size, found.root) != (row.size, row.root):
        yield differs("checkpoint", "note", "names another size or root than the row")
    for witness, line in row.cosignatures:
        vkey = trust.witnesses.get(witness)
        if vkey is None:
            continue  # of a policy that was replaced: nothing here knows its key
        try:
            text, _ = split_note(row.note)
            if not line.endswith("\n"):
                raise BadSignature("the line has no end")
            WitnessKey.parse(vkey).verify(parse_line(line[:-1]), text)
        except LedgerError as error:
            yield differs("cosignature", "line", f"{witness}: {error}")
