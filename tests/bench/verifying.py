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

from app.cli.shadow import Shadow
from app.db import open_engine, session_makers
from app.models import LogEntryRow, LogHeadRow
from app.queries.log import get_head, iter_notes
from app.schema import upgrade
from app.services.archive import export_log
from app.services.auditing import audit_committed
from app.services.verification import start_check, verify_committed
from ledger import Frontier, Signer, leaf_hash
from tests.bench.append import facts_of, world_over
from tests.bench.loading import keep, kept_database, load_rows
from tests.bench.rows import Bench, Row
from tests.world import World

ENTRIES, ENTRIES_SMALL, BATCH = 60_000, 12_000, 500
MANY, MANY_SMALL = 5_000_000, 200_000
RAW = 6_000
MILLION = 1_000_000


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
    for processes in (1, cores):
        bare = _raw(processes)
        yield Row(
            f"verify hashes and signatures, {count:,} entries, {processes} process(es)",
            bare,
            _checked(engine, world, processes),
            "entries/s",
            "0.8",
            "bare: one Ed25519 verify an entry, on as many cores",
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


def _raw(processes: int) -> float:
    """Ed25519 verifications a second of so many processes at once."""
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        list(pool.map(_raw_rate, [10] * processes))  # all are up before it counts
        return sum(pool.map(_raw_rate, [RAW] * processes))


def _raw_rate(count: int) -> float:
    signer = Signer.from_bytes("bare/loop/1", bytes(range(32)))
    message = b"x" * 800
    signature = signer.sign(message)
    verify = signer.verifier.verify
    start = time.perf_counter()
    for _ in range(count):
        verify(signature, message)
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
        _raw(os.cpu_count() or 1),
        count / took,
        "entries/s",
        "",
        "bare: one Ed25519 verify an entry, on all cores",
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
    yield Row(
        f"hash-only verification, {count:,} entries, 1 process",
        None,
        float(told[0]),
        "entries/s",
        "300,000",
        "rehash, leaf hashes, tiles, root",
    )
    yield Row(
        f"memory of it, {count:,} entries", None, float(told[1]), "MB", "constant"
    )


def hash_long(url: str) -> None:
    """Verify the hashes of a database; print entries a second and megabytes."""
    engine = open_engine(url)
    _, readers = session_makers(engine)
    with readers() as session:
        size = get_head(session).size
        start = time.perf_counter()
        found = verify_committed(engine.url, session, hashes_only=True, processes=1)
        took = time.perf_counter() - start
    # Of these entries no signature and no checkpoint is made: only hashes are looked at
    if {one.table for one in found} - {"log_entry"} or len(found) > 1:
        raise RuntimeError(f"the log differs: {found[:3]}")
    status = Path("/proc/self/status").read_text("ascii")
    [line] = [one for one in status.splitlines() if one.startswith("VmHWM")]
    print(size / took, int(line.split()[1]) / 1024)


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
