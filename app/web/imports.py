"""/imports: files handed in, tried, recorded; templates and faulty rows to download."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Response as FlaskResponse
from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.db import reading, transaction
from app.intake.blanks import template_csv, template_xlsx
from app.intake.faults import Fault
from app.intake.faulty_rows import faulty_csv, faulty_xlsx, reasons_of
from app.intake.files import write_csv, write_xlsx
from app.intake.templates import Language, UnknownTemplate, templates
from app.locale import language
from app.models import ImportRow
from app.queries.errors import NotFound
from app.security import allow_body, current_actor, keyring, looker_for, now
from app.services.errors import Refused, refuse
from app.services.exporting import RowExport
from app.services.import_jobs import (
    get_import,
    list_imports,
    queue_import,
    queue_recording,
    rejected_of,
    reopen,
)
from app.web import bp
from app.web.faults import faults_by_field

MOST_BYTES = 64 * 2**20
SHOWN_FAULTS = 200
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"


@bp.get("/imports")
def show_imports() -> str:
    """Files of the organisation, and the form to hand one in."""
    return _list_page({})


@bp.post("/imports")
@allow_body(MOST_BYTES)
def create_import() -> Response | tuple[str, int]:
    """Take a file in; it is tried next."""
    actor = current_actor()
    try:
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            raise refuse("file", "expected a file")
        with transaction() as session:
            job = queue_import(
                session,
                keyring(),
                actor,
                template=request.form.get("template", ""),
                file_name=sent.filename,
                content=sent.read(),
                now=now(),
            )
    except Refused as refused:
        return _list_page(faults_by_field(refused)), 422
    return redirect(url_for("web.show_import", job=job))


@bp.get("/imports/<job>")
def show_import(job: str) -> str:
    """How far a file has come, what is wrong with it, and what next."""
    row = _get(job)
    faults = [fault for one in rejected_of(row) for fault in one.faults]
    template = "imports/_status.html" if "HX-Request" in request.headers else None
    return render_template(
        template or "imports/show.html",
        job=row,
        template=templates()[row.template],
        sentences=_sentences(faults[:SHOWN_FAULTS]),
        faults=len(faults),
        left_to_others=_left_to_others(row),
        waiting=row.state in ("queued", "running"),
        heads_language=_language(),
    )


@bp.post("/imports/<job>/record")
def record_import(job: str) -> Response:
    """Record a file that was tried: all of it, or the rows without faults."""
    actor = current_actor()
    row = _get(job)
    mode = request.form.get("mode", "all")
    with transaction() as session:
        queue_recording(session, actor, row.id, "valid" if mode == "valid" else "all")
    return redirect(url_for("web.show_import", job=row.id))


@bp.get("/imports/<job>/faulty-rows.<any(csv, xlsx):kind>")
def download_faulty_rows(job: str, kind: str) -> FlaskResponse:
    """The rows that became no fact, each with what is wrong with it."""
    row = _get(job)
    reasons = reasons_of(rejected_of(row), gettext)
    with reading() as session:
        table, binding = reopen(session, keyring(), row)
    if kind == "xlsx":
        content = faulty_xlsx(table, binding, reasons)
        return _download([content], XLSX, f"{_stem(row)}-faulty.xlsx")
    return _download(
        faulty_csv(table, binding, reasons), CSV, f"{_stem(row)}-faulty.csv"
    )


@bp.get("/imports/templates/<template>.<any(csv, xlsx):kind>")
def download_template(template: str, kind: str) -> FlaskResponse:
    """An empty file with the heads of a template."""
    chosen = _language()
    try:
        if kind == "xlsx":
            return _download(
                [template_xlsx(template, chosen)], XLSX, f"{template}.xlsx"
            )
        return _download([template_csv(template, chosen)], CSV, f"{template}.csv")
    except UnknownTemplate:
        raise NotFound("no such template: {name}", name=template[:40]) from None


@bp.get("/imports/export/<template>.<any(csv, xlsx):kind>")
def download_export(template: str, kind: str) -> FlaskResponse:
    """What the organisation has stated, in the form that is read again."""
    actor = current_actor()
    actor.require("export-lots")
    if template not in templates() or actor.organisation_code is None:
        raise NotFound("no such template: {name}", name=template[:40])
    with reading() as session:
        found = RowExport(
            session,
            actor.organisation_code,
            template,
            _language(),
            looker_for(actor),
        )
        if kind == "xlsx":
            title = templates()[template].title(found.language)
            content = [write_xlsx(title, found.heads, found.rows())]
        else:
            # Read whole inside one view of the database: a download that breaks off
            # must not look like a file that is complete
            content = list(write_csv(found.heads, found.rows()))
    answer = _download(
        content, XLSX if kind == "xlsx" else CSV, f"remelt-{template}.{kind}"
    )
    answer.headers["Remelt-Facts"] = str(found.facts)
    return answer


def _get(job: str) -> ImportRow:
    actor = current_actor()
    actor.require("import-file")
    with reading() as session:
        row = get_import(session, job, actor.organisation_id)
        session.expunge(row)
    return row


def _list_page(faults: dict[str, list[str]]) -> str:
    actor = current_actor()
    actor.require("import-file")
    with reading() as session:
        rows = list_imports(session, actor.organisation_id)
        for row in rows:
            session.expunge(row)
    return render_template(
        "imports/list.html",
        jobs=rows,
        templates=templates(),
        heads_language=_language(),
        most_mb=MOST_BYTES // 2**20,
        faults=faults,
        chosen=request.form.get("template") or request.args.get("template", "sourced"),
    )


def _sentences(faults: Iterable[Fault]) -> list[str]:
    return [fault.text(gettext) for fault in faults]


def _left_to_others(row: ImportRow) -> int:
    word, _, count = (row.message or "").partition(" ")
    return int(count) if word == "others" else 0


def _language() -> Language:
    return "zh" if language() == "zh-CN" else "en"


def _stem(row: ImportRow) -> str:
    return f"remelt-{row.template}-{row.id[:8]}"


def _download(content: Iterable[bytes], kind: str, name: str) -> FlaskResponse:
    return FlaskResponse(
        content,
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
