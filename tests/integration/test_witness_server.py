"""A witness as a process of its own, over HTTP, as logs and monitors meet it."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from app.cli.witness import cli, state_of
from app.console import main
from app.witness.store import StoreError, WitnessStore
from ledger import (
    AddCheckpoint,
    Checkpoint,
    LeafTiles,
    Signer,
    WitnessKey,
    format_add_checkpoint,
    leaf_hash,
    monitoring_path,
    open_checkpoint,
    parse_cosignatures,
    parse_size,
    pick_cosignatures,
    prove_consistency,
    root_of,
    sign_checkpoint,
    split_note,
)

LOG = Signer.from_bytes("example.org/log", bytes(32))
OTHER = Signer.from_bytes("example.org/other", bytes([1]) * 32)
LEAVES = [leaf_hash(n.to_bytes(2, "big")) for n in range(300)]
TILES = LeafTiles(LEAVES)
# The worker dies by itself once the checkpoint is on the disk, before it answers
DYING = """
import os, signal, sys
from app.witness.store import WitnessStore
advance = WitnessStore.advance
def advance_and_die(self, origin, cosign):
    advance(self, origin, cosign)
    os.kill(os.getpid(), signal.SIGKILL)
WitnessStore.advance = advance_and_die
from app.cli.witness import cli
cli(sys.argv[1:])
"""
BY_KEY = ("--log", LOG.vkey, "--log", OTHER.vkey)
PLAIN = "import sys; from app.cli.witness import cli; cli(sys.argv[1:])"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    made = CliRunner().invoke(cli, ["new", "w.example/1", str(tmp_path / "w.key")])
    assert made.exit_code == 0, made.output
    (tmp_path / "vkey").write_text(made.output.strip())
    return tmp_path / "w.key"


def key_of(key_file: Path) -> WitnessKey:
    return WitnessKey.parse((key_file.parent / "vkey").read_text())


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def witness(
    key_file: Path, *, program: str = PLAIN, logs: tuple[str, ...] = BY_KEY
) -> Iterator[httpx.Client]:
    """A client of a witness that runs as its own process, without any setting."""
    port = free_port()
    arguments = ["serve", str(key_file), "--port", str(port), *logs]
    clean = {name: text for name, text in os.environ.items() if "REMELT" not in name}
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], env=clean, stderr=subprocess.PIPE
    ) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                await_answer(client, process)
                yield client
        finally:
            process.terminate()
            process.communicate(timeout=20)


def await_answer(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            client.get("/")
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        else:
            return
    pytest.fail("the witness did not come up")


def note_of(size: int, signer: Signer = LOG, root: bytes | None = None) -> bytes:
    made = Checkpoint(signer.name, size, root or root_of(LEAVES[:size]))
    return sign_checkpoint(made, [signer])


def submit(
    client: httpx.Client, old: int, new: int, signer: Signer = LOG
) -> httpx.Response:
    proof = prove_consistency(TILES, old, new) if 0 < old <= new else []
    request = AddCheckpoint(old, tuple(proof), note_of(new, signer))
    return client.post("/add-checkpoint", content=format_add_checkpoint(request))


def check_cosigned(answer: httpx.Response, key: WitnessKey, note: bytes) -> None:
    assert answer.status_code == 200, answer.text
    found = pick_cosignatures(parse_cosignatures(answer.content), [key], note)
    assert abs(found[key.public_key][1] - time.time()) < 60


def test_a_witness_cosigns_follows_and_answers_every_status(key_file: Path) -> None:
    key = key_of(key_file)
    with witness(key_file) as client:
        assert client.get("/").text == f"{key.vkey}\n"
        assert client.get(monitoring_path(LOG.name)).status_code == 404

        check_cosigned(submit(client, 0, 5), key, note_of(5))
        check_cosigned(submit(client, 5, 300), key, note_of(300))
        check_cosigned(submit(client, 300, 300), key, note_of(300))
        check_cosigned(submit(client, 0, 7, OTHER), key, note_of(7, OTHER))

        behind = submit(client, 5, 300)
        assert (behind.status_code, parse_size(behind.content)) == (409, 300)
        assert behind.headers["Content-Type"] == "text/x.tlog.size"
        forked = AddCheckpoint(300, (), note_of(300, root=bytes(32)))
        cases = {
            422: format_add_checkpoint(forked),
            400: b"garbage",
            404: format_add_checkpoint(
                AddCheckpoint(0, (), note_of(3, Signer.generate("example.org/no")))
            ),
            403: format_add_checkpoint(
                AddCheckpoint(0, (), note_of(3, Signer.generate(LOG.name)))
            ),
        }
        for status, body in cases.items():
            assert client.post("/add-checkpoint", content=body).status_code == status
        assert submit(client, 301, 300).status_code == 400


def test_monitors_read_the_newest_cosigned_checkpoint(key_file: Path) -> None:
    key = key_of(key_file)
    with witness(key_file) as client:
        submit(client, 0, 5)
        submit(client, 5, 9)
        shown = client.get(monitoring_path(LOG.name))

    assert open_checkpoint(shown.content, [LOG.verifier], LOG.name).size == 9
    assert pick_cosignatures(split_note(shown.content)[1], [key], shown.content)
    assert shown.headers["Access-Control-Allow-Origin"] == "*"


def test_other_methods_paths_and_long_bodies_are_refused(key_file: Path) -> None:
    with witness(key_file) as client:
        assert client.get("/add-checkpoint").status_code == 405
        assert client.post("/").status_code == 405
        assert client.get("/nowhere").status_code == 404
        assert client.get(f"/{'0' * 64}/checkpoint").status_code == 404
        long = client.post("/add-checkpoint", content=b"x" * 300_000)
        assert long.status_code == 413


def test_a_kill_between_store_and_answer_loses_nothing(key_file: Path) -> None:
    key = key_of(key_file)
    with witness(key_file) as client:
        check_cosigned(submit(client, 0, 5), key, note_of(5))
    with (
        witness(key_file, program=DYING) as client,
        pytest.raises(httpx.TransportError),
    ):
        submit(client, 5, 9)

    with witness(key_file) as client:
        again = submit(client, 5, 9)
        assert (again.status_code, parse_size(again.content)) == (409, 9)
        check_cosigned(submit(client, 9, 9), key, note_of(9))


def test_concurrent_submitters_never_lead_a_witness_back(key_file: Path) -> None:
    def push(client: httpx.Client, first: int) -> list[int]:
        """Cosign every eighth size as a log does: on 409 from the size told."""
        reached, old = [], 0
        for new in range(first, 300, 8):
            answer = submit(client, old, new)
            while answer.status_code == 409 and parse_size(answer.content) <= new:
                old = parse_size(answer.content)
                answer = submit(client, old, new)
            if answer.status_code == 200:
                old = new
                reached.append(new)
            else:
                assert answer.status_code == 409
        return reached

    with witness(key_file) as client, ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(push, client, n) for n in range(1, 9)]
        reached = [job.result() for job in jobs]
        newest = max(size for sizes in reached for size in sizes)
        shown = client.get(monitoring_path(LOG.name))

    assert newest == 299
    assert open_checkpoint(shown.content, [LOG.verifier], LOG.name).size == newest
    for sizes in reached:
        assert sizes == sorted(sizes)
    # No size was cosigned by two: the second would have come from another size
    told = [size for sizes in reached for size in sizes]
    assert len(told) == len(set(told))


def test_key_and_state_are_for_their_owner_alone(key_file: Path) -> None:
    for path in (key_file, state_of(key_file)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    key_file.chmod(0o644)
    refused = CliRunner().invoke(cli, ["serve", str(key_file), "--log", LOG.vkey])

    assert refused.exit_code == 1
    assert f"chmod 600 {key_file}" in refused.output


def test_a_witness_without_its_state_does_not_start_anew(key_file: Path) -> None:
    state_of(key_file).unlink()

    refused = CliRunner().invoke(cli, ["serve", str(key_file), "--log", LOG.vkey])

    assert refused.exit_code == 1
    assert "nobody knows what this key has cosigned" in refused.output


def test_the_state_of_another_witness_is_refused(
    key_file: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second.key"
    CliRunner().invoke(cli, ["new", "w.example/2", str(second)])
    state_of(key_file).rename(state_of(second))

    refused = CliRunner().invoke(cli, ["status", str(second)])

    assert refused.exit_code == 1
    assert "belongs to another key" in refused.output


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" * 90])
def test_a_file_that_is_no_state_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)

    with pytest.raises(StoreError):
        WitnessStore(path, "any")


def test_a_key_is_never_overwritten(key_file: Path) -> None:
    before = key_file.read_bytes(), state_of(key_file).read_bytes()

    again = CliRunner().invoke(cli, ["new", "w.example/1", str(key_file)])

    assert again.exit_code == 1
    assert (key_file.read_bytes(), state_of(key_file).read_bytes()) == before


def test_a_name_that_no_key_can_have_leaves_no_file(tmp_path: Path) -> None:
    refused = CliRunner().invoke(cli, ["new", "a name", str(tmp_path / "w.key")])

    assert refused.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_logs_come_from_policies_and_lists_of_logs(
    key_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "policy").write_text(
        f"# genesis {'0' * 64}\nlog {LOG.vkey}\nquorum none\n"
    )
    (tmp_path / "logs").write_text(f"log {OTHER.vkey} https://example.org/other\n")
    by_file = ("--logs", str(tmp_path / "policy"), "--logs", str(tmp_path / "logs"))

    with witness(key_file, logs=by_file) as client:
        assert submit(client, 0, 5).status_code == 200
        assert submit(client, 0, 5, OTHER).status_code == 200


def test_a_witness_without_a_log_or_with_a_bad_list_does_not_start(
    key_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad").write_text("log nonsense\n")

    none = CliRunner().invoke(cli, ["serve", str(key_file)])
    bad = CliRunner().invoke(
        cli, ["serve", str(key_file), "--logs", str(tmp_path / "bad")]
    )

    assert none.exit_code == 2
    assert "name a log" in none.output
    assert bad.exit_code == 2
    assert "line 1" in bad.output


def test_status_tells_what_was_cosigned(key_file: Path) -> None:
    with witness(key_file) as client:
        submit(client, 0, 5)

    told = CliRunner().invoke(main, ["witness", "status", str(key_file)])

    assert told.exit_code == 0, told.output
    assert f"{LOG.name}: 5 entries, root {root_of(LEAVES[:5]).hex()}" in told.output


def test_a_state_that_cannot_be_written_gives_no_cosignature(key_file: Path) -> None:
    with witness(key_file) as client:
        submit(client, 0, 5)
        with closing(sqlite3.connect(state_of(key_file))) as held:
            held.execute("BEGIN IMMEDIATE")
            answer = client.post(
                "/add-checkpoint",
                content=format_add_checkpoint(AddCheckpoint(5, (), note_of(5))),
                timeout=10,
            )
        assert answer.status_code == 503
        assert "—" not in answer.text
        assert submit(client, 5, 9).status_code == 200
