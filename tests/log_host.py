"""A host of plain files over HTTP, as honest or as bad as a test wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, bytes]


class LogHost:
    """Serves files by their paths.

    Attributes:
        files: What is served; to be changed at will.
        asked: Paths in the order in which they were asked for.
        tokens: Path -> the Authorization that came with it.
        encoding: Of every answer, as its header says; empty for none.
        meddle: Called with each path; what it gives is answered instead.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.tokens: dict[str, str | None] = {}
        self.meddle: Callable[[str], Answer | None] = lambda path: None
        self.encoding = ""
        self.port = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str, token: str | None) -> Answer:
        """Status and body."""
        self.asked.append(path)
        self.tokens[path] = token
        meddled = self.meddle(path)
        if meddled is not None:
            return meddled
        if path not in self.files:
            return 404, b"not here"
        return 200, self.files[path]


@contextmanager
def hosting(files: dict[str, bytes]) -> Iterator[LogHost]:
    """The host, running until the end."""
    host = LogHost(files)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = host.answer(
                self.path.removeprefix("/"), self.headers.get("Authorization")
            )
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if host.encoding:
                    self.send_header("Content-Encoding", host.encoding)
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True  # the client was killed

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    host.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
