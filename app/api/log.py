"""The log as C2SP tlog-tiles serves it, under ``/log``."""

from __future__ import annotations

import re

from apiflask import APIBlueprint
from flask import Response, request

from app.db import reading
from app.publishing import log_policy
from app.queries.cosigned import find_published_checkpoint, with_cosignatures
from app.queries.errors import NotFound
from app.queries.log import DatabaseTiles, find_checkpoint, iter_notes
from app.security import find_caller, log_reader_for
from app.services.errors import Forbidden, Unauthenticated
from app.services.proofs import proof_file_of, proof_file_of_leaf
from ledger import (
    TILE_WIDTH,
    MalformedTile,
    TileName,
    encode_bundle,
    parse_tile_path,
)
from ledger.tiles import ENTRIES

bp = APIBlueprint("log", __name__, url_prefix="/log", enable_openapi=False)
FOR_EVER = "public, max-age=31536000, immutable"
ONE_SECOND = "public, max-age=1"
TEXT = "text/plain; charset=utf-8"
LEAF = re.compile(r"[0-9a-f]{64}")


@bp.get("/checkpoint")
def checkpoint() -> Response:
    """The newest checkpoint that the quorum of the policy has cosigned.

    Where the policy asks for no witness, it is the newest that the log has signed.

    Raises:
        NotFound: There is none yet.
    """
    with reading() as session:
        found = find_published_checkpoint(session, log_policy())
    if found is None:
        raise NotFound("no checkpoint was signed yet, or not by enough witnesses")
    return _answer(found.note, TEXT, ONE_SECOND)


@bp.get("/checkpoint/logged")
def logged_checkpoint() -> Response:
    """The newest checkpoint that the log has signed, whoever has cosigned it.

    Raises:
        NotFound: None was signed yet.
    """
    with reading() as session:
        row = find_checkpoint(session)
        if row is None:
            raise NotFound("no checkpoint was signed yet")
        found = with_cosignatures(session, row, log_policy())
    return _answer(found.note, TEXT, ONE_SECOND)


@bp.get("/tile/<path:path>")
def tile(path: str) -> Response:
    """A hash tile, or a bundle of entries, full or partial.

    Raises:
        NotFound: The path names none, or the signed log is not that long.
        Forbidden: The caller may not read these entries.
    """
    try:
        name = parse_tile_path(f"tile/{path}")
    except MalformedTile as error:
        raise NotFound("no tile {path}: {reason}", path=path, reason=error) from None
    with reading() as session:
        row = find_checkpoint(session)
        _check_signed(name, 0 if row is None else row.size)
        if name.level != ENTRIES:
            data = DatabaseTiles(session).read_tile(name.level, name.index, name.width)
            return _answer(data, "application/octet-stream", FOR_EVER)
        _check_reader()
        start = name.index * TILE_WIDTH
        notes = [note for _, note in iter_notes(session, start, start + name.width)]
    public = log_reader_for(None).everything
    cache = FOR_EVER if public else "private, max-age=31536000, immutable"
    return _answer(encode_bundle(notes), "application/octet-stream", cache)


@bp.get("/proof/<int:index>.tlog-proof")
def proof(index: int) -> Response:
    """The proof of an entry under the newest checkpoint: hashes, for everybody.

    Raises:
        NotFound: No checkpoint covers such an entry.
    """
    with reading() as session:
        data = proof_file_of(session, index, log_policy())
    return _answer(data, TEXT, ONE_SECOND)


@bp.get("/proof/leaf/<leaf>.tlog-proof")
def proof_of_leaf(leaf: str) -> Response:
    """The same of the entry with this leaf hash, 64 hexadecimal digits.

    Raises:
        NotFound: No entry under a checkpoint has it.
    """
    if not LEAF.fullmatch(leaf):
        raise NotFound("{leaf} is no leaf hash", leaf=leaf[:64])
    with reading() as session:
        data = proof_file_of_leaf(session, bytes.fromhex(leaf), log_policy())
    return _answer(data, TEXT, ONE_SECOND)


def _check_signed(name: TileName, size: int) -> None:
    """Only what a published checkpoint covers is served."""
    level = 0 if name.level == ENTRIES else name.level
    covered = size // TILE_WIDTH**level
    if name.index * TILE_WIDTH + name.width > covered:
        raise NotFound("the signed log does not reach that far")


def _check_reader() -> None:
    """Bundles hold everybody's entries: only those read them who may read all."""
    actor = find_caller()
    if log_reader_for(actor).everything:
        return
    if actor is None:
        raise Unauthenticated("entries are read by members: send a token")
    raise Forbidden("bundles hold the entries of others: read your own by the API")


def _answer(data: bytes, kind: str, cache: str) -> Response:
    response = Response(data, content_type=kind)
    response.headers["Cache-Control"] = cache
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.add_etag()
    response.make_conditional(request)
    return response
