"""Witnesses over HTTP for tests: honest ones of our own, and all kinds of bad ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from app.services.witnessing import WitnessDesk
from app.witness.server import WitnessApp
from app.witness.store import WitnessStore, make_store
from ledger import (
    AddCheckpoint,
    Checkpoint,
    Policy,
    PolicyGroup,
    PolicyLog,
    PolicyWitness,
    Verifier,
    Witness,
    format_add_checkpoint,
    parse_add_checkpoint,
    sign_checkpoint,
)
from ledger.policy import NO_QUORUM
from tests.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def witness_key(number: int) -> Witness:
    """A key that follows from a number."""
    return Witness.from_bytes(f"w{number}.example", bytes([100 + number]) * 32)


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass
class Honest:
    """A real witness, where it is reached, and its time in POSIX seconds."""

    witness: Witness
    url: str
    store: WitnessStore
    logs: dict[str, tuple[Verifier, ...]]
    at: float
    delay_s: float = 0.0

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer after a while."""
        time.sleep(self.delay_s)
        app = WitnessApp(self.witness, self.logs, self.store, lambda: self.at)
        return app(environ, start_response)

    @property
    def sizes(self) -> list[int]:
        """What it has cosigned last, of each log."""
        return [one.tree.size for one in self.store.all()]


@contextmanager
def honest(folder: Path, number: int, world: World) -> Iterator[Honest]:
    """Run a witness of the world's log."""
    key = witness_key(number)
    path = folder / f"w{number}.db"
    make_store(path, key.vkey)
    store = WitnessStore(path, key.vkey)
    log = world.log_key.verifier
    made = Honest(key, "", store, {log.name: (log,)}, world.now.timestamp())
    server = make_server("127.0.0.1", 0, made, _Threads, _Quiet)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def at(*witnesses: Honest) -> list[tuple[Witness, str]]:
    """Keys and addresses of honest witnesses."""
    return [(one.witness, one.url) for one in witnesses]


Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@dataclass
class Odd:
    """Something that is not a witness, and what it was asked."""

    url: str
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def odd(answer: Answer) -> Iterator[Odd]:
    """Run whatever answers a POST like this; it shows nothing to monitors."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.bodies.append(body)
            answer(self, body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Odd(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(status: int, body: bytes, **headers: str) -> Answer:
    """Answers the same, whatever it is asked."""

    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        reply(handler, status, body, **headers)

    return answer


def reply(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str
) -> None:
    """Send an answer."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def cosigns(*keys: Witness, at: float, over: bytes | None = None) -> Answer:
    """Cosigns whatever it is asked, or always the same, without any check."""

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        note = over or parse_add_checkpoint(body).note
        lines = [key.cosign(note, int(at)).to_text() for key in keys]
        reply(handler, 200, "".join(lines).encode())

    return answer


def policy_of(
    world: World, *witnesses: tuple[Witness, str], quorum: int | None = None
) -> Policy:
    """The log's policy: as many of these witnesses; all where nothing is said."""
    named = tuple(
        PolicyWitness(f"p-{key.key.name}", key.vkey, url) for key, url in witnesses
    )
    if quorum == 0:
        return Policy((PolicyLog(world.root.log_vkey),), named, (), NO_QUORUM)
    members = tuple(one.name for one in named)
    group = PolicyGroup("enough", quorum or len(members), members)
    return Policy((PolicyLog(world.root.log_vkey),), named, (group,), group.name)


def desk_of(world: World, policy: Policy) -> WitnessDesk:
    """The log's side, over the world's database."""
    return WitnessDesk(world.doors, policy, lambda: world.now)


def signed_elsewhere(world: World, size: int, root: bytes) -> bytes:
    """A request over a tree that the log's key has signed, but this log lacks."""
    made = Checkpoint(world.root.origin, size, root)
    note = sign_checkpoint(made, [world.log_key])
    return format_add_checkpoint(AddCheckpoint(0, (), note))
