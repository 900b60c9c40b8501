"""The policy in the data directory is read and checked at start."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import Settings, SettingsError
from app.policy_file import read_policy
from ledger import Signer, Witness

LOG = Signer.from_bytes("example.org/log", bytes(32))
OTHER = Signer.from_bytes("example.org/other", bytes([1]) * 32)
WITNESS = Witness.from_bytes("w.example", bytes([2]) * 32)
GOOD = f"log {LOG.vkey}\nwitness w1 {WITNESS.vkey} https://w.example/w\nquorum w1\n"


def test_without_a_file_nobody_witnesses(tmp_path: Path) -> None:
    assert read_policy(tmp_path) is None


def test_the_policy_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text(GOOD)

    settings = Settings.from_env({"REMELT_DATA_DIR": str(tmp_path)})

    assert settings.policy is not None
    assert settings.policy.quorum == "w1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no quorum line"),
        ("quorum none\n", "names 0 logs"),
        (f"log {LOG.vkey}\nlog {OTHER.vkey}\nquorum none\n", "names 2 logs"),
        (GOOD.replace("quorum w1", "quorum w2"), "line 3"),
        (GOOD.replace(" https://w.example/w", ""), "no address that can be asked"),
        (GOOD.replace("https:", "ftp:"), "no address that can be asked"),
        (GOOD.replace("w.example/w", ":99999999/"), "no address that can be asked"),
        (GOOD.replace("w.example/w", "w.example/?a"), "no address that can be asked"),
        (GOOD.replace("0", "1"), "line"),
        ("\x00", "control character"),
    ],
)
def test_a_policy_that_no_log_can_follow_is_a_fault_at_start(
    tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "policy").write_text(text)

    with pytest.raises(SettingsError) as refused:
        Settings.from_env({"REMELT_DATA_DIR": str(tmp_path), "REMELT_PROXIES": "x"})

    # With every other fault at once
    assert len(refused.value.faults) == 2
    assert any(
        says in fault and str(tmp_path / "policy") in fault
        for fault in refused.value.faults
    )


def test_a_policy_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "policy").write_bytes(b"\xff\xfe")

    with pytest.raises(ValueError, match="cannot be read"):
        read_policy(tmp_path)
