"""``remelt monitor``: what is wrong with a log is told, and nothing else is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.monitor import cli
from app.cli.verify import cli as verify
from app.services import log_fetching
from app.services.tokens import make_token
from app.services.users import add_user
from ledger import (
    Policy,
    PolicyWitness,
    Signer,
    Verifier,
    leaf_hash,
    parse_entry,
    sign_entry,
)
from ledger.witnessing import monitoring_path
from tests.archives import archive_files, checkpoint_of, long_log
from tests.bench.serving import serving
from tests.log_host import LogHost, hosting
from tests.people import PASSWORD
from tests.small_log import (
    ORIGIN,
    POLICY,
    REGISTRAR,
    SMELTER,
    WITNESS,
    YARD,
    SmallLog,
    claim_log,
    envelope,
    key_fact,
    signer_of,
)
from tests.world import World

NOTES = long_log(1100).notes
FORKED = [*NOTES[:100], NOTES[650], *NOTES[101:900]]
SCALES = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
GARBAGE = {
    "empty": (200, b""),
    "text": (200, b"<html>busy</html>"),
    "zeros": (200, bytes(8192)),
    "long": (200, bytes(2_000_000)),
    "redirect": (301, b""),
}


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between tries."""
    monkeypatch.setattr(log_fetching, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(log_fetching, "LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def host() -> Iterator[LogHost]:
    with hosting(archive_files(NOTES[:300])) as host:
        yield host


def run(host: LogHost | str, folder: Path, *more: object, token: str = "") -> Result:
    url = host if isinstance(host, str) else host.url
    arguments = [url, "--dir", str(folder), "--once", *map(str, more)]
    return CliRunner().invoke(cli, arguments, env={"REMELT_TOKEN": token})


def look(host: LogHost | str, folder: Path, *more: object, token: str = "") -> Any:
    result = run(host, folder, "--json", *more, token=token)
    assert result.stdout, result.output
    told = json.loads(result.stdout)
    expected = 1 if told["alarms"] else 3 if told["troubles"] else 0
    assert result.exit_code == expected, result.output
    assert told["passed"] is (expected == 0)
    return told


def key_id_of(signer: Signer) -> str:
    return Verifier.parse(signer.vkey).key_id.hex()


def kinds(told: Any) -> list[str]:
    return [one["kind"] for one in told["alarms"]]


def assert_well(told: Any, size: int) -> None:
    assert (told["alarms"], told["troubles"]) == ([], [])
    assert (told["size"], told["checked"]) == (size, size)


def expecting(folder: Path, text: str) -> Path:
    path = folder / "expect.toml"
    path.write_text(text)
    return path


def test_no_alarm_is_raised_as_long_as_all_is_well(
    host: LogHost, tmp_path: Path
) -> None:
    mark = tmp_path / "told"
    script = f"open({str(mark)!r}, 'w')"
    command = f'{sys.executable} -c "{script}"'
    for size in (7, 300, 300, 511, 512, 513, 1100):
        host.files = archive_files(NOTES[:size])
        told = look(
            host, tmp_path / "s", "--quiet-after", 60, "--alarm-command", command
        )
        assert_well(told, size)
    assert not mark.exists()
    assert (
        "1100 entries, 1100 of them checked: no alarm"
        in run(host, tmp_path / "s").stdout
    )


def test_only_new_entries_are_asked_for(host: LogHost, tmp_path: Path) -> None:
    look(host, tmp_path)
    host.files = archive_files(NOTES[:600])
    host.asked.clear()

    assert_well(look(host, tmp_path), 600)

    assert "tile/entries/000" not in host.asked
    assert "tile/entries/001" in host.asked


@pytest.mark.parametrize("size", [200, 300, 512, 900])
def test_a_fork_is_an_alarm_with_evidence_that_anybody_verifies(
    host: LogHost, tmp_path: Path, size: int
) -> None:
    policy = tmp_path / "policy"
    policy.write_bytes(host.files["policy"])
    host.files = archive_files(NOTES[:600])
    look(host, tmp_path / "s")
    host.files = archive_files(FORKED[:size])

    told = look(host, tmp_path / "s")

    assert kinds(told) == ["fork"]
    evidence = told["alarms"][0]["evidence"]
    shown = CliRunner().invoke(verify, [evidence, "--policy", str(policy)])
    assert shown.exit_code == 0, shown.output
    assert told["size"] == 600, "what was seen first stays"


def test_a_fork_behind_the_newest_checkpoint_without_witnesses_is_an_alarm(
    host: LogHost, tmp_path: Path
) -> None:
    host.files["checkpoint/logged"] = checkpoint_of(NOTES[:300], witnessed=False)
    assert_well(look(host, tmp_path), 300)
    host.files["checkpoint/logged"] = checkpoint_of(FORKED[:300], witnessed=False)

    assert kinds(look(host, tmp_path)) == ["fork"]


def test_a_log_that_shrinks_is_an_alarm_and_no_fork(
    host: LogHost, tmp_path: Path
) -> None:
    host.files = archive_files(NOTES[:600])
    look(host, tmp_path)
    host.files = archive_files(NOTES[:300])

    told = look(host, tmp_path)

    assert kinds(told) == ["shrunk"]
    assert "300 entries, and has shown 600" in told["alarms"][0]["message"]
    host.files = archive_files(NOTES[:700])
    assert_well(look(host, tmp_path), 700)


def test_an_alarm_that_stands_is_told_once_by_the_command(
    host: LogHost, tmp_path: Path
) -> None:
    script = tmp_path / "tell.py"
    out = tmp_path / "out"
    script.write_text(
        "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')"
    )
    command = f"{sys.executable} {script} {out}"
    host.files = archive_files(NOTES[:600])
    look(host, tmp_path / "s", "--alarm-command", command)
    host.files = archive_files(FORKED[:700])

    first = look(host, tmp_path / "s", "--alarm-command", command)
    second = look(host, tmp_path / "s", "--alarm-command", command)

    assert [one["alarms"][0]["new"] for one in (first, second)] == [True, False]
    [line] = out.read_text().splitlines()
    assert json.loads(line)["kind"] == "fork"
    assert Path(json.loads(line)["evidence"]).is_file()


def test_an_alarm_that_could_not_be_told_is_told_again(
    host: LogHost, tmp_path: Path
) -> None:
    log = bad_signature_log()
    host.files = archive_files(log.notes)

    missing = look(host, tmp_path, "--alarm-command", tmp_path / "nothing-here")
    again = look(host, tmp_path)

    assert "the alarm command" in missing["troubles"][0]
    assert kinds(missing) == kinds(again) == ["entry"]
    assert again["alarms"][0]["new"]
    assert_well(look(host, tmp_path), len(log.notes))


def test_no_shell_reads_the_alarm_command(host: LogHost, tmp_path: Path) -> None:
    host.files = archive_files(bad_signature_log().notes)
    command = f"{sys.executable} -c pass ; touch {tmp_path / 'hurt'}"

    look(host, tmp_path / "s", "--alarm-command", command)

    assert not (tmp_path / "hurt").exists()
    assert run(host, tmp_path, "--alarm-command", '"').exit_code == 2
    assert run(host, tmp_path, "--alarm-command", " ").exit_code == 2


def bad_signature_log() -> SmallLog:
    """The last entry is signed in the yard's name with a key that is not its own."""
    log, _ = claim_log()
    thief = signer_of("TH1EF0000001")
    forger = type(thief).from_bytes(signer_of(YARD).name, b"\7" * 32)
    fact = envelope("lot.sourced", YARD, {"lot": "L0T000000009"}, number=900)
    log.notes.append(sign_entry(fact, [forger]))
    return log


def test_an_entry_with_a_bad_signature_is_an_alarm(
    host: LogHost, tmp_path: Path
) -> None:
    host.files = archive_files(claim_log()[0].notes)
    assert kinds(look(host, tmp_path)) == []
    log = bad_signature_log()
    host.files = archive_files(log.notes)

    told = look(host, tmp_path)

    [alarm] = told["alarms"]
    assert (alarm["kind"], alarm["entry"]) == ("entry", len(log.notes) - 1)


def test_what_is_no_entry_at_all_is_an_alarm(host: LogHost, tmp_path: Path) -> None:
    for number, note in enumerate([b"", b"\xff\xfe", b"remelt/fact@v1\n{}\n\n"]):
        host.files = archive_files([*NOTES[:300], note, *NOTES[300:400]])

        told = look(host, tmp_path / str(number))

        assert [one["entry"] for one in told["alarms"]] == [300]
        assert told["checked"] == 401


def test_a_parent_that_does_not_stand_before_is_an_alarm(
    host: LogHost, tmp_path: Path
) -> None:
    look(host, tmp_path)
    late = leaf_hash(NOTES[312]).hex()
    fact = envelope(
        "lot.sourced", YARD, {"lot": "L0T000000009"}, number=900, parents=[late]
    )
    entry = sign_entry(fact, [signer_of(YARD)])
    host.files = archive_files([*NOTES[:310], entry, *NOTES[310:320]])

    told = look(host, tmp_path)

    [alarm] = told["alarms"]
    assert (alarm["kind"], alarm["entry"]) == ("entry", 310)
    assert late in alarm["message"]


def test_a_parent_in_an_earlier_tile_is_found(host: LogHost, tmp_path: Path) -> None:
    host.files = archive_files(NOTES[:1000])
    look(host, tmp_path)
    early = leaf_hash(NOTES[60]).hex()
    fact = envelope(
        "lot.sourced", YARD, {"lot": "L0T000000009"}, number=999, parents=[early]
    )
    entry = sign_entry(fact, [signer_of(YARD)])
    host.files = archive_files([*NOTES[:1000], entry])

    assert_well(look(host, tmp_path), 1001)


def test_a_key_that_breaks_the_history_is_an_alarm_and_signs_nothing(
    host: LogHost, tmp_path: Path
) -> None:
    log, _ = claim_log()
    host.files = archive_files(log.notes)
    look(host, tmp_path)
    stolen = signer_of(YARD, 2)
    log.add("key.registered", YARD, key_fact(YARD, stolen), stolen)
    log.add("lot.sourced", YARD, {"lot": "L0T000000009"}, stolen)
    host.files = archive_files(log.notes)

    told = look(host, tmp_path)

    size = len(log.notes)
    assert {one["entry"] for one in told["alarms"]} == {size - 2, size - 1}
    assert set(kinds(told)) == {"entry"}


def test_keys_that_came_later_are_remembered(host: LogHost, tmp_path: Path) -> None:
    log, _ = claim_log()
    host.files = archive_files(log.notes)
    look(host, tmp_path)
    second = signer_of(YARD, 2)
    log.add("key.registered", YARD, key_fact(YARD, second), signer_of(YARD))
    host.files = archive_files(log.notes)
    assert_well(look(host, tmp_path), len(log.notes))
    log.add("lot.sourced", YARD, {"lot": "L0T000000009"}, second)
    host.files = archive_files(log.notes)

    assert_well(look(host, tmp_path), len(log.notes))


def test_a_key_and_its_use_that_the_owner_did_not_expect_are_alarms(
    host: LogHost, tmp_path: Path
) -> None:
    log, _ = claim_log()
    first, second = signer_of(YARD), signer_of(YARD, 2)
    expect = expecting(
        tmp_path, f'[[organisation]]\ncode = "{YARD}"\nkeys = ["{first.vkey}"]\n'
    )
    host.files = archive_files(log.notes)
    assert_well(look(host, tmp_path / "s", "--expect", expect), len(log.notes))
    data = key_fact(YARD, second) | {"held_by": "platform"}
    log.add("key.registered", YARD, data, first)
    log.add("lot.sourced", YARD, {"lot": "L0T000000009"}, second)
    host.files = archive_files(log.notes)

    told = look(host, tmp_path / "s", "--expect", expect)

    registered, used = told["alarms"]
    assert (registered["kind"], used["kind"]) == ("key", "key")
    assert "a key that the platform holds" in registered["message"]
    assert f"lot.sourced signed with {second.name}" in used["message"]
    assert registered["leaf"] == leaf_hash(log.notes[-2]).hex()
    assert look(host, tmp_path / "s", "--expect", expect)["alarms"] == []


def test_a_new_key_that_was_announced_is_no_alarm(
    host: LogHost, tmp_path: Path
) -> None:
    log, _ = claim_log()
    first, second = signer_of(YARD), signer_of(YARD, 2)
    expect = expecting(
        tmp_path,
        f'[[organisation]]\ncode = "{YARD}"\n'
        f'keys = ["{first.vkey}", "{second.vkey}"]\n',
    )
    log.add("key.registered", YARD, key_fact(YARD, second), first)
    log.add("lot.sourced", YARD, {"lot": "L0T000000009"}, second)
    revoked = {"key_id": key_id_of(first), "reason": "示例"}
    leaf = log.add("key.revoked", YARD, revoked, second)
    host.files = archive_files(log.notes)

    told = look(host, tmp_path / "a", "--expect", expect)
    expect.write_text(expect.read_text() + f'expected = ["{leaf}"]\n')

    assert [one["leaf"] for one in told["alarms"]] == [leaf]
    assert "key.revoked" in told["alarms"][0]["message"]
    assert_well(look(host, tmp_path / "b", "--expect", expect), len(log.notes))


def test_an_entry_that_is_not_in_the_owners_journal_is_an_alarm(
    host: LogHost, tmp_path: Path
) -> None:
    log, _ = claim_log()
    own = [
        leaf_hash(note).hex()
        for note in log.notes
        if parse_entry(note).fact["org"] == YARD
    ]
    (tmp_path / "own.txt").write_text("# ours\n" + "\n".join(own) + "\n")
    expect = expecting(
        tmp_path,
        f'[[organisation]]\ncode = "{YARD}"\njournal = "own.txt"\n'
        f'keys = ["{signer_of(YARD).vkey}"]\n',
    )
    host.files = archive_files(log.notes)
    assert_well(look(host, tmp_path / "s", "--expect", expect), len(log.notes))
    leaf = log.add("lot.sourced", YARD, {"lot": "L0T000000009"}, signer_of(YARD))
    host.files = archive_files(log.notes)

    told = look(host, tmp_path / "s", "--expect", expect)

    [alarm] = told["alarms"]
    assert alarm["leaf"] == leaf
    assert "stands not in its own journal" in alarm["message"]


def test_changed_expectations_are_held_against_the_whole_log(
    host: LogHost, tmp_path: Path
) -> None:
    log, _ = claim_log()
    host.files = archive_files(log.notes)
    assert_well(look(host, tmp_path / "s"), len(log.notes))
    other = signer_of(YARD, 7)
    expect = expecting(
        tmp_path, f'[[organisation]]\ncode = "{YARD}"\nkeys = ["{other.vkey}"]\n'
    )

    told = look(host, tmp_path / "s", "--expect", expect)

    assert set(kinds(told)) == {"key"}
    assert len(told["alarms"]) == 2, "its first key, and the lot signed with it"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "organisation = 1",
        "[[organisation]]\ncode = 'A'",
        "[[organisation]]\ncode = 'A'\nkeys = 'x'",
        "[[organisation]]\ncode = 'A'\nkeys = ['x+y+z']",
        "[[organisation]]\ncode = 'A'\nkeys = []\njournal = 'missing'",
        "[[organisation]]\ncode = 'A'\nkeys = []\nexpected = ['00']",
        "[[organisation]]\ncode = 'A'\nkeys = []\nmore = 1",
    ],
)
def test_a_wrong_file_of_expectations_is_a_wrong_call(
    host: LogHost, tmp_path: Path, text: str
) -> None:
    result = run(host, tmp_path / "s", "--expect", expecting(tmp_path, text))

    assert result.exit_code == 2
    assert "--expect" in result.stderr


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_at_any_address_is_told_and_believed_nowhere(
    host: LogHost, tmp_path: Path, kind: str
) -> None:
    look(host, tmp_path)
    host.files = archive_files(NOTES[:600])
    for hurt in sorted(set(host.files) - {"policy"}):
        host.meddle = lambda path, hurt=hurt: (  # type: ignore[misc]
            GARBAGE[kind] if path == hurt else None
        )
        host.asked.clear()
        told = look(host, tmp_path)
        if hurt in host.asked:
            assert kinds(told) == ["answer"], (hurt, told)
            assert told["checked"] == 300
    host.meddle = lambda path: None
    assert_well(look(host, tmp_path), 600)


