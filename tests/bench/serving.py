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

from app.config import Settings

LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


@contextmanager
def serving(url: str, folder: Path) -> Iterator[int]:
    """Two workers as ``remelt serve`` starts them; gives the port.

    Its keys are sealed under the same key as those of ``tests.world.World``.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    settings = {
        "REMELT_DATABASE_URL": url,
        "REMELT_DATA_DIR": str(folder),
        "REMELT_BASE_URL": f"http://127.0.0.1:{port}",
        "REMELT_KEY_ENCRYPTION_KEY": bytes(range(32)).hex(),
    }
    Settings.from_env(os.environ | settings)  # makes the secrets, once for both workers
    command = [
        *(sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4"),
        *("--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"),
        *("--log-level", "error", "wsgi:app"),
    ]
    server = subprocess.Popen(command, env=os.environ | settings)
    try:
        _await(port)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _await(port: int) -> None:
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
    raise RuntimeError("the server did not start")


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
