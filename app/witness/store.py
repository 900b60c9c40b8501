"""What a witness has cosigned: the newest checkpoint of each log, in one SQLite file.

The file belongs to one key for ever. It is made together with the key and never anew:
a witness that forgot what it cosigned could be led onto a second history.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger import WitnessedTree
from ledger.witnessing import NO_TREE

BUSY_S = 3
"""How long a request waits for another one to be stored; a log gives up after 5 s."""
VERSION = 1
SCHEMA = f"""
CREATE TABLE witness (vkey TEXT NOT NULL) STRICT;
CREATE TABLE cosigned (
    origin_sha256 TEXT PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note BLOB NOT NULL,
    cosigned_at INTEGER NOT NULL
) STRICT;
PRAGMA user_version = {VERSION};
"""
_SELECT = "SELECT origin, size, root, note, cosigned_at FROM cosigned"


class StoreError(Exception):
    """The file is missing, or is not the one of this witness."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint of a log as it was cosigned.

    Attributes:
        origin: Name of the log.
        tree: Its size and root.
        note: With the lines of the log and of the witness.
        at: POSIX seconds.
    """

    origin: str
    tree: WitnessedTree
    note: bytes
    at: int


def make_store(path: Path, vkey: str) -> None:
    """An empty file for a new witness; only its owner may read it.

    Raises:
        FileExistsError: There is one already.
    """
    path.touch(mode=0o600, exist_ok=False)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO witness (vkey) VALUES (?)", (vkey,))


class WitnessStore:
    """The file of one witness; threads and processes may use it at once.

    Raises:
        StoreError: The file is missing, or another witness's.
    """

    def __init__(self, path: Path, vkey: str) -> None:
        if not path.is_file():
            raise StoreError(
                f"{path} is missing: without it nobody knows what this key has "
                "cosigned; put it back, or make a new witness with a new key"
            )
        self._path = path
        try:
            with self._open() as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version != VERSION:
                    raise StoreError(f"{path} is no file of a witness")
                owner = connection.execute("SELECT vkey FROM witness").fetchone()
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
        if owner != (vkey,):
            raise StoreError(f"{path} belongs to another key than {vkey}")

    def advance(
        self, origin: str, cosign: Callable[[WitnessedTree], Cosigned]
    ) -> Cosigned:
        """Compare with what is held, cosign, store: others wait meanwhile.

        Once this returns, the checkpoint is on the disk and may be given away.

        Args:
            origin: Name of the log.
            cosign: Gets what is held, gives what shall be; an error stores nothing.

        Raises:
            sqlite3.OperationalError: The file stays locked, or cannot be written.
        """
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                made = cosign(_held(connection, origin))
                connection.execute(
                    "INSERT OR REPLACE INTO cosigned VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        hashlib.sha256(origin.encode()).hexdigest(),
                        origin,
                        made.tree.size,
                        made.tree.root,
                        made.note,
                        made.at,
                    ),
                )
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        return made

    def find(self, origin_sha256: str) -> Cosigned | None:
        """The newest checkpoint of the log whose origin has this hash, hexadecimal."""
        with self._open() as connection:
            row = connection.execute(
                f"{_SELECT} WHERE origin_sha256 = ?", (origin_sha256,)
            ).fetchone()
        return None if row is None else _cosigned(row)

    def all(self) -> list[Cosigned]:
        """The newest checkpoint of each log, by origin."""
        with self._open() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY origin").fetchall()
        return [_cosigned(row) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of this thread's own, that never makes a missing file."""
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        with closing(
            sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_S)
        ) as connection:
            # A cosignature that was given away must survive a power cut
            connection.execute("PRAGMA synchronous = FULL")
            yield connection


def _held(connection: sqlite3.Connection, origin: str) -> WitnessedTree:
    row = connection.execute(
        "SELECT size, root FROM cosigned WHERE origin = ?", (origin,)
    ).fetchone()
    return NO_TREE if row is None else WitnessedTree(*row)


def _cosigned(row: tuple[str, int, bytes, bytes, int]) -> Cosigned:
    origin, size, root, note, at = row
    return Cosigned(origin, WitnessedTree(size, root), note, at)
