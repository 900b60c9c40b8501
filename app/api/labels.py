"""Labels: issued, read, printed, declared void."""

from __future__ import annotations

import io

from flask import Response, current_app, request

from app.api import bp
from app.config import Settings
from app.db import reading
from app.queries.errors import NotFound
from app.queries.labels import PrintRun, get_print_run, list_labels
from app.schemas.labels import LabelsIn, LabelsOut, LabelVoidIn
from app.security import current_actor, doors, keyring, now, reader_for
from app.services.label_issuing import (
    LabelWish,
    issue_labels,
    printable,
    printing_format,
    setting,
    void_label,
)
from labels.codes import BadCode, code_sha256, parse_code
from labels.pdf import write_pdf


@bp.post("/labels")
@bp.input(LabelsIn, arg_name="body")
@bp.output(LabelsOut, status_code=201)
def post_labels(body: LabelsIn) -> LabelsOut:
    """Issue labels for a lot that you hold, or for a claim of yours."""
    wish = LabelWish(body.id, body.lot, body.claim, body.count, body.format)
    receipt = issue_labels(
        doors(), keyring(), current_actor(), wish, _base_url(), now()
    )
    return _out(receipt.entry_index, repeated=receipt.repeated)


@bp.get("/labels/<int:index>")
@bp.output(LabelsOut)
def show_labels(index: int) -> LabelsOut:
    """The labels that one entry issued."""
    return _out(index)


@bp.get("/labels/<int:index>/sheet.pdf")
def show_sheet(index: int) -> Response:
    """The labels of an entry that are not void, as PDF: ``?format=``, ``?first=``."""
    run = _get(index)
    form = printing_format(run, request.args.get("format"))
    first = request.args.get("first", 1, type=int)
    if not 1 <= first <= form.per_page:
        raise NotFound("a sheet has no place {first}", first=first)
    stream = io.BytesIO()
    with reading() as session, setting():
        labels = (content for _, content in printable(session, run, _base_url()))
        write_pdf(labels, form, stream, first=first)
    return Response(stream.getvalue(), content_type="application/pdf")


@bp.post("/labels/<code>/void")
@bp.input(LabelVoidIn, arg_name="body")
def post_void(code: str, body: LabelVoidIn) -> tuple[dict[str, int], int]:
    """Declare a label of yours void, by its printed code."""
    try:
        digest = code_sha256(parse_code(code))
    except BadCode:
        raise NotFound("no such code: {text}", text=code[:40]) from None
    receipt = void_label(
        doors(),
        keyring(),
        current_actor(),
        digest=digest,
        reason=body.reason,
        fact_id=body.id,
        now=now(),
    )
    return {"entry_index": receipt.entry_index}, 201


def _base_url() -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.base_url


def _get(index: int) -> PrintRun:
    reader = reader_for(current_actor())
    with reading() as session:
        return get_print_run(
            session,
            index,
            organisation_id=reader.organisation_id,
            everything=reader.everything,
        )


def _out(index: int, *, repeated: bool = False) -> LabelsOut:
    run = _get(index)
    with reading() as session:
        labels = list_labels(session, index)
    return LabelsOut.of(run, labels, _base_url(), repeated=repeated)
