"""The server as it is run, for benchmarks that ask it over HTTP."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.config import Settings
from app.db import open_engine
from app.queries.log_spans import last_checkpoint_size
from ledger import Signer

LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)

SETTLED_S = 3.0


@contextmanager
def serving(url: str, folder: Path) -> Iterator[int]:
    """Two workers as ``remelt serve`` starts them, without signer; gives the port."""
    port = _free_port()
    command = [
        *(sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4"),
        *("--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"),
        *("--log-level", "error", "wsgi:app"),
    ]
    with _running(command, port, _settings(url, folder, port), None):
        yield port


@contextmanager
def serving_all(url: str, folder: Path, log_key: Signer) -> Iterator[int]:
    """``remelt serve`` with all that runs beside its workers; gives the port."""
    key = folder / "keys" / "log.key"
    key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key.touch(mode=0o600)
    key.write_text(f"{log_key.name}\n{log_key.seed.hex()}\n")
    port = _free_port()
    command = [sys.executable, "-c", "from app.console import main; main()", "serve"]
    command += ["--port", str(port)]
    settings = _settings(url, folder, port)
    with (
        (folder / "server.log").open("a") as told,
        _running(command, port, settings, told),
    ):
        _await_signer(url)
        yield port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settings(url: str, folder: Path, port: int) -> dict[str, str]:
    """Those of the environment; keys are sealed as those of ``tests.world.World``."""
    settings = os.environ | {
        "REMELT_DATABASE_URL": url,
        "REMELT_DATA_DIR": str(folder),
        "REMELT_BASE_URL": f"http://127.0.0.1:{port}",
        "REMELT_KEY_ENCRYPTION_KEY": bytes(range(32)).hex(),
    }
    Settings.from_env(settings)  # makes the secrets, once for all processes
    return settings


@contextmanager
def _running(
    command: list[str], port: int, settings: dict[str, str], told: IO[str] | None
) -> Iterator[None]:
    server = subprocess.Popen(command, env=settings, stderr=told)
    try:
        _await(port, server)
        yield
    finally:
        server.terminate()
        server.wait(20)


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
        if server.poll() is not None:
            break
    raise RuntimeError("the server did not start")


def _await_signer(url: str) -> None:
    """Until there is a checkpoint: what starts beside the workers has started then."""
    engine = open_engine(url)
    try:
        for _ in range(300):
            with engine.connect() as connection:
                if last_checkpoint_size(connection):
                    time.sleep(SETTLED_S)
                    return
            time.sleep(0.1)
    finally:
        engine.dispose()
    raise RuntimeError("nothing was signed")


class KeptConnection:
    """One kept-alive connection that costs the machine as little as it can.

    The load runs on the cores of the server: what http.client spends on headers would
    be taken from what is measured.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)

    def ask(self, request: bytes) -> None:
        """Send a whole request."""
        self._socket.sendall(request)

    def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer.

        Raises:
            RuntimeError: The server closed the connection, or names no length.
        """
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._received()
        found = LENGTH.search(data, 0, end + 2)
        if found is None:
            raise RuntimeError(f"no length: {data[:end]!r}")
        whole = end + 4 + int(found[1])
        parts, size = [data], len(data)
        while size < whole:
            parts.append(self._received())
            size += len(parts[-1])
        return int(data[9:12]), b"".join(parts)[end + 4 :]

    def _received(self) -> bytes:
        data = self._socket.recv(1 << 16)
        if not data:
            raise RuntimeError("the server closed the connection")
        return data