def test_nobody_there_is_no_alarm_and_not_well_either(
    host: LogHost, tmp_path: Path
) -> None:
    look(host, tmp_path)
    with hosting({}) as gone:
        pass

    told = look(gone, tmp_path)
    failing = run(gone, tmp_path)

    assert told["alarms"] == []
    assert len(told["troubles"]) == 1
    assert failing.exit_code == 3
    assert "not looked at" in failing.stderr
    assert_well(look(host, tmp_path), 300)


def test_a_log_without_a_new_checkpoint_goes_quiet(
    host: LogHost, tmp_path: Path
) -> None:
    look(host, tmp_path, "--quiet-after", 30)
    age(tmp_path, 31)

    told = look(host, tmp_path, "--quiet-after", 30)
    without = look(host, tmp_path)
    host.files = archive_files(NOTES[:301])

    assert kinds(told) == ["quiet"]
    assert_well(without, 300)
    assert_well(look(host, tmp_path, "--quiet-after", 30), 301)


def age(folder: Path, minutes: int) -> None:
    """Let the state be older than it is."""
    path = folder / "monitor.json"
    state = json.loads(path.read_bytes())

    def earlier(text: str) -> str:
        return (datetime.fromisoformat(text) - timedelta(minutes=minutes)).isoformat()

    state["grown_at"] = earlier(state["grown_at"])
    for one in state["ahead"].values():
        one["since"] = earlier(one["since"])
    path.write_text(json.dumps(state))


