"""A file of many rows: tried and recorded, beside appending the same facts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from app.collector import calm_collector
from app.db import open_engine
from app.models import OrganisationRow
from app.schemas.entries import check_fact
from app.services.access import Actor
from app.services.importing import Importer, import_file
from tests.bench.append import BATCH, facts_of, ours, world_over
from tests.bench.rows import Bench, Row
from tests.world import World

ROWS, ROWS_SMALL = 100_000, 3_000
HEADS = "批号,日期,场所,物料,来源,来源类别,毛重(kg),皮重(kg),净重(kg),磅秤,金属含量(%)"
MB = 1024


def _file(rows: int) -> bytes:
    lines = [
        f"A{n},2026-03-05,示例 gate,AL-SCRAP-MIXED,回收,消费后,22480,10000,12480,W1,95"
        for n in range(rows)
    ]
    return "\n".join([HEADS, *lines]).encode()


def rows(bench: Bench) -> Iterator[Row]:
    """Rows a second on SQLite, and the memory of the process that imports."""
    count = ROWS_SMALL if bench.small else ROWS
    url = f"sqlite:///{bench.folder}/imports.db"
    engine = open_engine(url)
    world, org, site = world_over(engine)
    # The same facts as the rows make, own numbers too
    facts = [
        replace(
            one,
            data={**one.data, "alias": [{"scheme": "own", "value": f"B{n}"}]},
        )
        for n, one in enumerate(facts_of(world, org, site, 5_000))
    ]
    bare = ours(world, facts, BATCH)
    engine.dispose()
    path = bench.folder / "rows.csv"
    path.write_bytes(_file(count))
    found = json.loads(
        subprocess.run(
            [sys.executable, "-m", "tests.bench.imports", url, org, str(path)],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    )
    if found["posted"] != [count, count]:
        raise AssertionError(found)
    work = f"import of {count:,} CSV rows"
    yield Row(f"{work}, dry run", None, count / found["dry_s"], "rows/s", ">= 5,000")
    note = "bare: append in batches"
    wet = count / found["wet_s"]
    yield Row(f"{work}, recorded", bare, wet, "rows/s", ">= 0.8", note)
    note = f"{found['before_mb']} MB before it began"
    yield Row(f"{work}, memory", None, found["after_mb"], "MB", "< 300", note)


def _peak_mb() -> int:
    """The most memory of this process; getrusage would count its parent's too."""
    status = Path("/proc/self/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+([0-9]+) kB", status)
    if found is None:
        raise RuntimeError("the kernel does not say how much memory was used")
    return int(found[1]) // MB


def main(url: str, org: str, path: str) -> None:
    """Import a file twice, dry and recorded, in a process of its own."""
    calm_collector()
    world = World(open_engine(url))
    with world.reading() as session:
        key = session.scalar(
            select(OrganisationRow.id).where(OrganisationRow.code == org)
        )
    actor = Actor(1, key, org, frozenset({"recycler"}))
    importer = Importer(world.doors, world.keyring, actor, check_fact, world.now)
    before_mb = _peak_mb()
    with Path(path).open("rb") as source:
        start = time.perf_counter()
        tried = import_file(importer, "sourced", source, dry_run=True)
        between = time.perf_counter()
        source.seek(0)
        done = import_file(importer, "sourced", source, mode="valid")
    found = {
        "posted": [tried.facts_posted, done.facts_posted],
        "dry_s": between - start,
        "wet_s": time.perf_counter() - between,
        "before_mb": before_mb,
        "after_mb": _peak_mb(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
