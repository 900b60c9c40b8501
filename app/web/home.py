"""/: what waits for a yard, or, to a visitor, what this is."""

from __future__ import annotations

import re
from datetime import datetime

from apiflask import APIBlueprint
from flask import current_app, redirect, render_template
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app.config import Settings
from app.db import reading
from app.queries.home import count_differing, month_figures
from app.queries.lots import LotFilter, list_lots
from app.queries.transfers import (
    ON_ITS_WAY,
    TransferFilter,
    list_transfers,
)
from app.security import find_actor, now
from app.services.demonstration import DemonstrationLink, demonstration_links
from app.services.rules import SHANGHAI, materials
from app.web.frame import frame, page_exists

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
