"""The keys of private values, beside the backup: one file, of which the newest counts.

JSON: ``format`` is ``remelt-vault/1``, and each of ``keys`` has ``org``, ``number``,
``sealed`` (base64, under the key-encryption key), ``created_at``, and ``condemned_at``
where a value under it was erased: whoever restores it destroys it next, and moves the
other values first. A key that was destroyed is not in it.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.models import DisclosureKeyRow
from app.services.errors import ServiceError

FORMAT = "remelt-vault/1"


class BadVault(ServiceError):
    """The file holds no keys of private values."""


def write_vault(session: Session, path: Path) -> int:
    """Write every key that is there into a file that only its owner reads.

    An older file of that name is replaced: what it held and this one does not is meant
    to be gone.

    Returns:
        How many keys there are.

    Raises:
        OSError: It cannot be written; an older file stays.
    """
    rows = session.scalars(
        select(DisclosureKeyRow)
        .where(DisclosureKeyRow.sealed.is_not(None))
        .order_by(DisclosureKeyRow.org, DisclosureKeyRow.number)
    ).all()
    keys = [
        {
            "org": row.org,
            "number": row.number,
            "sealed": base64.b64encode(row.sealed or b"").decode(),
            "created_at": row.created_at.isoformat(),
            "condemned_at": row.condemned_at and row.condemned_at.isoformat(),
        }
        for row in rows
    ]
    part = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as stream:
            json.dump({"format": FORMAT, "keys": keys}, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return len(keys)


def restore_vault(session: Session, path: Path) -> int:
    """Put the keys of a file beside what a backup brought.

    Returns:
        How many there are.

    Raises:
        BadVault: The file holds none.
    """
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            raise ValueError("it has another format")
        rows = [
            {
                "org": str(one["org"]),
                "number": int(one["number"]),
                "sealed": base64.b64decode(one["sealed"], validate=True),
                "created_at": datetime.fromisoformat(one["created_at"]),
                "condemned_at": one["condemned_at"]
                and datetime.fromisoformat(one["condemned_at"]),
            }
            for one in document["keys"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadVault(
            "{path} holds no keys of private values: {reason}", path=path, reason=error
        ) from None
    if rows:
        session.execute(insert(DisclosureKeyRow), rows)
    return len(rows)
