"""Tables of our own beside the database: what the log gives, kept between checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from app.db import open_engine, session_makers
from app.queries.log import Head, get_head
from app.schema import newest_revision, revision_of, upgrade
from app.schemas.facts import schema_fault
from app.services.archive import write_file
from app.services.differences import Difference
from app.services.folding import fold_entries, iter_entries
from app.services.published import root_at
from app.services.row_comparing import compare_tables
from ledger import Frontier

FOLDER = "verified"


@dataclass(frozen=True, slots=True)
class Verified:
    """Up to where a log was found to agree in everything.

    Attributes:
        genesis: Leaf hash of entry 0, hexadecimal.
        size: Of the last checkpoint that was verified.
        root: Over so many entries, hexadecimal.
        verified_at: UTC, as text.
    """

    genesis: str
    size: int
    root: str
    verified_at: str


def read_verified(data_dir: Path) -> Verified | None:
    """What the last check that found no difference has left."""
    path = data_dir / FOLDER / "verified.json"
    if not path.exists():
        return None
    return Verified(**json.loads(path.read_text("utf-8")))


def keep_verified(data_dir: Path, verified: Verified) -> None:
    """Leave it for the next check."""
    text = json.dumps(asdict(verified), indent=1) + "\n"
    write_file(data_dir / FOLDER / "verified.json", text.encode())


def _begins_with(session: Session, head: Head) -> bool:
    """Whether a log begins with the entries over which this is the edge."""
    if head.size > get_head(session).size:
        return False
    return root_at(session, head.size) == Frontier.load(*head).root()


def _compare_schemas(found: Connection, ours: Connection) -> Iterator[Difference]:
    """Tables, indexes and triggers of SQLite as the migrations have written them.

    PostgreSQL keeps no text of them: there, triggers are looked at and rows compared.
    """
    if found.dialect.name != "sqlite":
        return
    is_now, expected = _schema_of(found), _schema_of(ours)
    for key in sorted(is_now.keys() | expected.keys()):
        kind, name = key
        # An index or a table that the operator has added changes nothing; a trigger may
        if key not in expected and kind != "trigger":
            continue
        if is_now.get(key) != expected.get(key):
            said = is_now.get(key, "nothing")
            yield Difference(
                None, name, kind, f"is not as the migrations have made it: {said}"
            )


def _schema_of(connection: Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        text("SELECT type, name, tbl_name, sql FROM sqlite_master")
    )
    return {
        (str(kind), str(name)): f"on {table}: {sql or 'of a constraint'}"
        for kind, name, table, sql in rows
    }


class Shadow:
    """The business tables as the entries give them, in an SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        self._engine = open_engine(f"sqlite:///{self._path}")
        self._writers, self._readers = session_makers(self._engine)

    def prepare(self, session: Session, *, anew: bool) -> bool:
        """Make the file ready to follow a log; start it over where it cannot.

        Args:
            session: A view of the log.
            anew: Begin with entry 0 whatever is there.

        Returns:
            Whether what it held is the beginning of the log.
        """
        with self._engine.connect() as connection:
            revision = revision_of(connection)
        fits = True
        if revision == newest_revision() and not anew:
            with self._readers() as ours:
                head = get_head(ours)
            fits = _begins_with(session, head)
        if anew or not fits or revision not in (None, newest_revision()):
            self.discard()
            self._open()
        upgrade(self._engine)
        return fits

    def follow(
        self, session: Session, progress: Callable[[int], None]
    ) -> list[Difference]:
        """Take in the entries that are new."""
        with self._readers() as ours:
            start = get_head(ours).size
        entries = iter_entries(session.connection(), start, get_head(session).size)
        return fold_entries(
            entries, self._transaction, progress, check_data=schema_fault
        )

    def compare(self, session: Session) -> list[Difference]:
        """Schema and every row of the database in use against ours."""
        with self._readers() as ours:
            return [
                *_compare_schemas(session.connection(), ours.connection()),
                *compare_tables(session.connection(), ours.connection()),
            ]

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with self._writers.begin() as session:
            yield session

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def discard(self) -> None:
        """Delete the file."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
