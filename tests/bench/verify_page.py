"""The page behind a label: the server as it is run, asked over HTTP with keep-alive.

Server and load share the machine's cores. There is no bare loop: nothing plainer
answers the same question.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from multiprocessing.pool import Pool
from typing import NamedTuple

from app.db import open_engine
from app.schema import upgrade
from labels.codes import code_sha256, new_code
from tests.bench.rows import Bench, Row
from tests.bench.serving import KeptConnection, serving
from tests.labelled import SMELTER, claim_lot, grow_chain
from tests.world import World

LABELS, LOADERS, CONNECTIONS = 200, 2, 4
SECONDS, SECONDS_SMALL = 20.0, 5.0


class Load(NamedTuple):
    """What one loading process saw."""

    answers: int
    faults: int
    seconds: list[float]


def filled(url: str) -> list[str]:
    """The golden chain, a claim on its profile, and labels; gives their codes."""
    engine = open_engine(url)
    upgrade(engine)
    world = World(engine)
    world.found()
    grow_chain(world)
    claim = claim_lot(world, net_g=None).code
    codes = [new_code() for _ in range(LABELS)]
    for code in codes:
        data = {"claim": claim, "codes_sha256": [code_sha256(code).hex()]}
        world.state("label.issued", SMELTER, {**data, "format": "100x70"})
    world.checkpoint()
    engine.dispose()
    return codes


def load(work: tuple[int, Sequence[str], float]) -> Load:
    """Ask for pages in turn over a few connections, for so many seconds."""
    port, codes, seconds = work
    connections = [KeptConnection(port) for _ in range(CONNECTIONS)]
    requests = [
        f"GET /v/{code} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Language: zh\r\n\r\n"
        for code in codes
    ]
    ready = [request.encode() for request in requests]
    answers = faults = 0
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        # All connections ask before the first answer is read: that many at once
        for n, connection in enumerate(connections):
            connection.ask(ready[(answers + n) % len(ready)])
        for connection in connections:
            status, body = connection.answer()
            taken.append(time.perf_counter() - now)
            answers += 1
            faults += status != 200 or b"is-valid" not in body
    return Load(answers, faults, taken)


def measured(pool: Pool, port: int, codes: Sequence[str], seconds: float) -> Load:
    """What all loaders saw together."""
    work = [(port, codes[n::LOADERS], seconds) for n in range(LOADERS)]
    loads = pool.map(load, work)
    return Load(
        sum(one.answers for one in loads),
        sum(one.faults for one in loads),
        [second for one in loads for second in one.seconds],
    )


def rows(bench: Bench) -> Iterator[Row]:
    """Requests a second, and how long the slowest of a hundred takes."""
    seconds = SECONDS_SMALL if bench.small else SECONDS
    for name, url in bench.databases():
        codes = filled(url)
        context = multiprocessing.get_context("spawn")
        with serving(url, bench.folder / name) as port, context.Pool(LOADERS) as pool:
            measured(pool, port, codes, 2)
            found = measured(pool, port, codes, seconds)
        if found.faults:
            raise RuntimeError(f"{found.faults} answers were no valid label")
        slowest = statistics.quantiles(found.seconds, n=100)[98] * 1000
        note = f"{LOADERS * CONNECTIONS} connections, the load on the same cores"
        work = f"verify page ({name})"
        yield Row(work, None, found.answers / seconds, "requests/s", ">= 500", note)
        yield Row(f"{work}, p99", None, slowest, "ms", "< 150", note)
