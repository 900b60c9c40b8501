"""A file of a million rows is read as a stream, and found faulty to its last row."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.db import open_engine
from app.models import LogEntryRow, LotRow
from app.schema import upgrade
from app.services.importing import MAX_REJECTED
from tests.world import World

pytestmark = pytest.mark.soak

ROWS = 1_000_000
FEWER = 100_000
MOST_MB = 300
MB_OF_KB = 1024
KEY = bytes(range(32))
MAIN = "from app.console import main; main()"
HEADS = "批号,日期,场所,物料,来源,来源类别,毛重(kg),皮重(kg),净重(kg),磅秤,金属含量(%)"
GOOD = "2026-03-05,示例 gate,AL-SCRAP-MIXED,回收,消费后,22480,10000,12480,W1,95"
BAD = "2026-03-05,示例 gate,NO-SUCH-METAL,回收,消费后,22480,10000,12480,W1,95"
HEAD_ROWS = 1

Import = Callable[..., tuple[dict[str, Any], int]]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(f"sqlite:///{tmp_path}/remelt.db")
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def organisation(engine: Engine) -> str:
    world = World(engine)
    world.found()
    code = world.register("yard")
    world.facility(
        code, "gate", scales=[{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
    )
    return code


@pytest.fixture
def import_file(tmp_path: Path, organisation: str) -> Import:
    """Runs ``remelt lots import`` in a process of its own: what it says, its peak."""

    def run(
        file: Path, *options: str, template: str = "sourced"
    ) -> tuple[dict[str, Any], int]:
        command = ["lots", "import", str(file), "--template", template, "--json"]
        command += ["--organisation", organisation, *options]
        settings = {
            "REMELT_DATA_DIR": str(tmp_path),
            "REMELT_KEY_ENCRYPTION_KEY": KEY.hex(),
        }
        with (tmp_path / "said.json").open("w+b") as said:
            child = subprocess.Popen(
                [sys.executable, "-c", MAIN, *command],
                env=os.environ | settings,
                stdout=said,
            )
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            answer = json.load(said)
        return answer, _peak_mb(used)

    return run


def _peak_mb(used: resource.struct_rusage) -> int:
    return used.ru_maxrss // MB_OF_KB


def write_rows(path: Path, rows: int, faulty: set[int]) -> Path:
    """A file with this many rows; those named, as a spreadsheet counts, are faulty."""
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADS + "\n")
        for n in range(HEAD_ROWS + 1, HEAD_ROWS + 1 + rows):
            file.write(f"A{n},{BAD if n in faulty else GOOD}\n")
    return path


def entries(engine: Engine) -> tuple[int, int]:
    with engine.connect() as connection:
        log = connection.scalar(select(func.count()).select_from(LogEntryRow))
        lots = connection.scalar(select(func.count()).select_from(LotRow))
    return log or 0, lots or 0


def test_a_million_rows_are_tried_in_little_memory_and_the_last_is_found_faulty(
    engine: Engine, import_file: Import, tmp_path: Path
) -> None:
    last = HEAD_ROWS + ROWS
    file = write_rows(tmp_path / "rows.csv", ROWS, {last - 1, last})
    before = entries(engine)

    answer, peak_mb = import_file(file, "--dry-run")

    assert answer["rows"] == ROWS
    assert answer["facts_posted"] == ROWS - 2
    assert [one["row"] for one in answer["faults"]] == [last - 1, last]
    assert answer["recorded"] is False
    assert entries(engine) == before
    assert peak_mb < MOST_MB


def test_a_file_refused_for_its_last_row_leaves_nothing_behind(
    engine: Engine, import_file: Import, tmp_path: Path
) -> None:
    last = HEAD_ROWS + FEWER
    file = write_rows(tmp_path / "rows.csv", FEWER, {last})
    before = entries(engine)

    answer, peak_mb = import_file(file)

    assert [one["row"] for one in answer["faults"]] == [last]
    assert answer["recorded"] is False
    assert entries(engine) == before
    assert peak_mb < MOST_MB


def test_a_million_faulty_rows_are_given_up_soon_and_leave_nothing_behind(
    engine: Engine, import_file: Import, tmp_path: Path
) -> None:
    file = write_rows(tmp_path / "rows.csv", ROWS, set(range(ROWS + HEAD_ROWS + 1)))
    before = entries(engine)

    answer, peak_mb = import_file(file)

    assert answer["stopped"] is True
    assert answer["rows"] < ROWS / 10
    assert len(answer["faults"]) > MAX_REJECTED
    assert answer["recorded"] is False
    assert entries(engine) == before
    assert peak_mb < MOST_MB


def test_the_runs_of_a_long_file_are_held_together_in_little_memory(
    import_file: Import, tmp_path: Path
) -> None:
    file = tmp_path / "runs.csv"
    with file.open("w", encoding="utf-8") as rows:
        rows.write("工序号,工序,场所,结束,方向,批号,物料,重量(kg)\n")
        # The inputs of all runs, then their outputs: each run stands far apart
        for side in ("投入", "产出"):
            for n in range(FEWER):
                lot = f"{side}{n},AL-SCRAP-MIXED,1000"
                rows.write(f"R{n},分选,示例 gate,2026-03-05,{side},{lot}\n")

    answer, peak_mb = import_file(file, "--dry-run", template="runs")

    # Lots that nobody has: as many faults as are listed
    assert answer["stopped"] is True
    assert answer["facts_posted"] == 0
    assert peak_mb < MOST_MB
