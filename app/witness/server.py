"""The witness as a WSGI application: ``add-checkpoint``, and the path for monitors."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Request, Response

from app.witness.store import Cosigned, WitnessStore
from ledger import (
    AddCheckpoint,
    PolicyLog,
    Verifier,
    Witness,
    WitnessedTree,
    WitnessRefusal,
    add_lines,
    extend_tree,
    open_add_checkpoint,
)
from ledger.witnessing import ADD_CHECKPOINT, MAX_REQUEST

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = structlog.get_logger("remelt.witness")
TEXT = "text/plain; charset=utf-8"
_MONITORING = re.compile(r"/([0-9a-f]{64})/checkpoint")


def keys_by_origin(logs: Iterable[PolicyLog]) -> dict[str, tuple[Verifier, ...]]:
    """Origin -> the keys trusted for it; a log may have several while it changes."""
    found: dict[str, tuple[Verifier, ...]] = {}
    for one in logs:
        found[one.key.name] = (*found.get(one.key.name, ()), one.key)
    return found


class WitnessApp:
    """Answers the requests of logs and monitors.

    Args:
        witness: Its key.
        logs: Origin -> keys trusted for it.
        store: What was cosigned.
        clock: POSIX seconds.
    """

    def __init__(
        self,
        witness: Witness,
        logs: Mapping[str, Sequence[Verifier]],
        store: WitnessStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._witness, self._logs, self._store = witness, logs, store
        self._clock = clock

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        request = Request(environ)
        request.max_content_length = MAX_REQUEST
        try:
            response: Response | HTTPException = self._answer(request)
        except HTTPException as error:
            response = error
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == ADD_CHECKPOINT:
            _allow(request, "POST")
            return self._add_checkpoint(request.get_data())
        _allow(request, "GET", "HEAD")
        if request.path == "/":
            return Response(f"{self._witness.vkey}\n", content_type=TEXT)
        found = _MONITORING.fullmatch(request.path)
        kept = self._store.find(found[1]) if found else None
        if kept is None:
            return Response("no such log was cosigned\n", 404, content_type=TEXT)
        response = Response(kept.note, content_type=TEXT)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    def _add_checkpoint(self, body: bytes) -> Response:
        try:
            opened = open_add_checkpoint(body, self._logs)
            origin = opened.checkpoint.origin
            made = self._store.advance(origin, lambda held: self._cosign(held, opened))
        except WitnessRefusal as refusal:
            log.info("refused", status=refusal.status, reason=str(refusal))
            return Response(
                refusal.body,
                status=refusal.status,
                content_type=refusal.content_type,
            )
        except sqlite3.Error as error:
            log.error("cannot store", reason=str(error))
            return Response("cannot store\n", status=503, content_type=TEXT)
        log.info("cosigned", origin=origin, size=made.tree.size)
        line = made.note[made.note.rindex("—".encode()) :]
        return Response(line, content_type=TEXT)

    def _cosign(self, held: WitnessedTree, request: AddCheckpoint) -> Cosigned:
        tree = extend_tree(held, request)
        at = int(self._clock())
        note = add_lines(request.note, [self._witness.cosign(request.note, at)])
        return Cosigned(request.checkpoint.origin, tree, note, at)


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise MethodNotAllowed(valid_methods=methods)
