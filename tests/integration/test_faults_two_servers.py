"""Two servers on one database: one history, one root for a size, whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.db import engine_of
from app.models import CheckpointRow
from app.queries.log import get_head
from app.serving import sign_once
from ledger import Checkpoint, Verifier, open_checkpoint
from tests.faults import Remembered
from tests.folded import Fold
from tests.integration.test_serve_with_witnesses import REMELT, free_port, wait_for
from tests.world import World
from tests.yards import KEY, Yards, open_yards, send

CLIENTS, FACTS_EACH = 4, 12
WITHIN_S = 30.0


@pytest.fixture
def yards(world: World, tmp_path: Path) -> Iterator[Yards]:
    (tmp_path / "var").mkdir()
    with open_yards(world, tmp_path / "var") as opened:
        yield opened


@dataclass(frozen=True)
class Server:
    """One ``remelt serve``, with its workers and its signer."""

    url: str
    process: subprocess.Popen[bytes]

    def children(self) -> list[tuple[int, str]]:
        """(process id, command line) of what it has started."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat = (folder / "stat").read_text()
                words = (folder / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue  # it has ended meanwhile
            if int(stat.rpartition(")")[2].split()[1]) == self.process.pid:
                found.append((int(folder.name), " ".join(words)))
        return found

    def kill(self, *, signer: bool) -> int:
        """kill -9 of its signer or of one of its workers."""
        for pid, words in self.children():
            if ("run_signer" in words) == signer and "run_importer" not in words:
                os.kill(pid, signal.SIGKILL)
                return pid
        raise AssertionError(f"nothing to kill: {self.children()}")


@contextmanager
def server(yards: Yards, data_dir: Path) -> Iterator[Server]:
    """``remelt serve`` over the database of the yards, in a data directory."""
    key = yards.world.log_key
    (data_dir / "keys").mkdir(parents=True)
    place = data_dir / "keys" / "log.key"
    place.write_text(f"{key.name} {key.seed.hex()}\n")
    place.chmod(0o600)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    clean = {name: text for name, text in os.environ.items() if "REMELT" not in name}
    database = yards.world.engine.url.render_as_string(hide_password=False)
    env = clean | {
        "REMELT_DATA_DIR": str(data_dir),
        "REMELT_DATABASE_URL": database,
        "REMELT_BASE_URL": url,
        "REMELT_KEY_ENCRYPTION_KEY": KEY.hex(),
    }
    words = [*REMELT, "serve", "--port", str(port), "--workers", "2"]
    with (
        (data_dir / "errors").open("w") as errors,
        subprocess.Popen(words, env=env, stderr=errors) as process,
    ):
        try:
            yield Server(url, process)
        finally:
            process.terminate()
            process.wait(40)


class Sender:
    """A client that sends facts to one server after the other until each is answered.

    A fact that got no answer is sent again, to the other server: it has one id.
    """

    def __init__(self, yards: Yards, urls: list[str], seen: Remembered) -> None:
        self._urls, self._seen = urls, seen
        self._facts = [yards.sourced() for _ in range(FACTS_EACH)]
        token = yards.token("recycler", yards.own)
        self._headers = {"Authorization": f"Bearer {token}"}

    def send_all(self) -> None:
        """Send each fact until somebody has answered it."""
        end = time.monotonic() + WITHIN_S
        with httpx.Client(headers=self._headers, timeout=10) as client:
            for number, fact in enumerate(self._facts):
                answer = None
                for turn in range(1000):
                    assert time.monotonic() < end, "nobody answers"
                    url = self._urls[(number + turn) % len(self._urls)]
                    answer = self._try(client, url, fact)
                    if answer is not None:
                        break
                assert answer is not None
                self._seen.acknowledge(answer["receipts"][0])

    def _try(self, client: httpx.Client, url: str, fact: dict[str, Any]) -> Any:
        try:
            answer = client.post(f"{url}/api/v1/entries", json={"facts": [fact]})
        except httpx.TransportError:
            return None  # its worker was killed
        assert answer.status_code in (201, 503), answer.text
        return answer.json() if answer.status_code == 201 else None


def follow(
    urls: list[str], key: Verifier, seen: Remembered, ended: threading.Event
) -> None:
    """Look at the checkpoints of both, all the time: what was seen once stays."""
    with httpx.Client(timeout=10) as client:
        while not ended.wait(0.02):
            for url in urls:
                try:
                    answer = client.get(f"{url}/log/checkpoint")
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    found: Checkpoint = open_checkpoint(answer.content, [key], key.name)
                    seen.see(found.size, found.root)


def await_signed(yards: Yards) -> None:
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        with yards.world.reading() as session:
            newest = session.scalar(
                select(CheckpointRow.size).order_by(CheckpointRow.size.desc())
            )
            if newest == get_head(session).size:
                return
        time.sleep(0.1)
    raise AssertionError("nobody signs")


def check_rows(yards: Yards, tmp_path: Path) -> None:
    fold = Fold(tmp_path / "fold.db")
    assert fold.follow(yards.world) == []
    fold.engine.dispose()


@pytest.mark.soak
def test_two_servers_with_killed_workers_and_signer_keep_one_history(
    yards: Yards, tmp_path: Path
) -> None:
    seen, ended = Remembered(), threading.Event()
    key = yards.world.log_key.verifier
    with ExitStack() as stack:
        pair = [
            stack.enter_context(server(yards, tmp_path / name)) for name in ("a", "b")
        ]
        urls = [one.url for one in pair]
        for url in urls:
            wait_for(f"{url}/healthz")
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS + 1))
        watcher = pool.submit(follow, urls, key, seen, ended)
        stack.callback(ended.set)
        senders = [Sender(yards, urls, seen) for _ in range(CLIENTS)]
        work = [pool.submit(one.send_all) for one in senders]
        time.sleep(0.2)
        pair[0].kill(signer=False)
        pair[1].kill(signer=False)
        # One of the two leads on PostgreSQL; both sign on SQLite, each with its lock
        pair[0].kill(signer=True)
        for one in work:
            one.result(WITHIN_S * 2)
        await_signed(yards)
        ended.set()
        watcher.result(WITHIN_S)
        for running in pair:
            running.process.terminate()

    assert len(seen.receipts) == CLIENTS * FACTS_EACH
    assert seen.roots, "nobody saw a checkpoint"
    assert_one_history(yards, seen)
    check_rows(yards, tmp_path)


