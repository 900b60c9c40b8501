"""The log as files, in the layout that C2SP tlog-tiles serves: for a static host."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.orm import Session

from app.queries.errors import NotFound
from app.queries.log import DatabaseTiles, find_checkpoint, iter_notes
from app.services.genesis import get_trust_root
from ledger import TILE_WIDTH, encode_bundle, tiles_of_size
from ledger.tiles import ENTRIES

GENESIS = "# genesis "


def export_log(session: Session, folder: Path) -> int:
    """Write entries, tiles and, last, the newest checkpoint; give its size.

    A file is written beside its place and moved there, so that a reader never meets
    half of one; full tiles that are there already are left as they are.

    Raises:
        NotFound: No checkpoint was signed yet.
    """
    row = find_checkpoint(session)
    if row is None:
        raise NotFound("no checkpoint was signed yet")
    tiles = DatabaseTiles(session)
    for name in tiles_of_size(row.size):
        path = folder / name.path
        if name.width == TILE_WIDTH and path.exists():
            continue
        if name.level == ENTRIES:
            start = name.index * TILE_WIDTH
            notes = [note for _, note in iter_notes(session, start, start + name.width)]
            write_file(path, encode_bundle(notes))
        else:
            write_file(path, tiles.read_tile(name.level, name.index, name.width))
    write_file(folder / "policy", policy_text(session).encode())
    write_file(folder / "checkpoint", row.note)
    return row.size


def policy_text(session: Session) -> str:
    """The tlog-policy of this log: its key, and no witness that must agree.

    A comment pins entry 0 by its leaf hash: ``remelt verify`` reads it, and software
    that knows tlog-policy only passes over it.
    """
    root = get_trust_root(session)
    return f"{GENESIS}{root.leaf_hash}\nlog {root.log_vkey}\nquorum none\n"


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole, and make it last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