def test_witnesses_that_fall_behind_are_an_alarm_after_a_while(
    host: LogHost, tmp_path: Path
) -> None:
    more = archive_files(NOTES[:600])
    tiles = {path: more[path] for path in more if path.startswith("tile")}
    host.files |= tiles | {
        "checkpoint/logged": checkpoint_of(NOTES[:600], witnessed=False)
    }
    assert_well(look(host, tmp_path), 300)
    age(tmp_path, 11)

    told = look(host, tmp_path)

    assert kinds(told) == ["witnesses"]
    assert (
        "600 entries, and the quorum of its witnesses 300"
        in (told["alarms"][0]["message"])
    )
    host.files = archive_files(NOTES[:600])
    assert_well(look(host, tmp_path), 600)


def test_a_checkpoint_that_lacks_the_quorum_is_an_alarm_after_a_while(
    host: LogHost, tmp_path: Path
) -> None:
    look(host, tmp_path)
    host.files = archive_files(NOTES[:600])
    host.files["checkpoint"] = checkpoint_of(NOTES[:600], witnessed=False)
    at_first = look(host, tmp_path)
    age(tmp_path, 11)

    assert at_first["alarms"] == []
    assert "lacks the quorum" in at_first["notes"][0]
    assert kinds(look(host, tmp_path)) == ["witnesses"]