def assert_one_history(yards: Yards, seen: Remembered) -> None:
    watched = dict(seen.roots)
    seen.check(yards)
    assert watched.items() <= seen.roots.items()


def test_two_signers_at_once_over_growing_entries_never_disagree(
    yards: Yards, tmp_path: Path
) -> None:
    """Without the leader's lock: the database alone holds them to one root a size."""
    seen, ended = Remembered(), threading.Event()
    refused: list[BaseException] = []

    def sign(data_dir: Path) -> int:
        rounds = 0
        while not ended.is_set():
            try:
                with yards.app.app_context():
                    sign_once(yards.world.log_key, data_dir, beat=rounds % 10 == 0)
            except SQLAlchemyError as error:
                refused.append(error)  # the other was first
            rounds += 1
        return rounds

    clients = [yards.client("recycler", yards.own) for _ in range(2)]

    def append(client: FlaskClient) -> None:
        for _ in range(40):
            answer = send(client, yards.sourced())
            assert answer.status_code == 201, answer.text
            seen.acknowledge(answer.json["receipts"][0])

    with ThreadPoolExecutor(4) as pool:
        signers = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            signers.append(pool.submit(sign, tmp_path / name))
        try:
            for one in [pool.submit(append, client) for client in clients]:
                one.result(60)
            await_signed(yards)
        finally:
            ended.set()
        assert all(one.result(30) > 1 for one in signers)

    assert len(seen.receipts) == 80
    seen.check(yards)
    assert len(seen.roots) > 2
    engine_of(yards.app).dispose()
