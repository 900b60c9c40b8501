"""``remelt demo tamper`` from beginning to end, and what it must not touch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ledger import parse_policy
from ledger.fork import load_fork, verify_fork

REMELT = [sys.executable, "-c", "from app.console import main; main()"]


def test_each_of_three_forgeries_is_noticed_and_nothing_else_is_touched(
    tmp_path: Path,
) -> None:
    """One run for all: it takes as long as many tests."""
    own = tmp_path / "var"
    out = tmp_path / "out"
    env = {name: text for name, text in os.environ.items() if "REMELT" not in name}

    done = subprocess.run(
        [*REMELT, "demo", "tamper", "--out", str(out)],
        env=env | {"REMELT_DATA_DIR": str(own)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT NOTICED" not in done.stdout
    for told in (
        "table lot is append-only: UPDATE is refused",
        "lot.net_g, row id=",
        "does not verify",
        "the entries do not give the root that was signed",
        "has cosigned",
        "entries agree, root",
        "the quorum outsider is not met",
        "two histories",
        "It is proven",
    ):
        assert told in done.stdout, told
    (evidence,) = (out / "auditor").glob("fork-*.json")
    policy = parse_policy((out / "buyer" / "policy").read_text())
    assert verify_fork(load_fork(evidence.read_bytes()), policy).verdict == "fork"
    assert not own.exists(), "it has folders of its own"


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")

    done = subprocess.run(
        [*REMELT, "demo", "tamper", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]
