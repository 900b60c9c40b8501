"""/labels: issued for a lot or a claim, printed, printed again, declared void."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import suppress

from flask import Response as FlaskResponse
from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app.config import Settings
from app.db import reading
from app.queries.errors import NotFound
from app.queries.labels import (
    LabelSubject,
    PrintRun,
    count_print_runs,
    get_print_run,
    get_subject,
    list_labels,
    list_print_runs,
)
from app.schemas.fields import clean_text
from app.security import current_actor, doors, keyring, now, reader_for
from app.services.errors import Refused, refuse
from app.services.fact_ids import new_fact_id
from app.services.label_issuing import (
    MOST_LABELS,
    USUAL_FORMAT,
    LabelWish,
    content_of,
    get_format,
    has_ended,
    issue_labels,
    printable,
    printing_format,
    setting,
    specimen,
    void_label,
)
from app.services.rules import materials
from app.web import bp
from app.web.claims import STATE_KINDS, STATE_NAMES
from app.web.faults import faults_by_field
from labels.codes import BadCode, parse_code
from labels.errors import LabelError
from labels.layout import FORMATS
from labels.pdf import write_pdf
from labels.png import LEAST_DPI, MOST_DPI, render_png
from labels.svg import render_svg

PAGE = 50
USUAL_DPI = 300
MAX_REASON = 2000
FORMAT_NAMES = {
    "a4_3x7": _l("A4 sheet, 3 × 7 labels of 70 × 42 mm"),
    "a4_2x5": _l("A4 sheet, 2 × 5 labels of 105 × 57 mm"),
    "100x70": _l("Roll, 100 × 70 mm"),
    "60x40": _l("Roll, 60 × 40 mm"),
}


@bp.get("/labels")
def show_labels() -> str:
    """What the organisation has printed, newest first."""
    actor = current_actor()
    reader = reader_for(actor)
    text = request.args.get("text", "").replace("-", "").strip()[:40]
    before = request.args.get("before", type=int)
    with reading() as session:
        runs = list_print_runs(
            session,
            organisation_id=reader.organisation_id,
            everything=reader.everything,
            text=text or None,
            before=before,
            limit=PAGE,
        )
        count = count_print_runs(
            session,
            organisation_id=reader.organisation_id,
            everything=reader.everything,
            text=text or None,
        )
    return render_template(
        "labels/list.html",
        runs=runs,
        count=count,
        text=text,
        materials=materials(),
        formats=FORMAT_NAMES,
        states=STATE_NAMES,
        kinds=STATE_KINDS,
        may_issue=actor.may("label.issued") and actor.organisation_id is not None,
        older=runs[-1].entry_index if len(runs) == PAGE else None,
    )


@bp.get("/labels/new")
def new_labels() -> str | tuple[str, int]:
    """The form to print labels for a lot or a claim."""
    current_actor().require("label.issued")
    return _form({name: request.args.get(name, "") for name in ("lot", "claim")})


@bp.post("/labels")
def create_labels() -> Response | str | tuple[str, int]:
    """Issue labels; whatever is refused comes back with what was typed."""
    actor = current_actor()
    form = request.form.to_dict()
    try:
        receipt = issue_labels(
            doors(), keyring(), actor, _wish(form), _base_url(), now()
        )
    except Refused as refused:
        return _form(form, faults_by_field(refused))
    return redirect(url_for("web.show_print_run", index=receipt.entry_index))


@bp.get("/labels/<int:index>")
def show_print_run(index: int) -> str:
    """Labels that were issued together, to be printed or declared void."""
    return _page(_get(index))


@bp.get("/labels/preview.svg")
def show_preview() -> FlaskResponse:
    """How a label for a lot or a claim would look, marked as an example."""
    actor = current_actor()
    actor.require("label.issued")
    form = get_format(request.args.get("format", USUAL_FORMAT))
    try:
        subject = _subject(request.args)
    except BadCode:
        subject = None
    if subject is None:
        named = request.args.get("claim") or request.args.get("lot", "")
        raise NotFound("no such code: {text}", text=named[:40])
    with setting():
        picture = render_svg(specimen(subject, _base_url()), form)
    return FlaskResponse(
        picture,
        content_type="image/svg+xml",
        headers={"Cache-Control": "private, max-age=60"},
    )


@bp.get("/labels/<int:index>/sheet.pdf")
def download_sheet(index: int) -> FlaskResponse:
    """All labels that are not void, as PDF."""
    run = _get(index)
    form = printing_format(run, request.args.get("format"))
    first = request.args.get("first", 1, type=int)
    stream = io.BytesIO()
    with reading() as session, setting():
        labels = (content for _, content in printable(session, run, _base_url()))
        write_pdf(labels, form, stream, first=min(max(first, 1), form.per_page))
    name = f"remelt-labels-{index}.pdf"
    return _download(stream.getvalue(), "application/pdf", name)


@bp.get("/labels/<int:index>/<int:number>.<any(svg, png):kind>")
def download_label(index: int, number: int, kind: str) -> FlaskResponse:
    """One label as a picture, for a printer's own program."""
    run = _get(index)
    form = printing_format(run, request.args.get("format"))
    with reading() as session:
        found = dict(printable(session, run, _base_url()))
    if number not in found:
        raise NotFound("entry {index} has no such label", index=index)
    name = f"remelt-label-{index}-{number}.{kind}"
    dpi = min(max(request.args.get("dpi", USUAL_DPI, type=int), LEAST_DPI), MOST_DPI)
    with setting():
        if kind == "svg":
            picture = render_svg(found[number], form).encode()
            return _download(picture, "image/svg+xml", name)
        return _download(render_png(found[number], form, dpi=dpi), "image/png", name)


