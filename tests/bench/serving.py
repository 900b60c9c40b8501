"""The server as it is run, for benchmarks that ask it over HTTP."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.config import Settings


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
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server did not start")
