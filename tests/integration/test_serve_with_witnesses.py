"""``remelt serve`` and ``remelt witness serve`` side by side, as their operators do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from ledger import (
    AddCheckpoint,
    Checkpoint,
    Policy,
    PolicyLog,
    PolicyWitness,
    Signer,
    evaluate_policy,
    format_add_checkpoint,
    format_policy,
    sign_checkpoint,
)

REMELT = [sys.executable, "-c", "from app.console import main; main()"]
UP_WITHIN_S = 30.0


class Installation:
    """A data directory of the product, and commands that run in it."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "var"
        clean = {
            name: text for name, text in os.environ.items() if "REMELT" not in name
        }
        self.env = clean | {"REMELT_DATA_DIR": str(self.data_dir)}
        self.run("db", "upgrade")
        name, seed = (self.data_dir / "keys" / "log.key").read_text().split()
        self.log_key = Signer.from_bytes(name, bytes.fromhex(seed))

    def run(self, *words: str, status: int = 0) -> str:
        done = subprocess.run(
            [*REMELT, *words], env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def process(words: list[str], env: Mapping[str, str], errors: Path) -> Iterator[None]:
    with (
        errors.open("a") as stream,
        subprocess.Popen([*REMELT, *words], env=env, stderr=stream) as running,
    ):
        try:
            yield
        finally:
            running.terminate()
            running.wait(20)


def answer_of(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url)
    except httpx.TransportError:
        return None


def wait_for(url: str) -> httpx.Response:
    """The first good answer."""
    end = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < end:
        answer = answer_of(url)
        if answer is not None and answer.is_success:
            return answer
        time.sleep(0.1)
    pytest.fail(f"{url} did not come")


def test_a_log_is_witnessed_and_refuses_to_sign_once_its_witness_is_ahead(
    installation: Installation, tmp_path: Path
) -> None:
    made = installation.run("witness", "new", "w.example", str(tmp_path / "w.key"))
    port, witness_port = free_port(), free_port()
    url = f"http://127.0.0.1:{witness_port}"
    policy = Policy(
        (PolicyLog(installation.log_key.vkey),),
        (PolicyWitness("w", made.strip(), url),),
        (),
        "w",
    )
    (installation.data_dir / "policy").write_text(format_policy(policy))
    serve = ["serve", "--port", str(port), "--workers", "1"]
    witness = ["witness", "serve", str(tmp_path / "w.key"), "--port", str(witness_port)]
    witness += ["--log", installation.log_key.vkey]
    errors = tmp_path / "errors"

    with process(witness, installation.env, tmp_path / "witness-errors"):
        wait_for(url)
        with process(serve, installation.env, errors):
            note = wait_for(f"http://127.0.0.1:{port}/log/checkpoint").content
        assert evaluate_policy(policy, note).grade == "witnessed"
        assert "refuses to sign" not in errors.read_text()

        ahead = Checkpoint(installation.log_key.name, 99, bytes(32))
        body = AddCheckpoint(0, (), sign_checkpoint(ahead, [installation.log_key]))
        other = tmp_path / "w2.key"
        made = installation.run("witness", "new", "w2.example", str(other))
        second_port = free_port()
        second = f"http://127.0.0.1:{second_port}"
        both = Policy(
            policy.logs,
            (*policy.witnesses, PolicyWitness("w2", made.strip(), second)),
            (),
            "w",
        )
        (installation.data_dir / "policy").write_text(format_policy(both))
        words = ["witness", "serve", str(other), "--port", str(second_port)]
        words += ["--log", installation.log_key.vkey]
        with process(words, installation.env, tmp_path / "second-errors"):
            wait_for(second)
            sent = httpx.post(
                f"{second}/add-checkpoint", content=format_add_checkpoint(body)
            )
            assert sent.is_success
            with process(serve, installation.env, errors):
                wait_for(f"http://127.0.0.1:{port}/healthz")
                end = time.monotonic() + UP_WITHIN_S
                while "refuses to sign" not in errors.read_text():
                    assert time.monotonic() < end, errors.read_text()
                    time.sleep(0.1)

    assert "witness w2 has cosigned 99 entries" in errors.read_text()
    lines = [one for one in errors.read_text().splitlines() if one.startswith("{")]
    events = {json.loads(one)["event"] for one in lines}
    assert {"refuses to sign", "answered"} <= events
    # Not even by hand; what went before is served on
    told = installation.run("ledger", "witnesses", status=1)
    assert "ahead" in told
    told = installation.run("doctor", status=1)
    assert "w2" in told


def test_a_policy_of_another_log_is_refused_at_start(
    installation: Installation,
) -> None:
    other = Signer.generate("example.org/other")
    (installation.data_dir / "policy").write_text(f"log {other.vkey}\nquorum none\n")

    told = installation.run("serve", "--port", str(free_port()), status=1)

    assert "mend its line 'log'" in told


def test_a_policy_that_is_none_is_refused_at_start(installation: Installation) -> None:
    (installation.data_dir / "policy").write_text("quorum w\n")

    told = installation.run("serve", "--port", str(free_port()), status=2)

    assert "line 1: the name w is not defined above" in told