def test_a_mirror_and_a_witness_of_the_same_history_are_no_alarm(
    host: LogHost, tmp_path: Path
) -> None:
    path = monitoring_path(ORIGIN).removeprefix("/")
    with (
        hosting(archive_files(NOTES[:200])) as mirror,
        hosting({path: checkpoint_of(NOTES[:300])}) as witness,
    ):
        told = look(host, tmp_path, "--mirror", mirror.url, "--witness", witness.url)

    assert_well(told, 300)


@pytest.mark.parametrize("size", [200, 300, 600])
def test_a_mirror_of_another_history_is_an_alarm_with_evidence(
    host: LogHost, tmp_path: Path, size: int
) -> None:
    policy = tmp_path / "policy"
    policy.write_bytes(host.files["policy"])
    with hosting(archive_files(FORKED[:size])) as mirror:
        told = look(host, tmp_path / "s", "--mirror", mirror.url)

    assert kinds(told) == ["fork"]
    shown = CliRunner().invoke(
        verify, [told["alarms"][0]["evidence"], "--policy", str(policy)]
    )
    assert shown.exit_code == 0, shown.output


def test_a_witness_of_another_history_is_an_alarm(
    host: LogHost, tmp_path: Path
) -> None:
    path = monitoring_path(ORIGIN).removeprefix("/")
    with hosting({path: checkpoint_of(FORKED[:200])}) as witness:
        told = look(host, tmp_path, "--witness", witness.url)

    assert kinds(told) == ["fork"]


