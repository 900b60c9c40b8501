"""Back up a database into one file, and restore it, the log being the judge.

The file is a zip archive: every table as lines of JSON, then ``manifest.json``. Its
last 64 bytes (the comment of the archive) are the SHA-256 of everything before them, so
that one changed byte is found before anything is read. It is the same for SQLite and
PostgreSQL, and goes from one to the other.

It is read in one consistent view while writers go on. The log key is not in it, nor the
key that opens the sealed keys: keys are kept apart from the database and its backup.
The keys of private values stand in a file of their own, of which only the newest is
kept: who destroys a key has then erased what is under it in every older backup too.
Files that were handed in for an import are not in it either.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    LargeBinary,
    Table,
    false,
    func,
    select,
)
from sqlalchemy.orm import Session

from app.models import Base, DisclosureKeyRow, ImportRow
from app.models.base import UtcDateTime
from app.queries.log import find_checkpoint, get_head
from app.services.auditing import audit_material
from app.services.errors import Conflict, LogRolledBack, ServiceError
from app.services.genesis import get_trust_root
from app.services.published import Published
from app.services.verification import verify_log
from ledger import Frontier, LedgerError

FORMAT = "remelt-backup/1"
MANIFEST = "manifest.json"
DIGEST_LENGTH = 64
LEFT_OUT: frozenset[Any] = frozenset({DisclosureKeyRow.__table__, ImportRow.__table__})
"""Keys of private values, which ``write_vault`` writes, and files that were handed in:
they hold private values, and what they stated stands in the log."""
ROWS_AT_A_TIME = 2_000
BLOCK = 1 << 20
SHOWN = 5
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
Progress = Callable[[str, int], None]


class BadBackup(ServiceError):
    """The file is not a whole backup, or does not hold what it says."""


@dataclass(frozen=True, slots=True)
class TablePart:
    """One table of a backup.

    Attributes:
        name: Of the table.
        columns: In the order of each line.
        rows: How many lines there are.
        sha256: Of the lines, hexadecimal.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds.

    Attributes:
        revision: Of the schema.
        made_at: When, UTC.
        origin: Name of the log.
        log_vkey: Key of its checkpoints.
        genesis: Leaf hash of entry 0, hexadecimal.
        log_size: Entries in the log.
        log_root: Root over them, hexadecimal.
        checkpoint_size: Of the newest checkpoint; 0 without any.
        tables: In order of dependence.
    """

    revision: str
    made_at: str
    origin: str
    log_vkey: str
    genesis: str
    log_size: int
    log_root: str
    checkpoint_size: int
    tables: tuple[TablePart, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)


def write_backup(
    session: Session,
    path: Path,
    *,
    revision: str,
    now: datetime,
    progress: Progress = lambda table, rows: None,
) -> Manifest:
    """Write everything that one consistent view shows into a new file.

    The file appears whole or not at all, and only its owner can read it.

    Args:
        session: One consistent view; writers go on beside it.
        path: Does not exist yet.
        revision: Of the schema.
        now: For the manifest.
        progress: Told the table and how many of its rows are written.

    Raises:
        Conflict: The file exists.
        NotFound: The log was not founded yet.
    """
    if path.exists():
        raise Conflict("{path} exists: name a new file", path=path)
    head = get_head(session)
    trust = get_trust_root(session)
    newest = find_checkpoint(session)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w+b") as stream:
            with zipfile.ZipFile(
                stream, "w", zipfile.ZIP_DEFLATED, compresslevel=3
            ) as archive:
                parts = [
                    _write_table(session.connection(), table, archive, progress)
                    for table in Base.metadata.sorted_tables
                ]
                manifest = Manifest(
                    revision=revision,
                    made_at=now.isoformat(timespec="seconds"),
                    origin=trust.origin,
                    log_vkey=trust.log_vkey,
                    genesis=trust.leaf_hash,
                    log_size=head.size,
                    log_root=Frontier.load(head.size, head.frontier).root().hex(),
                    checkpoint_size=0 if newest is None else newest.size,
                    tables=tuple(parts),
                )
                text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1)
                archive.writestr(zipfile.ZipInfo(MANIFEST, ZIP_DATE), text)
                archive.comment = b"0" * DIGEST_LENGTH
            _seal(stream)
            os.fsync(stream.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _write_table(
    connection: Connection, table: Table, archive: zipfile.ZipFile, progress: Progress
) -> TablePart:
    columns = list(table.columns)
    encoders = [_encoder(column) for column in columns]
    wanted = select(table).order_by(*table.primary_key.columns)
    if table in LEFT_OUT:
        wanted = wanted.where(false())
    digest, count = hashlib.sha256(), 0
    info = zipfile.ZipInfo(f"{table.name}.jsonl", ZIP_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    streamed = connection.execution_options(yield_per=ROWS_AT_A_TIME)
    with (
        archive.open(info, "w", force_zip64=True) as stream,
        streamed.execute(wanted) as result,
    ):
        for rows in result.partitions():
            lines = "".join(
                json.dumps(
                    [
                        None if value is None else encode(value)
                        for encode, value in zip(encoders, row, strict=True)
                    ],
                    ensure_ascii=False,
                    separators=(",", ":"),
                )
                + "\n"
                for row in rows
            ).encode()
            stream.write(lines)
            digest.update(lines)
            count += len(rows)
            progress(table.name, count)
    names = tuple(column.name for column in columns)
    return TablePart(table.name, names, count, digest.hexdigest())


def _seal(stream: IO[bytes]) -> None:
    """Put the digest of all that stands before it into the last 64 bytes."""
    end = stream.seek(0, os.SEEK_END) - DIGEST_LENGTH
    digest = _digest_of(stream, end)
    stream.seek(end)
    stream.write(digest.encode())
    stream.flush()


def _digest_of(stream: IO[bytes], end: int) -> str:
    digest = hashlib.sha256()
    stream.seek(0)
    left = end
    while left:
        block = stream.read(min(BLOCK, left))
        if not block:
            raise BadBackup("the file ended while it was read")
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Check every byte of a backup, and give what it says it holds.

    Raises:
        BadBackup: A byte is not as it was written, or the file is something else.
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END) - DIGEST_LENGTH
        if end <= 0:
            raise BadBackup("{path} is too short to be a backup", path=path)
        stream.seek(end)
        said = stream.read(DIGEST_LENGTH)
        if _digest_of(stream, end).encode() != said:
            raise BadBackup(
                "{path} is damaged, or no backup: its SHA-256 is not the one at its "
                "end",
                path=path,
            )
    try:
        with zipfile.ZipFile(path) as archive:
            given = json.loads(archive.read(MANIFEST))
        if given.pop("format") != FORMAT:
            raise BadBackup("{path} has another format", path=path)
        tables = tuple(
            TablePart(one["name"], tuple(one["columns"]), one["rows"], one["sha256"])
            for one in given.pop("tables")
        )
        return Manifest(tables=tables, **given)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise BadBackup(
            "{path} is not a backup: {error}", path=path, error=error
        ) from (error)


def restore_backup(
    session: Session,
    path: Path,
    *,
    revision: str,
    published: Sequence[Published],
    progress: Progress = lambda table, rows: None,
) -> Manifest:
    """Fill an empty database from a backup, and check it against its own log.

    Works in the caller's transaction: on any difference the caller rolls back and the
    database stays empty.

    Args:
        session: For writing, over an empty database with the newest schema.
        path: The backup.
        revision: Of the schema of this database.
        published: Checkpoints known outside the backup, which it must contain.
        progress: Told the table and how many of its rows are there.

    Raises:
        BadBackup: The file is damaged, of another schema, or its rows do not agree
            with its log; the differences are named.
        Conflict: The database is not empty.
        LogRolledBack: A checkpoint beyond the backup was published: going on from
            here would fork the log.
        OSError: The file cannot be read.
    """
    manifest = read_manifest(path)
    if manifest.revision != revision:
        raise BadBackup(
            "the backup has schema {found}, this version works on {expected}: restore "
            "it with the version that made it, then upgrade",
            found=manifest.revision,
            expected=revision,
        )
    _check_empty(session)
    _check_published(manifest, published)
    with zipfile.ZipFile(path) as archive:
        for table in Base.metadata.sorted_tables:
            found = next((t for t in manifest.tables if t.name == table.name), None)
            if found is None:
                raise BadBackup("the backup lacks the table {name}", name=table.name)
            _read_table(session.connection(), table, found, archive, progress)
    _continue_numbering(session.connection())
    check_restored(session, manifest, published)
    return manifest


def _check_empty(session: Session) -> None:
    for table in Base.metadata.sorted_tables:
        if session.execute(select(1).select_from(table).limit(1)).first():
            raise Conflict(
                "the database is not empty: {table} has rows. Restore into a new one",
                table=table.name,
            )


def _check_published(manifest: Manifest, published: Sequence[Published]) -> None:
    for one in published:
        if one.origin == manifest.origin and one.size > manifest.log_size:
            raise LogRolledBack(
                "the backup ends at {size} entries, but a checkpoint over {seen} was "
                "published ({where}): a log restored from it would fork. Restore a "
                "newer backup",
                size=manifest.log_size,
                seen=one.size,
                where=one.where,
            )


def _read_table(
    connection: Connection,
    table: Table,
    part: TablePart,
    archive: zipfile.ZipFile,
    progress: Progress,
) -> None:
    if part.columns != tuple(column.name for column in table.columns):
        raise BadBackup("table {name} has other columns", name=table.name)
    decoders = [_decoder(column) for column in table.columns]
    digest, count = hashlib.sha256(), 0
    with archive.open(f"{table.name}.jsonl") as stream:
        lines: Iterator[bytes] = iter(stream)
        while some := list(islice(lines, ROWS_AT_A_TIME)):
            digest.update(b"".join(some))
            rows = [_row(line, part, decoders) for line in some]
            connection.execute(table.insert(), rows)
            count += len(rows)
            progress(table.name, count)
    if (count, digest.hexdigest()) != (part.rows, part.sha256):
        raise BadBackup(
            "table {name} is not as the manifest has it: {count} rows",
            name=table.name,
            count=count,
        )


def _row(
    line: bytes, part: TablePart, decoders: Sequence[Callable[[Any], Any]]
) -> dict[str, Any]:
    try:
        values = json.loads(line)
        return {
            name: None if value is None else decode(value)
            for name, decode, value in zip(part.columns, decoders, values, strict=True)
        }
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadBackup(
            "table {name} holds a line that is no row: {error}",
            name=part.name,
            error=error,
        ) from error


def _continue_numbering(connection: Connection) -> None:
    """Let numbers that the database gives go on behind the restored ones."""
    if connection.dialect.name != "postgresql":
        return  # SQLite goes on behind the highest by itself
    for table in Base.metadata.sorted_tables:
        key = table.autoincrement_column
        if key is None:
            continue
        highest = connection.scalar(select(func.max(key)))
        sequence = func.pg_get_serial_sequence(f'"{table.name}"', key.name)
        connection.execute(
            select(func.setval(sequence, highest or 1, highest is not None))
        )


def check_restored(
    session: Session, manifest: Manifest, published: Sequence[Published]
) -> None:
    """The log and what rests on it, as they stand in the database now.

    Raises:
        BadBackup: Size, root, rows, signatures, checkpoints or masses do not agree.
        LogRolledBack: The log differs from a checkpoint that was published.
    """
    faults = [
        f"{table.name}: {found} rows, the manifest has {part.rows}"
        for table, part in zip(
            Base.metadata.sorted_tables, manifest.tables, strict=True
        )
        if (found := _count(session, table)) != part.rows
    ]
    head = get_head(session)
    try:
        root = Frontier.load(head.size, head.frontier).root().hex()
    except LedgerError:
        root = ""
    if (head.size, root) != (manifest.log_size, manifest.log_root):
        faults.append("the head of the log is not the one of the manifest")
    newest = find_checkpoint(session)
    if (0 if newest is None else newest.size) != manifest.checkpoint_size:
        faults.append("the newest checkpoint is not the one of the manifest")
    trust = get_trust_root(session)
    if (trust.log_vkey, trust.leaf_hash) != (manifest.log_vkey, manifest.genesis):
        faults.append("entry 0 is not the one of the manifest")
    differences = verify_log(session) + audit_material(session)
    faults += [f"{one.table}.{one.field}: {one.message}" for one in differences]
    if faults:
        more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise BadBackup(
            "the backup does not agree with its log: {faults}{more}",
            faults="; ".join(faults[:SHOWN]),
            more=more,
        )
    for one in published:
        if one.origin == manifest.origin:
            one.check_against(session)


def _count(session: Session, table: Table) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def _encoder(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, LargeBinary):
        return lambda value: base64.b64encode(value).decode()
    if isinstance(column.type, UtcDateTime | Date):
        return lambda value: value.isoformat()
    return lambda value: value


def _decoder(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, LargeBinary):
        return lambda value: base64.b64decode(value, validate=True)
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat
    if isinstance(column.type, Date):
        return date.fromisoformat
    return lambda value: value
