"""The log as files, in the layout that C2SP tlog-tiles serves: for a static host."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.orm import Session

from app.queries.cosigned import find_published_checkpoint
from app.queries.errors import NotFound
from app.queries.log import DatabaseTiles, iter_notes
from app.services.errors import ServiceError
from app.services.genesis import get_trust_root
from app.services.policy_files import seal_policy
from ledger import (
    TILE_WIDTH,
    Policy,
    PolicyLog,
    encode_bundle,
    format_policy,
    tiles_of_size,
)
from ledger.tiles import ENTRIES

GENESIS = "# genesis "


class WrongPolicy(ServiceError):
    """The policy in the data directory is of another log."""


def export_log(session: Session, folder: Path, policy: Policy | None = None) -> int:
    """Write entries, tiles and, last, the newest checkpoint; give its size.

    Where the policy asks for witnesses, it is the newest that they have cosigned.

    A file is written beside its place and moved there, so that a reader never meets
    half of one; full tiles that are there already are left as they are.

    Raises:
        NotFound: No checkpoint was signed yet, or none is cosigned by the quorum.
        WrongPolicy: The policy is of another log.
    """
    text = policy_text(session, policy)
    row = find_published_checkpoint(session, policy)
    if row is None:
        raise NotFound("no checkpoint was signed yet, or not by enough witnesses")
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
    write_file(folder / "policy", seal_policy(text))
    write_file(folder / "checkpoint", row.note)
    return row.size


def policy_text(session: Session, policy: Policy | None = None) -> str:
    """The tlog-policy of this log: its key, its witnesses, and who must agree.

    A comment pins entry 0 by its leaf hash: ``remelt verify`` reads it, and software
    that knows tlog-policy only passes over it.

    Args:
        session: To read entry 0.
        policy: That of the data directory; None where there is none.

    Raises:
        WrongPolicy: The policy is of another log.
    """
    root = get_trust_root(session)
    if policy is None:
        policy = Policy((PolicyLog(root.log_vkey),))
    if [one.vkey for one in policy.logs] != [root.log_vkey]:
        raise WrongPolicy(
            "the policy in the data directory is of log {found}, but this log's key is "
            "{expected}: mend its line 'log'",
            found=policy.logs[0].vkey,
            expected=root.log_vkey,
        )
    return f"{GENESIS}{root.leaf_hash}\n{format_policy(policy)}"


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole, and make it last.

    Raises:
        OSError: It cannot be written; what stood there before still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)  # a full disk has no room for halves
        raise
