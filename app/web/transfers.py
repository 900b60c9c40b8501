"""/transfers: what is on its way to and from us; each answered on its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from app.db import reading
from app.export.columns import GRAMS, column
from app.export.tables import Row
from app.queries.logging import own_sites
from app.queries.transfers import (
    ON_ITS_WAY,
    TRANSFER_STATES,
    TransferFilter,
    TransferView,
    count_transfers,
    get_transfer,
    iter_transfers,
    list_transfers,
)
from app.security import current_actor
from app.services.access import Actor
from app.services.rules import materials
from app.web import bp
from app.web.fact_forms import (
    Typed,
    fresh_ids,
    kept_id,
    log_facts,
    make_fact,
    moment_of,
)
from app.web.lists import (
    PAGE,
    asked_before,
    asked_choice,
    asked_days,
    asked_text,
    csv_file,
)
from app.web.numbers import instant, mass_unit
from app.web.verify import name_of
from app.web.words import options, word
from labels.codes import BadCode, parse_code

COLUMNS = (
    column("transfer", "交接号", "Transfer"),
    column("lot", "批次", "Lot"),
    column("material", "物料", "Material"),
    column("from", "发出场所", "From"),
    column("to", "接收场所", "To"),
    column("dispatched_at", "发出时间", "Dispatched"),
    column("dispatched", "发出净重", "Dispatched net", GRAMS),
    column("state", "状态", "State"),
    column("received_at", "接收时间", "Received"),
    column("received", "接收净重", "Received net", GRAMS),
    column("goes_on", "结转净重", "Goes on", GRAMS),
    column("reason", "原因", "Reason"),
)
LABELS = {
    "gross": _l("Gross"),
    "tare": _l("Tare"),
    "net": _l("Net received"),
    "scale": _l("Scale"),
    "reason": _l("Reason"),
    "ticket": _l("Weighing ticket"),
    "at": _l("When"),
    "refusal": _l("Why it is refused"),
}
FIELDS = (
    ("data.weighing.gross_g", "gross"),
    ("data.weighing.tare_g", "tare"),
    ("data.weighing.scale", "scale"),
    ("data.weighing", "net"),
    ("data.reason", "reason"),
    ("at", "at"),
)


@bp.get("/transfers")
def show_transfers() -> str | Response:
    """Transfers from and to the organisation, newest first; ``?format=csv``: all."""
    actor = current_actor()
    since, until = asked_days()
    narrowed = TransferFilter(
        text=asked_text(),
        state=asked_choice("state", TRANSFER_STATES),
        way=asked_choice("way", ("in", "out")),
        since=since,
        until=until,
    )
    scope = scope_of(actor)
    if request.args.get("format") == "csv":
        return _download(narrowed, scope)
    with reading() as session:
        views = list_transfers(
            session, narrowed, before=asked_before(), limit=PAGE + 1, **scope
        )
        count = count_transfers(session, narrowed, **scope)
    return render_template(
        "transfers/list.html",
        views=views[:PAGE],
        older=views[PAGE - 1].id if len(views) > PAGE else None,
        count=count,
        narrowed=narrowed,
        states=options("transfer_state"),
        materials=materials(),
        may_send=actor.may("transfer.dispatched"),
        own=actor.organisation_id,
    )


@bp.get("/transfers/<code>")
def show_transfer(code: str) -> str:
    """One transfer, and, where it waits for us, the answer to it."""
    actor = current_actor()
    return _page(actor, _view_of(actor, code), MultiDict(fresh_ids()), {})


@bp.post("/transfers/<code>/accept")
def accept_transfer(code: str) -> BaseResponse | tuple[str, int]:
    """Weigh it in: the smallest of the weights goes on."""
    actor = current_actor()
    actor.require("transfer.accepted", "counterparty")
    view = _view_of(actor, code)
    typed = Typed(request.form, _labels(), mass_unit())
    data = {
        "transfer": view.code,
        "weighing": _weighing(actor, typed, view),
        "reason": typed.text("reason"),
    }
    private = {"ticket": typed.text("ticket", private=True)}
    return _answer(typed, actor, view, "transfer.accepted", data, private)


@bp.post("/transfers/<code>/refuse")
def refuse_transfer(code: str) -> BaseResponse | tuple[str, int]:
    """Send it back, with a reason."""
    actor = current_actor()
    actor.require("transfer.refused", "counterparty")
    view = _view_of(actor, code)
    typed = Typed(request.form, _labels(), mass_unit())
    reason = typed.text("refusal")
    typed.require("refusal", reason)
    data = {"transfer": view.code, "reason": reason}
    return _answer(typed, actor, view, "transfer.refused", data, {})


def scope_of(actor: Actor) -> dict[str, Any]:
    """Whose transfers and runs the actor reads."""
    actor.require("read-lot", "own" if actor.organisation_id else "other")
    return {
        "organisation_id": actor.organisation_id,
        "everything": actor.may("read-lot", "other"),
    }


def _answer(
    typed: Typed,
    actor: Actor,
    view: TransferView,
    fact_type: str,
    data: dict[str, Any],
    private: dict[str, str | None],
) -> BaseResponse | tuple[str, int]:
    at = moment_of(typed)
    receipts = None
    if not typed.faults:
        fact_id = kept_id(typed.values)
        receipts = log_facts(
            typed,
            lambda: [
                make_fact(
                    actor, fact_type, data, fact_id=fact_id, at=at, private=private
                )
            ],
            FIELDS,
        )
    if receipts is None:
        return _page(actor, view, typed.values, typed.faults), 422
    return redirect(url_for("web.show_receipt", index=receipts[0].entry_index))


def _weighing(actor: Actor, typed: Typed, view: TransferView) -> dict[str, Any]:
    gross_g, tare_g = typed.mass("gross"), typed.mass("tare", zero=True)
    net_g = typed.mass("net")
    if net_g is None and gross_g is not None and tare_g is not None:
        net_g = gross_g - tare_g if gross_g > tare_g else None
    if net_g is None and not typed.faults:
        typed.fault("net", gettext("expected a weight, or gross and tare"))
    with reading() as session:
        sites = own_sites(session, actor.organisation_id or 0)
    site = next((one for one in sites if one.code == view.receiver.code), None)
    known = site.scales if site else ()
    scale = typed.text("scale") or (known[0] if known else "-")
    return {"gross_g": gross_g, "tare_g": tare_g, "net_g": net_g, "scale": scale}


def _labels() -> dict[str, str]:
    return {name: str(label) for name, label in LABELS.items()}


def _view_of(actor: Actor, code: str) -> TransferView:
    try:
        parsed = parse_code(code)
    except BadCode:
        parsed = ""
    with reading() as session:
        return get_transfer(session, parsed, **scope_of(actor))


def _page(
    actor: Actor,
    view: TransferView,
    values: MultiDict[str, str],
    faults: dict[str, list[str]],
) -> str:
    ours = view.receiver.organisation_id == actor.organisation_id
    waits = (
        ours
        and view.state == ON_ITS_WAY
        and actor.may("transfer.accepted", "counterparty")
    )
    with reading() as session:
        sites = own_sites(session, actor.organisation_id or 0) if waits else []
    site = next((one for one in sites if one.code == view.receiver.code), None)
    return render_template(
        "transfers/transfer.html",
        view=view,
        waits=waits,
        scales=[(scale, scale) for scale in site.scales] if site else [],
        values=values,
        faults=faults,
        labels=LABELS,
        materials=materials(),
    )


def _download(narrowed: TransferFilter, scope: dict[str, Any]) -> Response:
    def rows(session: Session) -> Iterator[Row]:
        for view in iter_transfers(session, narrowed, **scope):
            end = view.outcome
            yield (
                view.code,
                view.lot,
                name_of(materials()[view.material]),
                name_of(view.sender),
                name_of(view.receiver),
                instant(view.dispatched_at),
                view.net_g,
                word(view.state, "transfer_state"),
                instant(end.ended_at) if end else None,
                end.net_g if end else None,
                end.goes_on_g if end else None,
                end.reason if end else None,
            )

    return csv_file(
        "transfers",
        ("交接", "Transfers"),
        COLUMNS,
        lambda session: count_transfers(session, narrowed, **scope),
        rows,
    )