def test_what_others_have_seen_and_the_log_hides_is_an_alarm_after_a_while(
    host: LogHost, tmp_path: Path
) -> None:
    with hosting(archive_files(NOTES[:600])) as mirror:
        at_first = look(host, tmp_path, "--mirror", mirror.url)
        age(tmp_path, 11)
        told = look(host, tmp_path, "--mirror", mirror.url)
        at_once = look(host, tmp_path / "o", "--mirror", mirror.url, "--grace", 0)
    gone = look(host, tmp_path, "--mirror", mirror.url)

    assert at_first["alarms"] == []
    assert kinds(told) == kinds(at_once) == ["hidden"]
    assert kinds(gone) == ["hidden"], "it was seen, whoever is silent now"
    host.files = archive_files(NOTES[:600])
    assert kinds(look(host, tmp_path)) == []


def test_a_peer_that_is_silent_or_talks_nonsense_is_a_trouble(
    host: LogHost, tmp_path: Path
) -> None:
    with hosting({"checkpoint": b"<html>"}) as mirror:
        nonsense = look(host, tmp_path, "--mirror", mirror.url)
    silent = look(host, tmp_path, "--witness", mirror.url)

    for told in (nonsense, silent):
        assert told["alarms"] == []
        assert len(told["troubles"]) == 1
        assert told["checked"] == 300


