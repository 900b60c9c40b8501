"""How often Python looks for garbage that counting references does not find."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 20_000, 20, 50


def calm_collector() -> None:
    """Let the collector of cycles come less often; once, as a process starts.

    By default it comes every 700 new objects, and one row of a file is a few hundred:
    a fifth of the time of an import went there, to find nothing. What lives on is
    bounded by batches, so memory grows by a few MB at most.
    """
    gc.set_threshold(YOUNG, MIDDLE, OLD)
