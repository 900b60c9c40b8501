"""/claims: issued out of what a lot is made of, listed, withdrawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

from flask import Response as FileResponse
from flask import (
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.db import reading
from app.errors import localise
from app.export.csv import csv_chunks
from app.export.tables import Column, Row, Table
from app.intake.cells import parse_mass
from app.intake.faults import BadCell
from app.locale import language
from app.queries.claims import (
    STATES,
    ClaimFilter,
    ClaimView,
    count_claims,
    get_claim,
    list_claims,
)
from app.queries.errors import NotFound
from app.queries.evidence import count_unreadable, evidence_cone
from app.queries.lots import LotView, get_lot
from app.schemas.fields import clean_text
from app.security import current_actor, doors, keyring, now, reader_for
from app.services.claim_composing import (
    BLOCKS,
    ClaimWish,
    Offer,
    issue_claim,
    make_offer,
    withdraw_claim,
)
from app.services.errors import Refused, refuse
from app.services.fact_ids import new_fact_id
from app.services.rules import SHANGHAI, materials
from app.web import bp, verdict_texts
from app.web.claim_figures import percent, share_bar
from app.web.faults import faults_by_field
from app.web.numbers import mass_unit
from labels.codes import BadCode, format_code, new_code, parse_code

PAGE = 50
MOST_EVIDENCE = 500
MAX_REASON = 2000
CHUNK = 500
COLUMNS = (
    Column("claim", "声明", "Claim", "text"),
    Column("lot", "批次", "Lot", "text"),
    Column("material", "物料", "Material", "text"),
    Column("net_g", "涵盖净重", "Net mass covered", "integer", "g"),
    Column("claimed_g", "含金属", "Metal in it", "integer", "g"),
    Column("share_ppm", "再生含量", "Recycled share", "integer", "ppm"),
    Column("upper_ppm", "上限", "Upper end", "integer", "ppm"),
    Column("elv_ppm", "报废汽车", "End-of-life vehicles", "integer", "ppm"),
    Column("post_ppm", "其他消费后", "Other end-user scrap", "integer", "ppm"),
    Column("pre_ppm", "消费前", "Pre-consumer", "integer", "ppm"),
    Column("model", "监管链模式", "Custody model", "text"),
    Column("state", "状态", "State", "text"),
    Column("issued_on", "作出日期", "Issued on", "date"),
    Column("valid_until", "有效期至", "Valid until", "date"),
    Column("entry", "条目", "Entry", "integer"),
    Column("labels", "标签", "Labels", "integer"),
)
STATE_KINDS = {
    "active": "ok",
    "affected": "warn",
    "corrected": "warn",
    "consumed": "",
    "withdrawn": "bad",
}
STATE_NAMES = {
    "active": _l("in force"),
    "affected": _l("affected by a correction"),
    "corrected": _l("corrected"),
    "consumed": _l("ended: the metal went into a run"),
    "withdrawn": _l("withdrawn"),
}


@bp.get("/claims")
def show_claims() -> str:
    """Claims of the organisation, newest first."""
    actor = current_actor()
    reader = reader_for(actor)
    narrowed = _filter()
    before = request.args.get("before", type=int)
    scope: dict[str, Any] = {
        "organisation_id": reader.organisation_id,
        "everything": reader.everything,
    }
    with reading() as session:
        views = list_claims(session, narrowed, before=before, limit=PAGE, **scope)
        count = count_claims(session, narrowed, **scope)
    return render_template(
        "claims/list.html",
        claims=views,
        count=count,
        narrowed=narrowed,
        states=STATE_NAMES,
        kinds=STATE_KINDS,
        materials=materials(),
        may_claim=actor.may("claim.issued") and actor.organisation_id is not None,
        older=views[-1].id if len(views) == PAGE else None,
    )


def _filter() -> ClaimFilter:
    state = request.args.get("state")
    return ClaimFilter(
        text=request.args.get("text", "").replace("-", "").strip()[:100] or None,
        state=state if state in STATES else None,
    )


@bp.get("/claims.csv")
def download_claims() -> Response:
    """The whole list as the filter of the address has it."""
    reader = reader_for(current_actor())
    narrowed = _filter()
    scope: dict[str, Any] = {
        "organisation_id": reader.organisation_id,
        "everything": reader.everything,
    }
    audience: Literal["zh", "en"] = "zh" if language() == "zh-CN" else "en"

    def pieces() -> Iterator[bytes]:
        with reading() as session:
            table = Table(
                id="claims",
                title_zh="声明",
                title_en="Claims",
                columns=COLUMNS,
                rows=_rows(session, narrowed, scope),
                row_count=count_claims(session, narrowed, **scope),
            )
            yield from csv_chunks(table, audience)

    response = FileResponse(stream_with_context(pieces()), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="claims.csv"'
    return response


def _rows(
    session: Session, narrowed: ClaimFilter, scope: Mapping[str, Any]
) -> Iterator[Row]:
    before = None
    while views := list_claims(session, narrowed, before=before, limit=CHUNK, **scope):
        for one in views:
            yield (
                format_code(one.code),
                format_code(one.lot),
                one.material,
                one.net_g,
                one.claimed_g,
                one.share_ppm,
                one.upper_ppm,
                one.elv_ppm,
                one.post_ppm,
                one.pre_ppm,
                one.model,
                one.state,
                one.issued_at.astimezone(SHANGHAI).date(),
                one.valid_until,
                one.entry_index,
                one.labels,
            )
        before = views[-1].id


@bp.get("/claims/new")
def new_claim() -> str | tuple[str, int]:
    """What can be claimed of a lot, and the form to do it."""
    current_actor().require("claim.issued")
    text = request.args.get("lot", "").strip()
    if not text:
        return render_template("claims/new.html", offer=None, faults={}, form={})
    try:
        offer = _offer(parse_code(text))
    except (BadCode, NotFound):
        fault = gettext("found {found}, which is no lot that you hold")
        return _form(None, {"lot": [fault.format(found=text[:40])]}, {"lot": text})
    return _form(offer)


@bp.post("/claims")
def create_claim() -> Response | str | tuple[str, int]:
    """Issue the claim; whatever is refused comes back with what was typed."""
    actor = current_actor()
    form = request.form.to_dict()
    lot = _code(form.get("lot", ""))
    try:
        wish = ClaimWish(
            fact_id=form.get("id", ""),
            lot=lot,
            claim=_code(form.get("claim", "")),
            net_g=_mass(form.get("net_g", "")),
            valid_until=_day(form.get("valid_until", "")),
        )
        issued = issue_claim(doors(), keyring(), actor, wish, now())
    except Refused as refused:
        return _form(_offer(lot), faults_by_field(refused), form)
    flash(gettext("The claim is recorded: entry %(n)s.", n=issued.receipt.entry_index))
    return redirect(url_for("web.show_claim", code=issued.code))


@bp.get("/claims/<code>")
def show_claim(code: str) -> str:
    """One claim: its figures, its evidence, its state."""
    return _page(_get(_code(code)))


@bp.post("/claims/<code>/withdraw")
def end_claim(code: str) -> Response | tuple[str, int]:
    """Take the claim back."""
    actor = current_actor()
    parsed = _code(code)
    form = request.form.to_dict()
    try:
        withdraw_claim(
            doors(),
            keyring(),
            actor,
            claim=parsed,
            reason=_reason(form.get("reason", "")),
            fact_id=form.get("id", ""),
            now=now(),
        )
    except Refused as refused:
        return _page(_get(parsed), faults_by_field(refused), form), 422
    flash(gettext("The claim is withdrawn. Its labels say so from now on."))
    return redirect(url_for("web.show_claim", code=parsed))


def _code(text: str) -> str:
    """A code out of an address or a hidden field.

    Raises:
        NotFound: It is none.
    """
    try:
        return parse_code(text)
    except BadCode:
        raise NotFound("no such code: {text}", text=text[:40]) from None


def _mass(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return parse_mass(text, mass_unit())
    except BadCell as error:
        raise refuse("net_g", error.message, **error.values) from None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text.strip() else None
    except ValueError:
        raise refuse(
            "valid_until",
            "found {found}, expected a date such as 2027-06-30",
            found=text[:40],
        ) from None


def _reason(text: str) -> str:
    try:
        reason = clean_text(text.strip())
    except ValueError as error:
        raise refuse("reason", "{reason}", reason=str(error)) from None
    if not reason or len(reason) > MAX_REASON:
        raise refuse(
            "reason",
            "expected a reason of 1 to {most} characters: whoever scans a label of "
            "the claim reads it",
            most=MAX_REASON,
        )
    return reason


def _offer(lot: str) -> Offer:
    actor = current_actor()
    with reading() as session:
        view: LotView = get_lot(
            session, lot, organisation_id=actor.organisation_id, everything=False
        )
    return make_offer(view, actor.organisation_code)


def _form(
    offer: Offer | None,
    faults: Mapping[str, list[str]] | None = None,
    form: Mapping[str, str] | None = None,
) -> str | tuple[str, int]:
    shares = None if offer is None else offer.view.shares
    shown = None
    if shares is not None:
        shown = _figures(
            shares.share_ppm,
            shares.upper_ppm,
            {"elv": shares.elv_ppm, "post": shares.post_ppm, "pre": shares.pre_ppm},
        )
    ids = {"id": new_fact_id(now()), "claim": new_code()}
    page = render_template(
        "claims/new.html",
        offer=offer,
        block=localise(BLOCKS[offer.block]) if offer and offer.block else None,
        shown=shown,
        texts=verdict_texts,
        material=None if offer is None else materials()[offer.view.lot.material],
        faults=faults or {},
        form={**ids, **(form or {})},
    )
    return (page, 422) if faults else page


def _figures(share: int, upper: int, parts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "share": percent(share),
        "upper": percent(upper, up=True),
        "ranged": upper > share,
        "parts": {name: percent(ppm) for name, ppm in parts.items() if ppm},
        "bar": share_bar(parts, share, upper),
    }


def _get(code: str) -> ClaimView:
    reader = reader_for(current_actor())
    with reading() as session:
        return get_claim(
            session,
            code,
            organisation_id=reader.organisation_id,
            everything=reader.everything,
        )


def _page(
    view: ClaimView,
    faults: Mapping[str, list[str]] | None = None,
    form: Mapping[str, str] | None = None,
) -> str:
    actor = current_actor()
    reader = reader_for(actor)
    with reading() as session:
        cone = evidence_cone(session, [view.entry_index], MOST_EVIDENCE)
        hidden = count_unreadable(session, reader, cone.indexes)
    own = view.organisation_id == actor.organisation_id
    parts = {"elv": view.elv_ppm, "post": view.post_ppm, "pre": view.pre_ppm}
    return render_template(
        "claims/claim.html",
        claim=view,
        shown=_figures(view.share_ppm, view.upper_ppm, parts),
        texts=verdict_texts,
        states=STATE_NAMES,
        kinds=STATE_KINDS,
        material=materials()[view.material],
        evidence=sorted(cone.indexes),
        more_evidence=cone.truncated,
        hidden=hidden,
        may_withdraw=own and view.open and actor.may("claim.withdrawn"),
        may_label=own and view.open and actor.may("label.issued"),
        faults=faults or {},
        form={"id": new_fact_id(now()), **(form or {})},
    )