def test_a_damaged_copy_is_told_and_mends_nothing(
    host: LogHost, tmp_path: Path
) -> None:
    look(host, tmp_path)
    (tmp_path / "log/tile/0/001.p/44").write_bytes(bytes(44 * 32))

    told = look(host, tmp_path)

    assert told["alarms"] == []
    assert "remelt verify" in told["troubles"][0]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"checked": -1}', '{"odd": 1}'])
def test_a_state_that_was_changed_is_refused(
    host: LogHost, tmp_path: Path, text: str
) -> None:
    look(host, tmp_path)
    (tmp_path / "monitor.json").write_text(text)

    result = run(host, tmp_path)

    assert result.exit_code == 1
    assert "take it away to check everything anew" in result.stderr


def test_a_stop_between_copy_and_check_loses_no_entry(
    host: LogHost, tmp_path: Path
) -> None:
    look(host, tmp_path)
    state = (tmp_path / "monitor.json").read_bytes()
    log = [*NOTES[:300], bad_signature_log().notes[-1]]
    host.files = archive_files(log)
    assert kinds(look(host, tmp_path)) == ["entry"]
    (tmp_path / "monitor.json").write_bytes(state)

    assert kinds(look(host, tmp_path)) == ["entry"]


def test_entries_that_are_not_given_are_said_not_to_be_checked(
    host: LogHost, tmp_path: Path
) -> None:
    host.meddle = lambda path: (401, b"") if "entries" in path else None
    told = look(host, tmp_path)
    expect = expecting(tmp_path, f'[[organisation]]\ncode = "{YARD}"\nkeys = []\n')
    expected = look(host, tmp_path, "--expect", expect)
    host.meddle = lambda path: None

    assert (told["alarms"], told["size"], told["checked"]) == ([], 300, 0)
    assert expected["troubles"] == ["what you expect needs entries, and none are read"]
    assert any("who signed what is not checked" in one for one in told["notes"])
    assert_well(look(host, tmp_path), 300)


