"""``remelt monitor``: quiet where all is well, and loud where it is not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.monitor import cli
from app.services import log_fetching
from app.services.log_fetching import LogClient
from app.services.monitor_peers import Peer
from app.services.monitoring import Monitor
from ledger import Verifier, leaf_hash, sign_entry
from ledger.fork import load_fork, verify_fork
from ledger.witnessing import monitoring_path
from tests.archives import archive_files, checkpoint_of, long_log
from tests.log_host import LogHost, hosting
from tests.small_log import (
    ORIGIN,
    POLICY,
    REGISTRAR,
    SMELTER,
    YARD,
    SmallLog,
    envelope,
    key_fact,
    signer_of,
)

NOTES = long_log(900).notes
START = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between tries."""
    monkeypatch.setattr(log_fetching, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(log_fetching, "LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def host() -> Iterator[LogHost]:
    with hosting(archive_files(NOTES[:300])) as host:
        yield host


def look(host: LogHost, folder: Path, *more: object) -> Result:
    arguments = [host.url, "--dir", str(folder), "--json", *map(str, more)]
    return CliRunner().invoke(cli, arguments, env={"REMELT_TOKEN": ""})


def told(result: Result) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def extended(*facts: tuple[str, str, dict[str, Any], Any]) -> list[bytes]:
    """The log of 300 entries, and further ones: (type, organisation, data, signer)."""
    log = SmallLog()
    log.notes = list(NOTES[:300])
    for kind, org, data, signer in facts:
        log.add(kind, org, data, signer)
    return log.notes


def expectations(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "expect.toml"
    path.write_text(text)
    return path


def test_a_log_that_grows_as_it_should_raises_no_alarm(
    host: LogHost, tmp_path: Path
) -> None:
    for size in (300, 300, 512, 900):
        host.files = archive_files(NOTES[:size])
        result = look(host, tmp_path / "own")
        answer = told(result)
        assert result.exit_code == 0, result.output
        assert (answer["size"], answer["checked"]) == (size, size)
        assert (answer["alarms"], answer["troubles"]) == ([], [])


def test_only_new_entries_are_asked_for(host: LogHost, tmp_path: Path) -> None:
    look(host, tmp_path / "own")
    host.files = archive_files(NOTES[:520])
    host.asked.clear()

    look(host, tmp_path / "own")

    assert "tile/entries/000" not in host.asked
    assert any(path.startswith("tile/entries/001") for path in host.asked)


@pytest.mark.parametrize("size", [250, 300, 700])
def test_two_histories_leave_evidence(host: LogHost, tmp_path: Path, size: int) -> None:
    look(host, tmp_path / "own")
    host.files = archive_files([*NOTES[:100], NOTES[850], *NOTES[101:size]])

    result = look(host, tmp_path / "own")

    assert result.exit_code == 1
    (alarm,) = told(result)["alarms"]
    assert alarm["kind"] == "fork"
    evidence = load_fork(Path(alarm["evidence"]).read_bytes())
    assert verify_fork(evidence, POLICY).verdict == "fork"


def test_an_older_answer_is_no_fork(host: LogHost, tmp_path: Path) -> None:
    look(host, tmp_path / "own")
    host.files = archive_files(NOTES[:200])

    result = look(host, tmp_path / "own")

    assert (result.exit_code, told(result)["alarms"]) == (0, [])
    assert "300 already" in told(result)["notes"][0]


@pytest.mark.parametrize("place", [150, 450])
def test_a_signature_that_does_not_hold_is_named_with_its_entry(
    host: LogHost, tmp_path: Path, place: int
) -> None:
    if place > 300:
        look(host, tmp_path / "own")
    note = NOTES[place]
    spoilt = [*NOTES[:place], note[:-3] + b"AA\n", *NOTES[place + 1 : 500]]
    host.files = archive_files(spoilt)

    result = look(host, tmp_path / "own")

    assert result.exit_code == 1
    kinds = {(one["kind"], one.get("entry_index")) for one in told(result)["alarms"]}
    assert ("entry", place) in kinds


def test_a_key_that_ends_signs_no_more(host: LogHost, tmp_path: Path) -> None:
    """Validity is by index: what comes behind the end of a key is an alarm."""
    yard = signer_of(YARD)
    ended = {"key_id": Verifier.parse(yard.vkey).key_id.hex(), "reason": "lost"}
    host.files = archive_files(
        extended(
            ("key.revoked", YARD, ended, REGISTRAR),
            ("lot.sourced", YARD, {"lot": "L0T00000000A"}, yard),
        )
    )

    alarms = told(look(host, tmp_path / "own"))["alarms"]

    assert [(one["kind"], one["entry_index"]) for one in alarms][-1] == ("entry", 301)


def test_the_owner_hears_of_every_key_that_it_does_not_know(
    host: LogHost, tmp_path: Path
) -> None:
    own = expectations(
        tmp_path / "mine",
        f'[[organisation]]\ncode = "{YARD}"\nkeys = ["{signer_of(YARD).vkey}"]\n',
    )
    assert look(host, tmp_path / "own", "--expect", own).exit_code == 0
    stranger = signer_of(YARD, 2)
    host.files = archive_files(
        extended(
            ("key.registered", YARD, key_fact(YARD, stranger), REGISTRAR),
            ("lot.sourced", YARD, {"lot": "L0T00000000B"}, stranger),
            (
                "key.registered",
                SMELTER,
                key_fact(SMELTER, signer_of(SMELTER, 2)),
                REGISTRAR,
            ),
        )
    )

    result = look(host, tmp_path / "own", "--expect", own)

    assert result.exit_code == 1
    alarms = [one for one in told(result)["alarms"] if one["kind"] == "key"]
    assert {one["entry_index"] for one in alarms} == {300, 301}
    assert "key.registered" in alarms[0]["message"]


def test_the_owner_hears_of_an_entry_that_is_not_in_its_journal(
    host: LogHost, tmp_path: Path
) -> None:
    own = [note for note in NOTES[:900] if f'"org":"{YARD}"'.encode() in note]
    folder = tmp_path / "mine"
    path = expectations(
        folder,
        f'[[organisation]]\ncode = "{YARD}"\nkeys = ["{signer_of(YARD).name}"]\n'
        'journal = "own.txt"\n',
    )
    (folder / "own.txt").write_text(
        "# made here\n" + "".join(f"{leaf_hash(one).hex()} x\n" for one in own)
    )
    assert look(host, tmp_path / "own", "--expect", path).exit_code == 0
    fact = envelope("lot.sourced", YARD, {"lot": "L0T00000000C"}, number=7777)
    unknown = sign_entry(fact, [signer_of(YARD)])
    host.files = archive_files([*NOTES[:300], unknown])

    alarms = told(look(host, tmp_path / "own", "--expect", path))["alarms"]

    assert [(one["kind"], one["entry_index"]) for one in alarms] == [("key", 300)]
    assert "own journal" in alarms[0]["message"]


def test_a_mirror_that_saw_another_history_is_heard(
    host: LogHost, tmp_path: Path
) -> None:
    forked = [*NOTES[:100], NOTES[850], *NOTES[101:400]]
    with hosting(archive_files(forked)) as mirror:
        result = look(host, tmp_path / "own", "--mirror", mirror.url)
    with hosting(archive_files(NOTES[:200])) as mirror:
        well = look(host, tmp_path / "own", "--mirror", mirror.url)

    (alarm,) = told(result)["alarms"]
    assert alarm["kind"] == "fork"
    evidence = load_fork(Path(alarm["evidence"]).read_bytes())
    assert verify_fork(evidence, POLICY).verdict == "fork"
    assert (well.exit_code, told(well)["alarms"]) == (0, [])


def test_a_witness_that_saw_more_is_told_once_it_lasts(
    host: LogHost, tmp_path: Path
) -> None:
    """The log may hide what it had cosigned from those who ask it."""
    path = monitoring_path(ORIGIN).removeprefix("/")
    with hosting({path: checkpoint_of(NOTES[:600])}) as witness:
        client, seen = LogClient(host.url), LogClient(witness.url)
        monitor = Monitor(client, tmp_path, peers=[Peer(seen, True)])
        first = monitor.look(START)
        monitor.keep()
        again = Monitor(client, tmp_path, peers=[Peer(seen, True)])
        later = again.look(START + timedelta(minutes=11))
        host.files = archive_files(NOTES[:700])
        shown = again.look(START + timedelta(minutes=12))
        client.close()
        seen.close()

    assert first.alarms == []
    assert [one.kind for one in later.alarms] == ["hidden"]
    assert shown.alarms == []


@pytest.mark.parametrize(
    "bad", [b"", b"nonsense", b"\xff\xfe\x00", b"{}" * 100, NOTES[3]]
)
def test_garbage_instead_of_a_checkpoint_is_an_alarm_or_a_trouble_and_moves_nothing(
    host: LogHost, tmp_path: Path, bad: bytes
) -> None:
    look(host, tmp_path / "own")
    before = (tmp_path / "own/monitor.json").read_bytes()
    host.files["checkpoint"] = bad

    result = look(host, tmp_path / "own")

    assert result.exit_code in (1, 3)
    assert (tmp_path / "own/monitor.json").read_bytes() == before
    host.files = archive_files(NOTES[:400])
    assert look(host, tmp_path / "own").exit_code == 0


def test_nobody_there_is_a_trouble_and_no_alarm(tmp_path: Path) -> None:
    with hosting({}) as gone:
        url = gone.url
    result = CliRunner().invoke(cli, [url, "--dir", str(tmp_path / "own"), "--json"])

    assert result.exit_code == 3
    assert told(result)["alarms"] == []
    assert told(result)["troubles"]


def test_an_alarm_runs_the_command_with_the_alarm_on_its_input(
    host: LogHost, tmp_path: Path
) -> None:
    look(host, tmp_path / "own")
    host.files = archive_files([*NOTES[:100], NOTES[850], *NOTES[101:400]])
    out = tmp_path / "alarm.json"
    code = (
        f"import sys,pathlib; pathlib.Path({str(out)!r}).write_text(sys.stdin.read())"
    )

    look(host, tmp_path / "own", "--alarm-command", f'{sys.executable} -c "{code}"')

    assert json.loads(out.read_text())["kind"] == "fork"


def test_a_command_that_fails_is_said(host: LogHost, tmp_path: Path) -> None:
    look(host, tmp_path / "own")
    host.files = archive_files([*NOTES[:100], NOTES[850], *NOTES[101:400]])

    result = look(host, tmp_path / "own", "--alarm-command", "/nowhere/at-all")

    assert result.exit_code == 1
    assert "/nowhere/at-all" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected tables"),
        ("[[organisation]]\ncode = 3\nkeys = []\n", "3 is no code"),
        ('[[organisation]]\ncode = "A"\n', "expected code, keys"),
        ('[[organisation]]\ncode = "A"\nkeys = ["a+b"]\n', "A: "),
        ('[[organisation]]\ncode = "A"\nkeys = []\njournal = "none"\n', "none"),
        ('[[organisation]]\ncode = "A"\nkeys = []\nother = 1\n', "expected code"),
    ],
)
def test_expectations_that_say_nothing_are_refused(
    host: LogHost, tmp_path: Path, text: str, message: str
) -> None:
    path = expectations(tmp_path / "mine", text)

    result = look(host, tmp_path / "own", "--expect", path)

    assert result.exit_code == 2
    assert message in result.stderr
