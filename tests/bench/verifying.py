"""Verifying a log: signatures, hashes, the fold; and how much room a log takes.

The bare loop verifies one Ed25519 signature an entry and does nothing else.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.cli.shadow import Shadow
from app.db import open_engine, session_makers
from app.models import LogEntryRow, LogHeadRow
from app.queries.log import get_head, iter_notes
from app.queries.log_spans import read_hashes
from app.schema import upgrade
from app.services.archive import export_log
from app.services.auditing import audit_committed
from app.services.log_check import fold_keys
from app.services.verification import start_check, verify_committed
from ledger import Frontier, leaf_hash, parse_entry
from tests.bench.append import facts_of, world_over
from tests.bench.loading import keep, kept_database, load_rows
from tests.bench.rows import Bench, Row
from tests.world import World

ENTRIES, ENTRIES_SMALL, BATCH = 60_000, 12_000, 500
MANY, MANY_SMALL = 5_000_000, 200_000
RAW = 6_000
MILLION = 1_000_000
Signed = tuple[Callable[[bytes, bytes], None], bytes, bytes]
"""How to check a signature, the signature, and the text that it is over."""


def rows(bench: Bench) -> Iterator[Row]:
    """Signatures on one core and on all, hashes, the fold, the room."""
    engine = open_engine(f"sqlite:///{bench.folder}/verified.db")
    world, org, site = world_over(engine)
    count = ENTRIES_SMALL if bench.small else ENTRIES
    for _ in range(count // BATCH):
        world.post(facts_of(world, org, site, BATCH))
    world.checkpoint()
    yield from _signatures(engine, world, count)
    yield from _tables(engine, world, count, bench.folder)
    yield from _room(world, count, bench.folder)
    engine.dispose()
    yield from _many(bench)


def _signatures(engine: Engine, world: World, count: int) -> Iterator[Row]:
    cores = os.cpu_count() or 1
    signed = _signed(world, count)
    for processes in (1, cores):
        bare = _raw(processes, signed)
        yield Row(
            f"verify hashes and signatures, {count:,} entries, {processes} process(es)",
            bare,
            _checked(engine, world, processes),
            "entries/s",
            "0.8",
            "bare: Ed25519 over the same texts, on as many cores",
        )


def _checked(engine: Engine, world: World, processes: int) -> float:
    with world.reading() as session:
        size = get_head(session).size
        start = time.perf_counter()
        with start_check(
            engine.url, session, forms=False, processes=processes
        ) as finish:
            found = finish(lambda done: None)
        took = time.perf_counter() - start
    if found:
        raise RuntimeError(f"the log differs: {found[:3]}")
    return size / took


def _signed(world: World, count: int) -> list[Signed]:
    """Some of the log's own signatures, each with its key and its text."""
    with world.reading() as session:
        notes = [note for _, note in iter_notes(session, count - RAW, count)]
        keys, _, _ = fold_keys(session.connection(), count)
    signed: list[Signed] = []
    for note in notes:
        entry = parse_entry(note)
        [line] = entry.signatures
        key = keys.key_at(line.name, count).verifier
        signed.append((key.verify, line.signature, entry.text))
    return signed


def _raw(processes: int, signed: list[Signed]) -> float:
    """Ed25519 verifications a second of so many processes at once."""
    _here[:] = signed
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        # All are up, and what the fork shares is copied, before it counts
        list(pool.map(_raw_rate, [len(signed)] * processes))
        return sum(pool.map(_raw_rate, [len(signed)] * processes))


_here: list[Signed] = []
"""What a process verifies: it is there from the fork on."""


def _raw_rate(count: int) -> float:
    start = time.perf_counter()
    for verify, signature, text in _here[:count]:
        verify(signature, text)
    return count / (time.perf_counter() - start)


def _tables(engine: Engine, world: World, count: int, folder: Path) -> Iterator[Row]:
    shadow = Shadow(folder / "fold.db")
    with world.reading() as session:
        shadow.prepare(session, anew=True)
        folded, took = _timed(lambda: shadow.follow(session, lambda done: None))
        compared, comparing = _timed(lambda: shadow.compare(session))
    if folded or compared:
        raise RuntimeError("the tables are not the fold of the log")
    yield Row("fold the log into tables", None, count / took, "entries/s", "")
    yield Row(
        "compare every row with the fold", None, count / comparing, "entries/s", ""
    )
    with world.reading() as session:
        shadow.prepare(session, anew=True)
        start = time.perf_counter()
        with start_check(engine.url, session, forms=False) as finish:
            shadow.follow(session, lambda done: None)
            finish(lambda done: None)
        shadow.compare(session)
        audit_committed(engine.url, get_head(session).size)
        took = time.perf_counter() - start
    shadow.close()
    yield Row(
        "remelt ledger verify, all of it: log, fold, every row, every lot",
        _raw(os.cpu_count() or 1, _signed(world, count)),
        count / took,
        "entries/s",
        "",
        "bare: Ed25519 over the same texts, on all cores",
    )


