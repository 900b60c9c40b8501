"""Files that were handed in: tried, recorded, worked off by a process of their own.

A file is tried first (a dry run), whatever comes next; then it is recorded, all of it
or the rows that fit. Its state goes ``queued``, ``running``, then ``done``,
``refused`` (the file or the caller will not do) or ``failed`` (a fault of ours). What
a killed worker left running is taken up again after its lease: handing a file in twice
adds nothing.

A file may hold names and plates: it is sealed while it is kept, it goes once nobody
needs it (recorded whole, or refused), and after some days in any case.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.orm import Session, defer

from app.intake.faults import Fault, IntakeError, fault_from_json
from app.intake.heads import Binding, read_heads
from app.intake.reading import Table, open_table
from app.intake.row_reader import Rejected
from app.intake.templates import UnknownTemplate, get_template
from app.models import ImportRow, OrganisationRow
from app.queries.errors import ExpectedError, NotFound
from app.queries.users import get_standing
from app.services.access import Actor
from app.services.data_keys import open_file, seal_file
from app.services.errors import Conflict, TooLate, refuse
from app.services.importing import (
    Check,
    Importer,
    ImportResult,
    Mode,
    count_rows,
    import_file,
)
from app.services.keys import KeyRing
from app.services.recording import Doors

TRY = "try"
LEASE = timedelta(minutes=15)
CONTENT_KEPT = timedelta(days=7)
"""How long a file is kept after it was handed in, at most."""
KEPT = timedelta(days=30)
"""How long what became of it is."""
MAX_NAME = 200
GONE: dict[str, object] = {"content": None, "content_key": None}
BY_US = "stopped by a fault of ours; it is on record, hand the file in again"


def queue_import(
    session: Session,
    keyring: KeyRing,
    actor: Actor,
    *,
    template: str,
    file_name: str,
    content: bytes,
    now: datetime,
) -> str:
    """Take a file in, to be tried; give its id.

    Raises:
        Forbidden: The actor may not import.
        Conflict: The actor belongs to no organisation.
        Refused: There is no such template, or no file.
    """
    actor.require("import-file")
    if actor.organisation_id is None or actor.organisation_code is None:
        raise Conflict("files are handed in by users of an organisation")
    try:
        get_template(template)
    except UnknownTemplate:
        raise refuse(
            "template", "found {found}, which is no template", found=template[:40]
        ) from None
    if not content:
        raise refuse("file", "expected a file with rows, found an empty one")
    job_id = uuid4().hex
    sealed, key = seal_file(keyring, actor.organisation_code, job_id, content)
    row = ImportRow(
        id=job_id,
        organisation_id=actor.organisation_id,
        user_id=actor.user_id,
        template=template,
        mode=TRY,
        file_name=file_name[-MAX_NAME:],
        content=sealed,
        content_key=key,
        state="queued",
        rows_total=None,
        rows_done=0,
        facts_posted=0,
        facts_known=0,
        faults=[],
        message=None,
        created_at=now,
        finished_at=None,
        lease_until=None,
    )
    session.add(row)
    session.flush()
    return row.id


def queue_recording(session: Session, actor: Actor, job_id: str, mode: Mode) -> None:
    """Record a file that was tried.

    Raises:
        Forbidden: The actor may not import.
        NotFound: It is no file of the organisation.
        TooLate: It is being worked on, was recorded, or is kept no longer.
    """
    actor.require("import-file")
    row = get_import(session, job_id, actor.organisation_id)
    if row.mode != TRY or row.state != "done":
        raise TooLate("the file is being worked on, or was recorded already")
    if row.content_key is None:
        raise TooLate("the file is kept no longer: hand it in again")
    row.mode, row.state = mode, "queued"
    row.rows_done, row.faults, row.finished_at = 0, [], None
    row.user_id = actor.user_id


def get_import(session: Session, job_id: str, organisation_id: int | None) -> ImportRow:
    """A file of an organisation.

    Raises:
        NotFound: There is none.
    """
    row = session.scalars(
        select(ImportRow)
        .options(defer(ImportRow.content))
        .where(ImportRow.id == job_id, ImportRow.organisation_id == organisation_id)
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such file")
    return row


def list_imports(
    session: Session, organisation_id: int | None, limit: int = 50
) -> list[ImportRow]:
    """The files of an organisation, newest first."""
    return list(
        session.scalars(
            select(ImportRow)
            .options(defer(ImportRow.content))
            .where(ImportRow.organisation_id == organisation_id)
            .order_by(ImportRow.created_at.desc())
            .limit(limit)
        )
    )


def work_off(
    doors: Doors, keyring: KeyRing, check: Check, clock: Callable[[], datetime]
) -> str | None:
    """Work on the file that waits longest; give its id, or None when none waits.

    Raises:
        Exception: A fault of ours; the file is marked as failed before.
    """
    claimed = _claim(doors, keyring, clock())
    if claimed is None:
        return None
    job_id, actor, template, mode, content = claimed
    try:
        rows = count_rows(io.BytesIO(content), template)
        _note(doors, job_id, rows_total=rows)
        importer = Importer(doors, keyring, actor, check, clock())
        result = import_file(
            importer,
            template,
            io.BytesIO(content),
            mode="valid" if mode == "valid" else "all",
            dry_run=mode == TRY,
            progress=_progress(doors, job_id, mode),
        )
    except IntakeError as error:
        _refuse(doors, job_id, clock(), faults=error.faults)
    except ExpectedError as error:
        shown = {name: str(value) for name, value in error.values.items()}
        fault = Fault(None, None, None, error.message, shown)
        _refuse(doors, job_id, clock(), faults=(fault,))
    except Exception:
        _note(doors, job_id, state="failed", message=BY_US, finished_at=clock(), **GONE)
        raise
    else:
        _finish(doors, job_id, result, mode, clock())
    return job_id


def _claim(
    doors: Doors, keyring: KeyRing, now: datetime
) -> tuple[str, Actor, str, str, bytes] | None:
    with doors.transaction() as session:
        row = session.scalars(
            select(ImportRow)
            .where(
                or_(
                    ImportRow.state == "queued",
                    (ImportRow.state == "running") & (ImportRow.lease_until < now),
                )
            )
            .order_by(ImportRow.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is None:
            return None
        row.state, row.lease_until = "running", now + LEASE
        standing = get_standing(session, row.user_id)
        actor = Actor(
            standing.user_id,
            standing.organisation_id,
            standing.organisation_code,
            standing.roles,
        )
        content = _content_of(session, keyring, row)
        return row.id, actor, row.template, row.mode, content


def _content_of(session: Session, keyring: KeyRing, row: ImportRow) -> bytes:
    """The file as it was handed in.

    Raises:
        NotFound: It is kept no longer.
        Unreadable: It was sealed under another key-encryption key.
    """
    content = session.scalar(select(ImportRow.content).where(ImportRow.id == row.id))
    if content is None:
        raise NotFound("the file is kept no longer: hand it in again")
    if row.content_key is None:
        return content  # waited, in plain, while an older release was replaced
    org = session.scalars(
        select(OrganisationRow.code).where(OrganisationRow.id == row.organisation_id)
    ).one()
    return open_file(keyring, org, row.id, content, row.content_key)


def _progress(doors: Doors, job_id: str, mode: str) -> Callable[[int], None]:
    """Write down how far it has come, where the import itself holds no lock."""

    def told(rows: int) -> None:
        if mode == "valid":
            _note(doors, job_id, rows_done=rows)

    return told


def _note(doors: Doors, job_id: str, **values: object) -> None:
    with doors.transaction() as session:
        row = session.get_one(ImportRow, job_id)
        for name, value in values.items():
            setattr(row, name, value)


def _refuse(
    doors: Doors,
    job_id: str,
    now: datetime,
    *,
    faults: tuple[Fault, ...],
) -> None:
    listed = [_to_json(Rejected((), faults))]
    _note(
        doors,
        job_id,
        state="refused",
        faults=listed,
        finished_at=now,
        lease_until=None,
        **GONE,
    )


def _finish(
    doors: Doors, job_id: str, result: ImportResult, mode: str, now: datetime
) -> None:
    # Needed again: to be recorded after the try, and for the rows that have faults
    gone = {} if mode == TRY or result.rejected else GONE
    _note(
        doors,
        job_id,
        state="done",
        rows_total=result.rows if not result.stopped else None,
        rows_done=result.rows,
        facts_posted=result.facts_posted,
        facts_known=result.facts_known,
        faults=[_to_json(one) for one in result.rejected],
        message=_summary(result),
        finished_at=now,
        lease_until=None,
        **gone,
    )


def _summary(result: ImportResult) -> str | None:
    """What the figures do not say: a word that pages put into a sentence."""
    if result.stopped:
        return "stopped"
    return f"others {result.left_to_others}" if result.left_to_others else None


def _to_json(one: Rejected) -> dict[str, Any]:
    return {"rows": list(one.rows), "faults": [fault.to_json() for fault in one.faults]}


def rejected_of(row: ImportRow) -> list[Rejected]:
    """The rows of a file that became no fact."""
    return [
        Rejected(
            tuple(one["rows"]), tuple(fault_from_json(fault) for fault in one["faults"])
        )
        for one in row.faults
    ]


def reopen(session: Session, keyring: KeyRing, row: ImportRow) -> tuple[Table, Binding]:
    """The file again, with its heads: to write out the rows that have faults.

    Raises:
        NotFound: It is kept no longer.
    """
    table = open_table(_content_of(session, keyring, row))
    return table, read_heads(table, get_template(row.template))


def forget_old(session: Session, now: datetime) -> int:
    """Drop files that were handed in a while ago, and later what became of them.

    Returns:
        How many rows were changed or dropped.
    """
    idle = ImportRow.state.not_in(("queued", "running"))
    emptied: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        update(ImportRow)
        .where(
            idle,
            ImportRow.content.is_not(None),
            ImportRow.created_at < now - CONTENT_KEPT,
        )
        .values(GONE)
    )
    dropped: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        delete(ImportRow).where(idle, ImportRow.created_at < now - KEPT)
    )
    return emptied.rowcount + dropped.rowcount
