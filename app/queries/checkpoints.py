"""Checkpoints as people leaf through them: each with its witnesses and neighbours."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import CheckpointRow, CosignatureRow
from app.queries.cosigned import PublishedCheckpoint, with_cosignatures
from app.queries.errors import NotFound
from ledger import Policy


class Neighbours(NamedTuple):
    """Sizes of the checkpoints beside one; None where there is none."""

    older: int | None
    newer: int | None


def list_checkpoints(
    session: Session, policy: Policy | None, limit: int, before: int | None = None
) -> list[PublishedCheckpoint]:
    """Checkpoints of fewer entries than ``before``, the newest first."""
    wanted = select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(CheckpointRow.size < before)
    return [with_cosignatures(session, row, policy) for row in session.scalars(wanted)]


def get_published(
    session: Session, policy: Policy | None, size: int
) -> PublishedCheckpoint:
    """The checkpoint of a size, with the lines of its witnesses.

    Raises:
        NotFound: None was signed at this size.
    """
    row = session.get(CheckpointRow, size)
    if row is None:
        beside = neighbours(session, size)
        near = [str(one) for one in beside if one is not None]
        if not near:
            raise NotFound("no checkpoint was signed yet")
        raise NotFound(
            "no checkpoint was signed over {size} entries; the nearest: {near}",
            size=size,
            near=", ".join(near),
        )
    return with_cosignatures(session, row, policy)


def neighbours(session: Session, size: int) -> Neighbours:
    """The sizes of the checkpoints in front of and behind one."""
    column = CheckpointRow.size
    return Neighbours(
        session.scalar(
            select(column).where(column < size).order_by(column.desc()).limit(1)
        ),
        session.scalar(select(column).where(column > size).order_by(column).limit(1)),
    )


def cosigning_times(session: Session, size: int) -> dict[str, datetime]:
    """When each witness says that it cosigned a checkpoint, by its name."""
    rows = session.execute(
        select(CosignatureRow.witness, CosignatureRow.cosigned_at).where(
            CosignatureRow.size == size
        )
    )
    return {row.witness: row.cosigned_at for row in rows}