@pytest.mark.parametrize("place", [150, 450])
def test_a_signature_that_was_spoilt_is_named_with_its_entry(
    host: LogHost, tmp_path: Path, place: int
) -> None:
    if place > 300:
        look(host, tmp_path)
    note = NOTES[place]
    spoilt = [*NOTES[:place], note[:-3] + b"AA\n", *NOTES[place + 1 : 500]]
    host.files = archive_files(spoilt)

    told = look(host, tmp_path)

    assert ("entry", place) in {(one["kind"], one["entry"]) for one in told["alarms"]}


def test_a_key_that_ended_signs_no_more(host: LogHost, tmp_path: Path) -> None:
    """Validity is by index: what comes behind the end of a key is an alarm."""
    log, _ = claim_log()
    ended = {"key_id": key_id_of(signer_of(YARD)), "reason": "lost"}
    log.add("key.revoked", YARD, ended, REGISTRAR)
    log.add("lot.sourced", YARD, {"lot": "L0T000000009"}, signer_of(YARD))
    host.files = archive_files(log.notes)

    [alarm] = look(host, tmp_path)["alarms"]

    assert (alarm["kind"], alarm["entry"]) == ("entry", len(log.notes) - 1)


def test_owners_hear_nothing_of_the_keys_of_others(
    host: LogHost, tmp_path: Path
) -> None:
    log, _ = claim_log()
    expect = expecting(
        tmp_path,
        f'[[organisation]]\ncode = "{YARD}"\nkeys = ["{signer_of(YARD).name}"]\n'
        f'expected = ["{leaf_hash(log.notes[2]).hex()}"]\n',
    )
    second = signer_of(SMELTER, 2)
    log.add("key.registered", SMELTER, key_fact(SMELTER, second), signer_of(SMELTER))
    host.files = archive_files(log.notes)

    assert_well(look(host, tmp_path / "s", "--expect", expect), len(log.notes))


def test_witnesses_of_the_policy_are_asked_and_need_not_answer(
    host: LogHost, tmp_path: Path
) -> None:
    path = monitoring_path(ORIGIN).removeprefix("/")
    with hosting({path: checkpoint_of(FORKED[:200])}) as witness:
        listed = Policy(
            POLICY.logs, (PolicyWitness("w1", WITNESS.vkey, witness.url),), (), "w1"
        )
        host.files = archive_files(NOTES[:300], policy=listed)
        told = look(host, tmp_path)
    silent = look(host, tmp_path)

    assert kinds(told) == ["fork"]
    assert (silent["alarms"], silent["troubles"]) == ([], [])
    assert any(witness.url in one for one in silent["notes"])


def test_either_once_or_with_a_pause(host: LogHost, tmp_path: Path) -> None:
    for arguments in ([], ["--once", "--every", "5"]):
        result = CliRunner().invoke(cli, [host.url, *arguments])
        assert result.exit_code == 2
        assert "--once or --every" in result.stderr


def test_a_log_on_a_server_is_followed_with_the_token_of_an_auditor(
    world: World, tmp_path: Path
) -> None:
    org = world.register("yard")
    site = world.facility(org, "gate", scales=SCALES)
    for _ in range(3):
        world.sourced(org, site)
    assert world.checkpoint() is not None
    with world.transaction() as session:
        user = add_user(
            session,
            email="monitor@example.org",
            name="示例监察",
            password=PASSWORD,
            roles=["mirror"],
            organisation_id=None,
            now=world.now,
        )
        _, token = make_token(
            session,
            user.id,
            name="monitor",
            scopes=["read"],
            expires_at=world.now + timedelta(days=300),
            now=world.now,
        )
    (tmp_path / "own.txt").write_text("")
    expect = expecting(
        tmp_path,
        f'[[organisation]]\ncode = "{org}"\nkeys = []\njournal = "own.txt"\n',
    )
    url = world.engine.url.render_as_string(hide_password=False)
    with serving(url, tmp_path / "server") as port:
        address = f"http://127.0.0.1:{port}"
        first = look(address, tmp_path / "s", token=token)
        world.sourced(org, site)
        head = world.checkpoint()
        second = look(address, tmp_path / "s", token=token)
        third = look(address, tmp_path / "s", "--expect", expect, token=token)

    assert head is not None
    assert_well(first, head.size - 1)
    assert_well(second, head.size)
    assert set(kinds(third)) == {"key"}