@bp.post("/labels/<int:index>/void")
def end_label(index: int) -> Response | tuple[str, int]:
    """Declare one label void."""
    run = _get(index)
    form = request.form.to_dict()
    try:
        void_label(
            doors(),
            keyring(),
            current_actor(),
            digest=_digest(form.get("label", "")),
            reason=_reason(form.get("reason", "")),
            fact_id=form.get("id", ""),
            now=now(),
        )
    except Refused as refused:
        return _page(run, faults_by_field(refused), form), 422
    flash(gettext("The label is void. Whoever scans it reads so from now on."))
    return redirect(url_for("web.show_print_run", index=index))


def _base_url() -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.base_url


def _download(content: bytes, kind: str, name: str) -> FlaskResponse:
    inline = "inline" if "show" in request.args else "attachment"
    return FlaskResponse(
        content,
        content_type=kind,
        headers={
            "Content-Disposition": f'{inline}; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


def _wish(form: Mapping[str, str]) -> LabelWish:
    try:
        count = int(form.get("count", "").strip())
    except ValueError:
        raise refuse(
            "count",
            "found {found}, expected 1 to {most} labels",
            found=form.get("count", "")[:20],
            most=MOST_LABELS,
        ) from None
    codes = {name: _code(form.get(name, ""), name) for name in ("lot", "claim")}
    if not any(codes.values()):
        raise refuse("lot", "expected the code of a lot or of a claim")
    return LabelWish(
        fact_id=form.get("id", ""),
        lot=codes["lot"],
        claim=codes["claim"],
        count=count,
        format=form.get("format", ""),
    )


def _code(text: str, field: str) -> str | None:
    if not text.strip():
        return None
    try:
        return parse_code(text)
    except BadCode as error:
        raise refuse(field, "{reason}", reason=str(error)) from None


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise refuse("label", "expected one of the labels above") from None


def _reason(text: str) -> str:
    try:
        reason = clean_text(text.strip())
    except ValueError as error:
        raise refuse("reason", "{reason}", reason=str(error)) from None
    if not reason or len(reason) > MAX_REASON:
        raise refuse(
            "reason",
            "expected a reason of 1 to {most} characters: whoever scans the label "
            "reads it",
            most=MAX_REASON,
        )
    return reason


def _get(index: int) -> PrintRun:
    reader = reader_for(current_actor())
    with reading() as session:
        return get_print_run(
            session,
            index,
            organisation_id=reader.organisation_id,
            everything=reader.everything,
        )


def _form(
    form: Mapping[str, str], faults: Mapping[str, list[str]] | None = None
) -> str | tuple[str, int]:
    about = None
    found_faults = dict(faults or {})
    try:
        about = _subject(form)
    except (BadCode, NotFound):
        message = gettext("found no lot or claim of yours with this code")
        field = "claim" if form.get("claim") else "lot"
        found_faults.setdefault(field, []).append(message)
    page = render_template(
        "labels/new.html",
        about=about,
        formats=FORMAT_NAMES,
        sizes=FORMATS,
        materials=materials(),
        most=MOST_LABELS,
        faults=found_faults,
        form={"id": new_fact_id(now()), "count": "1", "format": USUAL_FORMAT, **form},
    )
    return (page, 422) if found_faults else page


def _subject(form: Mapping[str, str]) -> LabelSubject | None:
    """The lot or claim that labels are wanted for; None where none is named."""
    lot, claim = (form.get(name, "").strip() for name in ("lot", "claim"))
    if not lot and not claim:
        return None
    with reading() as session:
        return get_subject(
            session,
            lot=None if claim else parse_code(lot),
            claim=parse_code(claim) if claim else None,
            organisation_id=current_actor().organisation_id,
        )


def _page(
    run: PrintRun,
    faults: Mapping[str, list[str]] | None = None,
    form: Mapping[str, str] | None = None,
) -> str:
    actor = current_actor()
    with reading() as session:
        labels = list_labels(session, run.entry_index)
    own = run.organisation_id == actor.organisation_id
    ended = has_ended(run)
    good = [one.code for one in labels if one.code and not one.voided_because]
    form_wanted = printing_format(run)
    preview = None
    if good and not ended:
        # A name or an address may have become too long since the labels were issued
        with suppress(LabelError):
            preview = render_svg(content_of(run, good[0], _base_url()), form_wanted)
    return render_template(
        "labels/print_run.html",
        run=run,
        labels=labels,
        preview=preview,
        ended=ended,
        prints=bool(good) and not ended,
        material=materials()[run.material],
        formats=FORMAT_NAMES,
        chosen=form_wanted.id,
        states=STATE_NAMES,
        kinds=STATE_KINDS,
        may_void=own and actor.may("label.voided"),
        faults=faults or {},
        form={"id": new_fact_id(now()), **(form or {})},
    )
