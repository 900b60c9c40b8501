"""A file of many rows: tried and recorded, beside appending the same facts."""

from __future__ import annotations

import io
import resource
import time
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import select

from app.db import open_engine
from app.models import OrganisationRow
from app.schemas.entries import check_fact
from app.services.access import Actor
from app.services.importing import Importer, import_file
from tests.bench.append import BATCH, facts_of, ours, world_over
from tests.bench.rows import Bench, Row

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
    """Rows a second on SQLite, and the memory that it took."""
    count = ROWS_SMALL if bench.small else ROWS
    engine = open_engine(f"sqlite:///{bench.folder}/imports.db")
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
    with world.reading() as session:
        key = session.scalar(
            select(OrganisationRow.id).where(OrganisationRow.code == org)
        )
    actor = Actor(1, key, org, frozenset({"recycler"}))
    importer = Importer(world.doors, world.keyring, actor, check_fact, world.now)
    content = _file(count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MB
    start = time.perf_counter()
    tried = import_file(importer, "sourced", io.BytesIO(content), dry_run=True)
    dry = count / (time.perf_counter() - start)
    start = time.perf_counter()
    done = import_file(importer, "sourced", io.BytesIO(content), mode="valid")
    wet = count / (time.perf_counter() - start)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MB
    if (tried.facts_posted, done.facts_posted) != (count, count):
        raise AssertionError(done)
    engine.dispose()
    work = f"import of {count:,} CSV rows"
    yield Row(f"{work}, dry run", None, dry, "rows/s", ">= 5,000")
    yield Row(
        f"{work}, recorded", bare, wet, "rows/s", ">= 0.8", "bare: append in batches"
    )
    yield Row(
        f"{work}, memory", None, after, "MB", "< 300", f"{before} MB before it began"
    )
