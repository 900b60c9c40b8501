"""Verify the whole log: every hash, every signature, every checkpoint."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing import get_context

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.orm import Session

from app.queries.log import TILE_WIDTH, Head, get_head
from app.queries.log_spans import (
    count_entries,
    find_checkpoint_sizes_beyond,
    last_checkpoint_size,
    read_surplus_tiles,
    read_tile_roots,
)
from app.services.differences import Difference
from app.services.genesis import get_trust_root
from app.services.log_check import (
    SPAN,
    DataCheck,
    SpanReport,
    Trust,
    check_span,
    fold_keys,
    tile_difference,
)
from ledger import Frontier, KeyHistory, root_of

__all__ = ["Difference", "start_check", "verify_committed", "verify_log"]
SPANS_A_PROCESS = 2
"""Fewer are not worth the start of another process."""
Progress = Callable[[int], None]


def verify_log(
    session: Session,
    progress: Progress = lambda done: None,
    *,
    witnesses: Mapping[str, str] | None = None,
    check_data: DataCheck | None = None,
) -> list[Difference]:
    """Rehash the log, check every signature, rebuild the root and every checkpoint.

    Args:
        session: One consistent view.
        progress: Told how many entries are done.
        witnesses: Keys of the policy's witnesses, by their names in it.
        check_data: Holds data against their closed schemas.

    Returns:
        Every difference; empty when all is well.

    Cost: grows with the log; memory does not.
    """
    head = get_head(session)
    if not head.size:
        return [Difference(None, "log_head", "size", "the log has no entry")]
    trust, differences = read_trust(session, head.size, witnesses, check_data)
    connection = session.connection()
    spans = spans_of(head.size, connection)
    reports = (check_span(connection, trust, *span) for span in spans)
    differences += join_spans(connection, head, reports, progress)
    return differences


def verify_committed(
    url: URL,
    session: Session,
    progress: Progress = lambda done: None,
    *,
    witnesses: Mapping[str, str] | None = None,
    check_data: DataCheck | None = None,
    signatures_from: int = 0,
    hashes_only: bool = False,
    processes: int | None = None,
) -> list[Difference]:
    """The same of what is committed, on all cores; see ``start_check``."""
    with start_check(
        url,
        session,
        witnesses=witnesses,
        check_data=check_data,
        signatures_from=signatures_from,
        hashes_only=hashes_only,
        processes=processes,
    ) as finish:
        return finish(progress)


@contextmanager
def start_check(
    url: URL,
    session: Session,
    *,
    witnesses: Mapping[str, str] | None = None,
    check_data: DataCheck | None = None,
    forms: bool = True,
    signatures_from: int = 0,
    hashes_only: bool = False,
    processes: int | None = None,
) -> Iterator[Callable[[Progress], list[Difference]]]:
    """Start to check what is committed, on all cores; gives what waits for the end.

    Args:
        url: Of the database.
        session: One consistent view of it; says how long the log is.
        witnesses: Keys of the policy's witnesses, by their names in it.
        check_data: Holds data against their closed schemas; a function of a module.
        forms: Whether entries are held against their one canonical form; not, where
            a fold does so beside this.
        signatures_from: Entries before this one were verified before: their bytes are
            hashed again, their signatures are not checked again.
        hashes_only: Check no signature of an entry.
        processes: At most so many; None for one a core.
    """
    head = get_head(session)
    if not head.size:
        empty = [Difference(None, "log_head", "size", "the log has no entry")]
        yield lambda progress: empty
        return
    trust, differences = read_trust(session, head.size, witnesses, check_data)
    trust = replace(trust, forms=forms)
    tasks = [
        (start, stop, hashes_only or stop <= signatures_from)
        for start, stop in spans_of(head.size, session.connection())
    ]
    count = min(processes or os.cpu_count() or 1, len(tasks) // SPANS_A_PROCESS)
    with ExitStack() as stack:
        reports: Iterator[SpanReport]
        if count > 1:
            pool = stack.enter_context(
                ProcessPoolExecutor(
                    count, get_context(start_method()), _open_source, (url, trust)
                )
            )
            reports = pool.map(_check_here, tasks)
        else:
            connection = session.connection()
            reports = (
                check_span(connection, trust, start, stop, hashes_only=light)
                for start, stop, light in tasks
            )
        yield (
            lambda progress: (
                differences
                + list(join_spans(session.connection(), head, reports, progress))
            )
        )


def start_method() -> str:
    """A fork starts at once, where nothing else runs in this process; else afresh."""
    alone = sys.platform == "linux" and threading.active_count() == 1
    return "fork" if alone else "spawn"


_here: list[tuple[Connection, Trust]] = []
"""What a process of the pool reads, and what it trusts."""


def _open_source(url: URL, trust: Trust) -> None:
    _here.append((create_engine(url).connect(), trust))


def _check_here(task: tuple[int, int, bool]) -> SpanReport:
    start, stop, light = task
    connection, trust = _here[0]
    with connection.begin():
        return check_span(connection, trust, start, stop, hashes_only=light)


def spans_of(size: int, connection: Connection) -> list[tuple[int, int]]:
    """The stretches that a log of this size is checked in, as far as it goes."""
    size = min(size, count_entries(connection))
    return [(start, min(start + SPAN, size)) for start in range(0, size, SPAN)]


def read_trust(
    session: Session,
    size: int,
    witnesses: Mapping[str, str] | None,
    check_data: DataCheck | None,
) -> tuple[Trust, list[Difference]]:
    """What entry 0 and the facts about keys say, and what is wrong with these."""
    root = get_trust_root(session)
    history, known, differences = fold_keys(session.connection(), size)
    trust = Trust(
        origin=root.origin,
        log_vkey=root.log_vkey,
        history=history if history.origin else KeyHistory(),
        key_indexes=known,
        witnesses=dict(witnesses or {}),
        check_data=check_data,
    )
    return trust, differences


def join_spans(
    connection: Connection,
    head: Head,
    reports: Iterable[SpanReport],
    progress: Progress,
) -> Iterator[Difference]:
    """Join what stretches come to, and hold it against head, tiles and checkpoints."""
    tree = Frontier()
    tiles = _TileRoots(connection)
    for report in reports:
        yield from report.differences
        for size, edge, root in report.signed:
            partial = Frontier.load(tree.size, tree.dump())
            partial.append_edge(size - tree.size, edge)
            if partial.root() != root:
                yield Difference(
                    None,
                    "checkpoint",
                    "root",
                    f"size {size}: found {root.hex()}, the entries give "
                    f"{partial.root().hex()}",
                    row=str(size),
                )
        tree.append_edge(report.count, report.edge)
        yield from tiles.add(report.tiles)
        progress(tree.size)
        if tree.size % SPAN and tree.size < head.size:
            break  # entries are missing: what follows stands at other places
    if (tree.size, tree.dump()) != (head.size, head.frontier):
        yield Difference(
            None,
            "log_head",
            "frontier",
            f"size {head.size}, but the {tree.size} entries give another tree",
        )
    for size in find_checkpoint_sizes_beyond(connection, tree.size):
        yield Difference(
            None,
            "checkpoint",
            "size",
            f"a checkpoint over {size} entries, found {tree.size}",
            row=str(size),
        )
    yield from tiles.missing(last_checkpoint_size(connection))
    for level, index in read_surplus_tiles(connection, tree.size):
        yield replace(
            tile_difference(level, index),
            message=f"tile {index} of level {level} is more than the log has filled",
        )


class _TileRoots:
    """Roots of full tiles, level above level, held against those that are stored."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open: list[list[bytes]] = []
        self._done: list[int] = []

    def add(self, roots: list[bytes], level: int = 0) -> Iterator[Difference]:
        """Full tiles of a level, in order; level 0 was compared by who hashed it."""
        if level == len(self._open):
            self._open.append([])
            self._done.append(0)
        for root in roots:
            if level:
                number = self._done[level]
                stored = read_tile_roots(self._connection, level, number, number + 1)
                if stored.get(number, root) != root:
                    yield tile_difference(level, number)
            self._done[level] += 1
            self._open[level].append(root)
            if len(self._open[level]) == TILE_WIDTH:
                above = root_of(self._open[level])
                self._open[level] = []
                yield from self.add([above], level + 1)

    def missing(self, signed: int) -> Iterator[Difference]:
        """Tiles under the newest checkpoint that are not stored."""
        full, level = signed // TILE_WIDTH, 0
        while full:
            stored = len(read_tile_roots(self._connection, level, 0, full))
            if stored != full:
                yield Difference(
                    None,
                    "log_tile",
                    "tile_index",
                    f"found {stored} full tiles of level {level}, expected {full}",
                    row=str(level),
                )
            full, level = full // TILE_WIDTH, level + 1