def _timed(work: Callable[[], object]) -> tuple[object, float]:
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


def _room(world: World, count: int, folder: Path) -> Iterator[Row]:
    export = folder / "export"
    with world.reading() as session:
        size = export_log(session, export)
        packed = sum(
            len(
                gzip.compress(
                    b"".join(note for _, note in iter_notes(session, n, n + 256))
                )
            )
            for n in range(0, size, 256)
        )
    entries = sum(
        path.stat().st_size
        for path in (export / "tile" / "entries").rglob("*")
        if path.is_file()
    )
    whole = sum(one.stat().st_size for one in export.rglob("*") if one.is_file())
    database = sum(
        one.stat().st_size for one in folder.glob("verified.db*") if one.is_file()
    )
    for name, used, note in (
        ("entries as bundles", entries, "reference: 0.51 GB of shorter entries"),
        ("entries as bundles, gzip", packed, "reference: 0.27 GB"),
        ("hash tiles", whole - entries, "reference: 0.032 GB"),
        ("SQLite database, with all tables and indexes", database, ""),
    ):
        per_million = used / size * MILLION / 1e9
        yield Row(f"room: {name}", None, per_million, "GB a million", "", note)


def _many(bench: Bench) -> Iterator[Row]:
    """Hashes of a long log: speed and memory."""
    count = MANY_SMALL if bench.small else MANY
    url = _long_log(bench, count)
    code = "import sys; from tests.bench import verifying as v; "
    code += "v.hash_long(sys.argv[1])"
    told = subprocess.run(
        [sys.executable, "-c", code, url],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    ).stdout.split()
    bare, first, again, memory = map(float, told)
    yield Row(
        f"hash-only verification, {count:,} entries, 1 process, from the disk",
        bare,
        first,
        "entries/s",
        "300,000",
        "bare: read each row; both as fast as the disk, where it is not cached",
    )
    yield Row(
        f"hash-only verification, {count:,} entries, 1 process, from the cache",
        None,
        again,
        "entries/s",
        "300,000",
        "rehash, leaf hashes, tiles, root",
    )
    yield Row(f"memory of it, {count:,} entries", None, memory, "MB", "constant")


def hash_long(url: str) -> None:
    """Verify the hashes of a database twice.

    Prints rows read a second, entries verified a second the first time and the second
    time, and megabytes.
    """
    engine = open_engine(url)
    _, readers = session_makers(engine)
    with readers() as session:
        size = get_head(session).size
        _forget_cached(engine)
        bare = _rate(size // 5, lambda: _read_rows(session, size // 5))
        _forget_cached(engine)
        first = _rate(size, lambda: _hash_all(engine, session))
        again = _rate(size, lambda: _hash_all(engine, session))
    status = Path("/proc/self/status").read_text("ascii")
    [line] = [one for one in status.splitlines() if one.startswith("VmHWM")]
    print(bare, first, again, int(line.split()[1]) / 1024)


def _rate(count: int, work: Callable[[], object]) -> float:
    return count / _timed(work)[1]


def _read_rows(session: Session, count: int) -> None:
    for _ in read_hashes(session.connection(), 0, count):
        pass


def _hash_all(engine: Engine, session: Session) -> None:
    found = verify_committed(engine.url, session, hashes_only=True, processes=1)
    # Of these entries no signature and no checkpoint is made: only hashes are looked at
    if {one.table for one in found} - {"log_entry"} or len(found) > 1:
        raise RuntimeError(f"the log differs: {found[:3]}")


def _forget_cached(engine: Engine) -> None:
    """Ask the system to drop the database's file from its cache of the disk."""
    with Path(str(engine.url.database)).open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _long_log(bench: Bench, count: int) -> str:
    """A database of entries that have a hash and nothing else."""
    name = f"long-log-{count}"
    url, new = kept_database(bench.kept, name)
    if not new:
        return url
    engine = open_engine(url)
    upgrade(engine)
    world = World(engine)
    world.found()
    with world.reading() as session:
        [(_, genesis)] = iter_notes(session, 0, 1)
    tree = Frontier()
    tree.append(genesis)
    filler = b"x" * 560

    def entries() -> Iterator[tuple[object, ...]]:
        for index in range(1, count):
            note = b"entry %d " % index + filler
            tip = leaf_hash(note)
            tree.append_leaf(tip)
            values = {
                "entry_index": index,
                "leaf_hash": tip,
                "note": note,
                "type": "lot.sourced",
                "org": "ORG",
                "fact_id": f"id-{index}",
                "at": "2026-03-05 08:30:00.000000",
                "request_digest": bytes(32),
            }
            yield tuple(values[c.name] for c in LogEntryRow.__table__.columns)

    load_rows(engine, LogEntryRow.__table__, entries())  # type: ignore[arg-type]
    with engine.begin() as connection:
        connection.execute(
            LogHeadRow.__table__.update().values(  # type: ignore[attr-defined]
                size=tree.size, frontier=tree.dump()
            )
        )
    engine.dispose()
    keep(bench.kept, name)
    return url
