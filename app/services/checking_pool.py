"""Processes that check an archive, or this one alone where it is small."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Self, TypeVar

from app.services import archive_entries
from app.services.archive_entries import EntryChecker, Task
from app.services.archive_findings import Fault

ALONE_BELOW = 4096
WAITING = 4
T = TypeVar("T")


class CheckingPool:
    """Runs checks in order; answers come in the order of the log.

    Args:
        task: What every process is told once.
        processes: How many; the work of a small log is not worth their start.
    """

    def __init__(self, task: Task, processes: int) -> None:
        self._task = task
        self._processes = 1 if task.size < ALONE_BELOW else processes
        self._pool: ProcessPoolExecutor | None = None
        self._alone: EntryChecker | None = None

    def __enter__(self) -> Self:
        if self._processes == 1:
            self._alone = EntryChecker(self._task)
        else:
            self._pool = ProcessPoolExecutor(
                self._processes,
                # A fork would take along locks that other threads hold
                mp_context=multiprocessing.get_context("spawn"),
                initializer=archive_entries.open_checker,
                initargs=(self._task,),
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def check_bundles(
        self, count: int, each: int, first: int = 0
    ) -> Iterator[tuple[int, list[Fault]]]:
        """(bundles done, faults of the last few) from a first to before ``count``."""
        ranges = [(at, min(at + each, count)) for at in range(first, count, each)]
        if self._alone is not None:
            alone = self._alone
            for start, stop in ranges:
                yield stop, alone.check(start, stop)
            return
        answers = self._spread(archive_entries.check_bundles, ranges)
        for (_, stop), faults in zip(ranges, answers, strict=True):
            yield stop, faults

    def odd_tiles(self, level: int, count: int, each: int) -> Iterator[int]:
        """Full tiles of a level that do not fit those above."""
        ranges = [(at, min(at + each, count)) for at in range(0, count, each)]
        if self._alone is not None:
            for first, stop in ranges:
                yield from self._alone.odd_tiles(level, first, stop)
            return
        levelled = [(level, first, stop) for first, stop in ranges]
        for odd in self._spread(archive_entries.odd_tiles, levelled):
            yield from odd

    def _spread(
        self, work: Callable[..., T], calls: list[tuple[Any, ...]]
    ) -> Iterator[T]:
        """Answers in order, with a few calls under way and no more."""
        assert self._pool is not None  # noqa: S101 - for the type checker
        waiting: deque[Future[T]] = deque()
        for arguments in calls:
            waiting.append(self._pool.submit(work, *arguments))
            if len(waiting) > self._processes * WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
