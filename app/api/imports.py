"""Files handed in by programs: tried, then recorded."""

from __future__ import annotations

import io
from typing import Any

from flask import Response, request

from app.api import bp
from app.db import reading, transaction
from app.intake.blanks import template_csv, template_xlsx
from app.intake.faults import IntakeError
from app.intake.faulty_rows import faulty_csv, reasons_of
from app.intake.templates import Language, UnknownTemplate
from app.models import ImportRow
from app.queries.errors import NotFound
from app.schemas.entries import check_fact
from app.schemas.imports import (
    DraftedFact,
    DraftedOut,
    ImportOut,
    RecordIn,
    row_fault,
)
from app.security import allow_body, current_actor, doors, keyring, now
from app.services.errors import refuse
from app.services.facts import Fact, to_request
from app.services.import_jobs import (
    get_import,
    queue_import,
    queue_recording,
    rejected_of,
    reopen,
)
from app.services.importing import Importer, count_rows, import_file

MOST_BYTES = 64 * 2**20
MOST_DRAFTED = 5000


@bp.post("/imports")
@bp.output(ImportOut, status_code=202)
@allow_body(MOST_BYTES)
def post_import() -> ImportOut:
    """Hand a file in, as ``multipart/form-data`` with ``template`` and ``file``.

    It is tried: look at ``GET /imports/<id>`` until its state is ``done``.
    """
    sent = request.files.get("file")
    if sent is None:
        raise refuse("file", "expected a file")
    with transaction() as session:
        job = queue_import(
            session,
            keyring(),
            current_actor(),
            template=request.form.get("template", ""),
            file_name=sent.filename or "file",
            content=sent.read(),
            now=now(),
        )
    return ImportOut.of(_get(job))


@bp.post("/imports/facts")
@bp.output(DraftedOut)
@allow_body(MOST_BYTES)
def post_drafts() -> DraftedOut:
    """What a file states, as facts that you sign yourself; nothing is recorded.

    ``multipart/form-data`` with ``template`` and ``file``; 5,000 rows at most. Names
    and own numbers become codes; whatever else a row says stands in its fact.
    """
    actor = current_actor()
    actor.require("import-file")
    sent = request.files.get("file")
    if sent is None:
        raise refuse("file", "expected a file")
    content, template = sent.read(), request.form.get("template", "")
    made: list[DraftedFact] = []

    def collect(rows: tuple[int, ...], fact: Fact) -> None:
        made.append(DraftedFact(rows=list(rows), fact=to_request(fact)))

    importer = Importer(doors(), keyring(), actor, check_fact, now(), collect)
    try:
        if count_rows(io.BytesIO(content), template) > MOST_DRAFTED:
            raise refuse("file", "found more than {n} rows", n=MOST_DRAFTED)
        result = import_file(importer, template, io.BytesIO(content), dry_run=True)
    except UnknownTemplate:
        raise refuse(
            "template", "found {found}, which is no template", found=template[:40]
        ) from None
    except IntakeError as error:
        return DraftedOut(
            facts=[],
            facts_known=0,
            left_to_others=0,
            faults=[row_fault(fault) for fault in error.faults],
        )
    return DraftedOut(
        facts=[] if result.rejected else made,
        facts_known=result.facts_known,
        left_to_others=result.left_to_others,
        faults=[row_fault(fault) for fault in result.faults],
    )


@bp.get("/imports/<job>")
@bp.output(ImportOut)
def show_import(job: str) -> ImportOut:
    """How far a file has come, and what is wrong with it."""
    return ImportOut.of(_get(job))


@bp.post("/imports/<job>/record")
@bp.input(RecordIn, arg_name="body")
@bp.output(ImportOut, status_code=202)
def post_record(job: str, body: RecordIn) -> ImportOut:
    """Record a file that was tried: all of it, or the rows without faults."""
    with transaction() as session:
        queue_recording(session, current_actor(), job, body.mode)
    return ImportOut.of(_get(job))


@bp.get("/imports/<job>/faulty-rows.csv")
def show_faulty_rows(job: str) -> Response:
    """The rows that became no fact, with a column that says what is wrong."""
    row = _get(job)
    with reading() as session:
        table, binding = reopen(session, keyring(), row)
    rows = faulty_csv(table, binding, reasons_of(rejected_of(row)))
    return Response(rows, content_type="text/csv; charset=utf-8")


@bp.get("/imports/templates/<template>.<any(csv, xlsx):kind>")
def show_template(template: str, kind: str) -> Any:  # noqa: ANN401 - a response
    """An empty file with the heads of a template."""
    language: Language = "en" if request.args.get("lang") == "en" else "zh"
    try:
        if kind == "csv":
            content = template_csv(template, language)
            return Response(content, content_type="text/csv; charset=utf-8")
        content = template_xlsx(template, language)
    except UnknownTemplate:
        raise NotFound("no such template: {name}", name=template[:40]) from None
    return Response(
        content,
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    )


def _get(job: str) -> ImportRow:
    actor = current_actor()
    actor.require("import-file")
    with reading() as session:
        row = get_import(session, job, actor.organisation_id)
        session.expunge(row)
    return row
