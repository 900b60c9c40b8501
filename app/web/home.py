"""/: what waits for a yard, or, to a visitor, what this is. And /search."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import current_app, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.config import Settings
from app.db import reading
from app.queries.errors import NotFound
from app.queries.home import count_differing, find_labelled_lot, month_figures
from app.queries.lots import LotFilter, get_lot, list_lots
from app.queries.runs import get_run
from app.queries.transfers import (
    ON_ITS_WAY,
    TransferFilter,
    get_transfer,
    list_transfers,
)
from app.security import current_actor, find_actor, now
from app.services.access import Actor
from app.services.demonstration import DemonstrationLink, demonstration_links
from app.services.rules import SHANGHAI, materials
from app.web import bp
from app.web.frame import frame, page_exists
from labels.codes import BadCode, parse_code

LAST_LOTS = 10
MOST_WAITING = 20
LABEL_ADDRESS = re.compile(r"/v/([^/?#]+)/?$", re.IGNORECASE)

LABELS = {
    "valid": _l("A claim that holds"),
    "withdrawn": _l("A claim that was withdrawn"),
    "unclaimed": _l("A lot without a claim"),
}
"""What each label of the demonstration shows."""

public_bp = APIBlueprint("public", __name__, enable_openapi=False)


@public_bp.get("/")
def show_home() -> str | Response:
    """The first page of whoever comes."""
    actor = find_actor()
    if actor is None:
        return render_template(
            "home/visitor.html",
            labels=[(one, LABELS[one.shows]) for one in _demonstration()],
            statistics=page_exists("/statistics"),
            explorer=page_exists("/entries"),
        )
    if actor.organisation_id is None:
        framed = frame()
        return redirect(framed.places[0].path if framed else "/account/settings")
    return _yard_page(actor.organisation_id)


def _demonstration() -> tuple[DemonstrationLink, ...]:
    settings: Settings = current_app.config["SETTINGS"]
    return demonstration_links(settings.data_dir)


def _yard_page(organisation_id: int) -> str:
    moment = now()
    month = moment.astimezone(SHANGHAI).date().replace(day=1)
    since = datetime.combine(month, datetime.min.time(), SHANGHAI)
    with reading() as session:
        waiting = {
            way: list_transfers(
                session,
                TransferFilter(state=ON_ITS_WAY, way=way),
                organisation_id=organisation_id,
                everything=False,
                limit=MOST_WAITING,
            )
            for way in ("in", "out")
        }
        differing = count_differing(session, organisation_id)
        lots = list_lots(
            session,
            LotFilter(),
            organisation_id=organisation_id,
            everything=False,
            limit=LAST_LOTS,
        )
        figures = month_figures(session, organisation_id, since)
    return render_template(
        "home/yard.html",
        incoming=waiting["in"],
        outgoing=waiting["out"],
        differing=differing,
        lots=lots,
        figures=figures,
        month=month,
        materials=materials(),
    )


@bp.get("/search")
def search() -> Response:
    """Where a scanned or typed text leads: to the one thing of that code, or a list."""
    actor = current_actor()
    text = request.args.get("text", "").strip()[:200]
    if (found := _find(actor, text)) is not None:
        return redirect(found)
    return redirect(f"/lots?{urlencode({'text': text})}" if text else "/lots")


def _find(actor: Actor, text: str) -> str | None:
    """The page of the lot, transfer, run or label that a text names."""
    address = LABEL_ADDRESS.search(text)
    try:
        code = parse_code(address[1] if address else text)
    except BadCode:
        return None
    everything = actor.may("read-lot", "other")
    looks: tuple[tuple[str, Callable[..., object]], ...] = (
        ("lots", get_lot),
        ("transfers", get_transfer),
        ("runs", get_run),
    )
    with reading() as session:
        for folder, look in looks:
            if _is_there(session, look, code, actor, everything):
                return f"/{folder}/{code}"
        lot = find_labelled_lot(session, code)
        if lot is None:
            return None
        if _is_there(session, get_lot, lot, actor, everything):
            return f"/lots/{lot}"
    return url_for("verify.show_label", code=code)


def _is_there(
    session: Session,
    look: Callable[..., object],
    code: str,
    actor: Actor,
    everything: bool,
) -> bool:
    try:
        look(
            session,
            code,
            organisation_id=actor.organisation_id,
            everything=everything,
        )
    except NotFound:
        return False
    return True
