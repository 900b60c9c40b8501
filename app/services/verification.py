"""Verify the whole log: every hash, every signature, every checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import CheckpointRow, LogEntryRow, LogTileRow
from app.queries.log import TILE_WIDTH, DatabaseTiles, get_head
from app.services.facts import FACT_TYPES
from app.services.genesis import TrustRoot, get_trust_root
from ledger import (
    Entry,
    Frontier,
    LedgerError,
    Verifier,
    check_possession,
    leaf_hash,
    open_checkpoint,
    parse_entry,
    root_of,
    verify_entry,
)
from ledger.tiles import split_hashes


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in the log that is not as it should be.

    Attributes:
        entry_index: Which entry, or None for what is not about one.
        table: Where.
        field: Which column or part.
        message: What was found, what was expected.
    """

    entry_index: int | None
    table: str
    field: str
    message: str


class Keys:
    """Which keys are valid, folded from the entries themselves."""

    def __init__(self, root: TrustRoot) -> None:
        self._registrar = Verifier.parse(root.registrar_vkey)
        self._of: dict[str, dict[str, Verifier]] = {}

    def expected(self, entry: Entry) -> list[Verifier]:
        """The keys that should have signed an entry.

        Raises:
            LedgerError: No registered key has signed it.
        """
        fact = entry.fact
        kind = FACT_TYPES.get(fact["type"])
        known = self._of.get(fact["org"], {})
        first_key = fact["type"] == "key.registered" and not known
        if (kind is not None and kind.registrar) or first_key:
            return [self._registrar]
        found = [known[one.name] for one in entry.signatures if one.name in known]
        if len(found) != 1:
            raise LedgerError(
                f"no key of organisation {fact['org']} that is valid here has signed"
            )
        return found

    def learn(self, entry: Entry) -> None:
        """A key that is valid from behind this entry on.

        Raises:
            LedgerError: Its proof of possession does not verify, or it is weak.
        """
        fact = entry.fact
        if fact["type"] != "key.registered":
            return
        data = fact["data"]
        check_possession(fact["org"], data["vkey"], data["proof"])
        verifier = Verifier.parse(data["vkey"])
        self._of.setdefault(fact["org"], {})[verifier.name] = verifier


def verify_log(
    session: Session, progress: Callable[[int], None] = lambda done: None
) -> list[Difference]:
    """Rehash the log, check every signature, rebuild the root and every checkpoint.

    Args:
        session: One consistent view.
        progress: Told how many entries are done.

    Returns:
        Every difference; empty when all is well.
    """
    head = get_head(session)
    if not head.size:
        return [Difference(None, "log_head", "size", "the log has no entry")]
    differences: list[Difference] = []
    root = get_trust_root(session)
    keys = Keys(root)
    checkpoints = _checkpoints(session)
    log_key = Verifier.parse(root.log_vkey)
    tree = Frontier()
    known_leaves: set[str] = set()
    for row in _entries(session):
        index = tree.size
        differences += _check_row(row, index, keys, known_leaves)
        tip = leaf_hash(row.note)
        known_leaves.add(tip.hex())
        tree.append_leaf(tip)
        if (checkpoint := checkpoints.pop(tree.size, None)) is not None:
            differences += _check_checkpoint(checkpoint, tree, root.origin, log_key)
        if index % 1000 == 0:
            progress(index)
    progress(tree.size)
    if (tree.size, tree.dump()) != (head.size, head.frontier):
        differences.append(
            Difference(
                None,
                "log_head",
                "frontier",
                f"size {head.size}, but the {tree.size} entries give another tree",
            )
        )
    for size in sorted(checkpoints):
        differences.append(
            Difference(
                None,
                "checkpoint",
                "size",
                f"a checkpoint over {size} entries, found {tree.size}",
            )
        )
    differences += _check_tiles(session)
    return differences


def _entries(session: Session) -> Iterator[LogEntryRow]:
    wanted = (
        select(LogEntryRow)
        .order_by(LogEntryRow.entry_index)
        .execution_options(yield_per=500)
    )
    yield from session.scalars(wanted)


def _checkpoints(session: Session) -> dict[int, CheckpointRow]:
    return {row.size: row for row in session.scalars(select(CheckpointRow))}


def _check_row(
    row: LogEntryRow, index: int, keys: Keys, known_leaves: set[str]
) -> Iterator[Difference]:
    def differs(field: str, message: str) -> Difference:
        return Difference(index, "log_entry", field, message)

    if row.entry_index != index:
        yield differs("entry_index", f"found {row.entry_index}, expected {index}")
    if leaf_hash(row.note) != row.leaf_hash:
        yield differs("leaf_hash", "is not the hash of the note")
    try:
        entry = parse_entry(row.note)
        verify_entry(entry, keys.expected(entry))
        keys.learn(entry)
    except LedgerError as error:
        yield differs("note", str(error))
        return
    fact = entry.fact
    found = (row.type, row.org, row.fact_id, row.at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for name, column, member in zip(
        ("type", "org", "fact_id", "at"),
        found,
        (fact["type"], fact["org"], fact["id"], fact["at"]),
        strict=True,
    ):
        if column != member:
            yield differs(name, f"found {column}, the entry says {member}")
    if missing := set(fact["parents"]) - known_leaves:
        yield differs("parents", f"{min(missing)} stands nowhere before this entry")


def _check_checkpoint(
    row: CheckpointRow, tree: Frontier, origin: str, log_key: Verifier
) -> Iterator[Difference]:
    def differs(field: str, message: str) -> Difference:
        return Difference(None, "checkpoint", field, f"size {row.size}: {message}")

    if row.root != tree.root():
        yield differs("root", "is not the root of that many entries")
    try:
        checkpoint = open_checkpoint(row.note, [log_key], origin)
    except LedgerError as error:
        yield differs("note", str(error))
        return
    if (checkpoint.size, checkpoint.root) != (row.size, tree.root()):
        yield differs("note", "says another size or root than the entries give")


def _check_tiles(session: Session) -> Iterator[Difference]:
    tiles = DatabaseTiles(session)
    wanted = select(LogTileRow).order_by(LogTileRow.level, LogTileRow.tile_index)
    for row in session.scalars(wanted):
        hashes = split_hashes(tiles.read_tile(row.level, row.tile_index, TILE_WIDTH))
        if root_of(hashes) != row.root:
            yield Difference(
                None,
                "log_tile",
                "root",
                f"tile {row.tile_index} of level {row.level} has another root",
            )
