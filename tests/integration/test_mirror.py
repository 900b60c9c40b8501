"""``remelt mirror``: whatever the other side does, the copy verifies."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.mirror import cli
from app.services import log_fetching
from app.services.archive_check import check_archive
from app.services.log_fetching import BadAnswer, InsecureToken, LogClient
from app.services.tokens import make_token
from app.services.users import add_user
from ledger import Policy, PolicyLog, encode_bundle, parse_policy
from ledger.fork import load_fork, verify_fork
from tests.archives import archive_files, checkpoint_of, long_log, write_files
from tests.bench.serving import serving
from tests.log_host import Answer, LogHost, hosting
from tests.people import PASSWORD
from tests.small_log import LOG_KEY, POLICY
from tests.world import World

NOTES = long_log(1100).notes
FORKED = [*NOTES[:500], NOTES[700], *NOTES[501:900]]
SCALES = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
MAIN = "from app.console import main; main()"
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between tries."""
    monkeypatch.setattr(log_fetching, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(log_fetching, "LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def host() -> Iterator[LogHost]:
    with hosting(archive_files(NOTES[:300])) as host:
        yield host


def run(host: LogHost, folder: Path, *more: object) -> Result:
    arguments = [host.url, str(folder), *map(str, more)]
    return CliRunner().invoke(cli, arguments, env={"REMELT_TOKEN": ""})


def assert_whole(folder: Path, size: int, *, entries: bool = True) -> None:
    report = check_archive(folder)
    assert [one.to_text() for one in report.faults] == []
    assert report.size == size
    assert report.entries == (size if entries else 0)
    assert not any("reach beyond" in one for one in report.notes)


def test_a_copy_grows_with_the_log_and_is_the_same_files(
    host: LogHost, tmp_path: Path
) -> None:
    for size in (300, 300, 511, 512, 513, 1100):
        host.files = archive_files(NOTES[:size])
        result = run(host, tmp_path / "copy")
        assert result.exit_code == 0, result.output
        assert_whole(tmp_path / "copy", size)

    found = {
        path.relative_to(tmp_path / "copy").as_posix(): path.read_bytes()
        for path in (tmp_path / "copy").rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    assert found == archive_files(NOTES)


def test_only_what_is_new_is_asked_for(host: LogHost, tmp_path: Path) -> None:
    run(host, tmp_path)
    host.files = archive_files(NOTES[:600])
    host.asked.clear()

    run(host, tmp_path)

    assert sorted(set(host.asked)) == sorted(host.asked)
    assert "tile/0/000" not in host.asked
    assert {"tile/0/001", "tile/entries/001", "tile/0/002.p/88"} < set(host.asked)
    host.asked.clear()
    run(host, tmp_path)
    assert host.asked == ["checkpoint"]


def test_the_logs_own_policy_is_taken_once_and_said_loudly(
    host: LogHost, tmp_path: Path
) -> None:
    first = run(host, tmp_path)
    second = run(host, tmp_path)

    assert "taken on trust" in first.stderr
    assert "taken on trust" not in second.stderr
    host.files["policy"] = b"quorum none\n"
    assert run(host, tmp_path).exit_code == 0, "the policy kept counts"


def test_a_pinned_policy_refuses_another_log(host: LogHost, tmp_path: Path) -> None:
    pinned = tmp_path / "pinned"
    pinned.write_bytes(host.files["policy"])
    assert run(host, tmp_path / "a", "--policy", pinned).exit_code == 0
    text = pinned.read_text()
    genesis = text.split()[2]
    pinned.write_text(text.replace(genesis, "00" * 32))

    wrong = run(host, tmp_path / "b", "--policy", pinned)

    assert wrong.exit_code == 1
    assert "the policy pins" in wrong.stderr
    assert not (tmp_path / "b/checkpoint").exists()
    assert run(host, tmp_path / "a", "--policy", pinned).exit_code == 1


def test_witnesses_that_were_added_to_the_policy_count_from_then_on(
    host: LogHost, tmp_path: Path
) -> None:
    alone = Policy((PolicyLog(LOG_KEY.vkey),))
    host.files = archive_files(NOTES[:300], policy=alone)
    run(host, tmp_path / "copy")
    assert check_archive(tmp_path / "copy").passed
    pinned = tmp_path / "pinned"
    pinned.write_bytes(archive_files(NOTES[:300])["policy"])

    result = run(host, tmp_path / "copy", "--policy", pinned)

    assert result.exit_code == 0, result.stderr
    assert_whole(tmp_path / "copy", 300)
    text = (tmp_path / "copy/policy").read_text()
    assert parse_policy(text) == POLICY


def test_a_checkpoint_without_the_quorum_moves_nothing(
    host: LogHost, tmp_path: Path
) -> None:
    run(host, tmp_path)
    host.files = archive_files(NOTES[:600])
    host.files["checkpoint"] = checkpoint_of(NOTES[:600], witnessed=False)

    result = run(host, tmp_path)

    assert result.exit_code == 3
    assert "lacks the quorum w1" in result.stderr
    assert_whole(tmp_path, 300)


def test_two_histories_show_before_any_witness_has_signed_the_second(
    host: LogHost, tmp_path: Path
) -> None:
    run(host, tmp_path)
    forked = [*NOTES[:100], NOTES[650], *NOTES[101:400]]
    host.files = archive_files(forked)
    host.files["checkpoint"] = checkpoint_of(forked, witnessed=False)

    told = json.loads(run(host, tmp_path, "--json").stdout)

    assert told["fault"] == "Forked"
    evidence = load_fork(Path(told["evidence"]).read_bytes())
    assert verify_fork(evidence, POLICY).verdict == "fork"


@pytest.mark.parametrize("size", [200, 300, 400, 512, 900])
def test_two_histories_leave_evidence_that_anybody_verifies(
    host: LogHost, tmp_path: Path, size: int
) -> None:
    host.files = archive_files(NOTES[:600])
    run(host, tmp_path)
    forked = [*NOTES[:100], NOTES[650], *NOTES[101:size]]
    host.files = archive_files(forked)

    result = run(host, tmp_path, "--json")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["fault"] == "Forked"
    evidence = load_fork(Path(told["evidence"]).read_bytes())
    assert verify_fork(evidence, POLICY).verdict == "fork"
    assert_whole(tmp_path, 600)


def test_a_second_root_of_the_same_size_is_a_fork(
    host: LogHost, tmp_path: Path
) -> None:
    host.files = archive_files(FORKED[:600])
    run(host, tmp_path)
    host.files = archive_files(NOTES[:600])

    told = json.loads(run(host, tmp_path, "--json").stdout)

    assert (told["passed"], told["fault"]) == (False, "Forked")


def test_an_older_answer_of_the_same_history_is_no_fork(
    host: LogHost, tmp_path: Path
) -> None:
    host.files = archive_files(NOTES[:600])
    run(host, tmp_path)
    host.files = archive_files(NOTES[:300])

    result = run(host, tmp_path)

    assert result.exit_code == 0
    assert "the copy holds 600 already" in result.stderr
    assert_whole(tmp_path, 600)


def test_a_log_that_keeps_full_tiles_only_is_copied(
    host: LogHost, tmp_path: Path
) -> None:
    """Partial tiles may go once the full ones are there; a newer size is served."""
    host.files = archive_files(NOTES[:512])
    host.files["checkpoint"] = checkpoint_of(NOTES[:300])
    host.files["tile/1/000.p/1"] = host.files["tile/1/000.p/2"][:32]

    result = run(host, tmp_path)

    assert result.exit_code == 0, result.stderr
    assert_whole(tmp_path, 300)


GARBAGE: dict[str, Answer] = {
    "empty": (200, b""),
    "text": (200, b"<html>busy</html>"),
    "zeros": (200, bytes(8192)),
    "long": (200, bytes(2_000_000)),
    "redirect": (301, b""),
    "failure": (500, b"oops"),
    "gone": (404, b""),
    "strange": (204, b""),
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_at_any_address_changes_nothing(
    host: LogHost, tmp_path: Path, kind: str
) -> None:
    run(host, tmp_path)
    host.files = archive_files(NOTES[:600])
    new = set(host.files) - {"policy"}

    for hurt in sorted(new):
        host.meddle = lambda path, hurt=hurt: (  # type: ignore[misc]
            GARBAGE[kind] if path == hurt else None
        )
        host.asked.clear()
        result = run(host, tmp_path)
        if hurt in host.asked:
            assert result.exit_code in (1, 3), (hurt, result.output)
            assert not isinstance(result.exception, Exception) or isinstance(
                result.exception, SystemExit
            )
            report = check_archive(tmp_path)
            assert report.passed, [one.to_text() for one in report.faults]
            assert report.size == 300
    host.meddle = lambda path: None
    assert run(host, tmp_path).exit_code == 0
    assert_whole(tmp_path, 600)


def test_a_shortened_or_changed_file_is_refused(host: LogHost, tmp_path: Path) -> None:
    run(host, tmp_path)
    rng = random.Random(7)
    good = archive_files(NOTES[:600])
    old = archive_files(NOTES[:300])

    for path in sorted(set(good) - set(old) | {"checkpoint"}):
        at = rng.randrange(len(good[path]))
        changed = bytearray(good[path])
        changed[at] ^= 16
        for bad in (good[path][:-1], bytes(changed)):
            host.files = good | {path: bad}
            result = run(host, tmp_path)
            assert result.exit_code in (1, 3), (path, at, result.output)
            assert check_archive(tmp_path).size == 300
    assert check_archive(tmp_path).passed


def test_a_forged_entry_that_fits_its_bundle_is_refused(
    host: LogHost, tmp_path: Path
) -> None:
    entries = [*NOTES[:255], NOTES[256]]
    host.files["tile/entries/000"] = encode_bundle(entries)

    result = run(host, tmp_path)

    assert result.exit_code == 1
    assert "entry 255" in result.stderr


def test_a_server_that_fails_now_and_then_is_asked_again(
    host: LogHost, tmp_path: Path
) -> None:
    failures = iter([500, 429, 503] * 100)
    seen: set[str] = set()

    def meddle(path: str) -> Answer | None:
        if path in seen:
            return None
        seen.add(path)
        return next(failures), b""

    host.meddle = meddle

    assert run(host, tmp_path).exit_code == 0
    assert_whole(tmp_path, 300)


def test_nobody_there_is_neither_a_fault_nor_a_success(tmp_path: Path) -> None:
    with hosting({}) as host:
        pass

    result = run(host, tmp_path)

    assert result.exit_code == 3


def test_hashes_alone_are_kept_where_entries_are_not_given_and_join_later(
    host: LogHost, tmp_path: Path
) -> None:
    host.meddle = lambda path: (401, b"") if "entries" in path else None
    alone = run(host, tmp_path)
    assert alone.exit_code == 0
    assert "hashes only: the log does not let us read entries" in alone.stderr
    assert_whole(tmp_path, 300, entries=False)

    host.files = archive_files(NOTES[:600])
    assert run(host, tmp_path).exit_code == 0
    assert_whole(tmp_path, 600, entries=False)
    host.meddle = lambda path: None
    assert run(host, tmp_path, "--token", "rmt_mirror").exit_code == 0

    assert_whole(tmp_path, 600)
    assert host.tokens["tile/entries/000"] == "Bearer rmt_mirror"
    assert host.tokens["tile/0/001"] is None
    assert host.tokens["checkpoint"] is None


def test_a_copy_with_entries_never_becomes_one_without(
    host: LogHost, tmp_path: Path
) -> None:
    run(host, tmp_path)
    host.files = archive_files(NOTES[:600])
    host.meddle = lambda path: (403, b"") if "entries" in path else None

    result = run(host, tmp_path)

    assert result.exit_code == 1
    assert "send the token of a mirror" in result.stderr
    assert check_archive(tmp_path).size == 300
    assert check_archive(tmp_path).passed
    assert run(host, tmp_path, "--hashes-only").exit_code == 1


def test_a_damaged_copy_is_not_built_upon(host: LogHost, tmp_path: Path) -> None:
    run(host, tmp_path)
    (tmp_path / "tile/0/001.p/44").write_bytes(bytes(44 * 32))

    result = run(host, tmp_path)

    assert result.exit_code == 1
    assert "remelt verify" in result.stderr


def test_a_token_does_not_travel_in_the_open(tmp_path: Path) -> None:
    with pytest.raises(InsecureToken):
        LogClient("http://remelt.example.org/log", token="rmt_x")
    with pytest.raises(BadAnswer):
        LogClient("file:///etc")
    for url in ("https://remelt.example.org", "http://127.0.0.1:1"):
        LogClient(url, token="rmt_x").close()
    arguments = ["http://remelt.example.org", str(tmp_path), "--token", "x"]
    assert CliRunner().invoke(cli, arguments).exit_code == 2


def test_what_grows_without_end_when_it_is_unpacked_is_cut_off() -> None:
    bomb = gzip.compress(bytes(200_000_000))
    with hosting({"checkpoint": bomb}) as host:
        host.encoding = "gzip"
        client = LogClient(host.url)
        with pytest.raises(BadAnswer):
            client.checkpoint()
        client.close()


DRIVER = """
import os, signal, sys
left = int(sys.argv.pop(1))
real = os.replace
def replace(*args, **more):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args, **more)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
os.rename = replace
from app.cli.mirror import cli
cli()
"""


def test_killed_before_and_after_any_file_moves_the_copy_verifies(
    host: LogHost, tmp_path: Path
) -> None:
    """The process dies at each move of a file in turn, and goes on at the next."""
    sizes = iter((300, 600))
    deaths = 0
    for size in sizes:
        host.files = archive_files(NOTES[:size])
        for moves in (1, 4, 9, 14, 400):
            done = subprocess.run(
                [sys.executable, "-c", DRIVER, str(moves), host.url, str(tmp_path)],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT), "REMELT_TOKEN": ""},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode in (0, -signal.SIGKILL), done.stderr
            deaths += done.returncode != 0
            if (tmp_path / "checkpoint").exists():
                report = check_archive(tmp_path)
                assert report.passed, [one.to_text() for one in report.faults]
        assert_whole(tmp_path, size)
    assert deaths >= 6


def test_killed_at_any_request_the_copy_verifies(host: LogHost, tmp_path: Path) -> None:
    for size in (300, 600):
        host.files = archive_files(NOTES[:size])
        for nth in (2, 4, 6, 8):
            process = subprocess.Popen(
                [sys.executable, "-c", MAIN, "mirror", host.url, str(tmp_path)],
                cwd=tmp_path.parent,
                env=os.environ | {"PYTHONPATH": str(ROOT), "REMELT_TOKEN": ""},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            count = len(host.asked) + nth

            def kill(path: str, count: int = count, pid: int = process.pid) -> None:
                if len(host.asked) == count:
                    os.kill(pid, signal.SIGKILL)

            host.meddle = kill
            process.wait(60)
            if (tmp_path / "checkpoint").exists():
                assert check_archive(tmp_path).passed
        host.meddle = lambda path: None
        assert run(host, tmp_path).exit_code == 0
        assert_whole(tmp_path, size)


def test_one_process_at_a_time_writes_a_copy(host: LogHost, tmp_path: Path) -> None:
    def meddle(path: str) -> Answer | None:
        if path == "checkpoint":
            other = run(host_of_other, tmp_path)
            assert other.exit_code == 3
            assert "another process" in other.stderr
        return None

    with hosting(archive_files(NOTES[:300])) as host_of_other:
        write_files(tmp_path, {"policy": host.files["policy"]})
        host.meddle = meddle
        assert run(host, tmp_path).exit_code == 0


def test_a_mirror_with_its_own_token_copies_a_server(
    world: World, tmp_path: Path
) -> None:
    org = world.register("yard")
    site = world.facility(org, "gate", scales=SCALES)
    for _ in range(5):
        world.sourced(org, site)
    head = world.checkpoint()
    assert head is not None
    with world.transaction() as session:
        user = add_user(
            session,
            email="mirror@example.org",
            name="示例镜像",
            password=PASSWORD,
            roles=["mirror"],
            organisation_id=None,
            now=world.now,
        )
        _, token = make_token(
            session,
            user.id,
            name="copy",
            scopes=["read"],
            expires_at=world.now + timedelta(days=300),
            now=world.now,
        )
    url = world.engine.url.render_as_string(hide_password=False)
    with serving(url, tmp_path / "server") as port:
        address = f"http://127.0.0.1:{port}"
        arguments = [address, str(tmp_path / "copy"), "--json"]
        without = CliRunner().invoke(cli, arguments, env={"REMELT_TOKEN": ""})
        with_token = CliRunner().invoke(cli, arguments, env={"REMELT_TOKEN": token})

    assert json.loads(without.stdout)["entries"] is False
    assert json.loads(with_token.stdout)["entries"] is True
    assert_whole(tmp_path / "copy", head.size)
