"""Choosing lots on a form: by scan, by code, by number or material, or from a list."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext
from sqlalchemy.orm import Session

from app.queries.errors import NotFound
from app.queries.logging import lots_at_hand
from app.queries.lots import LotView, get_lot
from app.services.rules import materials
from app.web.numbers import grouped, mass
from app.web.verify import name_of
from labels.codes import BadCode, parse_code

MOST_MATCHES = 12


@dataclass(frozen=True, slots=True)
class Choice:
    """What a text led to.

    Attributes:
        lot: The one lot that is meant; None where there is none or several.
        matches: Lots that it could be.
        fault: Why no lot is meant, for the reader; None where one is.
    """

    lot: LotView | None = None
    matches: tuple[LotView, ...] = ()
    fault: str | None = None


def choose_lot(
    session: Session,
    organisation_id: int,
    text: str,
    *,
    facility_id: int | None = None,
) -> Choice:
    """The lot in stock that a scanned or typed text means.

    Args:
        session: The view of the database.
        organisation_id: Who holds it.
        text: A code in any spelling, the address on a label, an own number, or the
            name of a material.
        facility_id: Where it has to be; None for anywhere.
    """
    try:
        code = parse_code(text.rstrip("/").rsplit("/", 1)[-1].split(" ")[0])
    except BadCode:
        return _search(session, organisation_id, text, facility_id)
    try:
        view = get_lot(session, code, organisation_id=organisation_id, everything=False)
    except NotFound:
        return Choice(fault=gettext("You hold no lot %(code)s.", code=grouped(code)))
    fault = _why_not(view, facility_id)
    return Choice(fault=fault) if fault else Choice(view)


def _search(
    session: Session, organisation_id: int, text: str, facility_id: int | None
) -> Choice:
    found = lots_at_hand(session, organisation_id, facility_id=facility_id, text=text)
    if not found:
        wanted = text.casefold()
        found = [
            view
            for view in lots_at_hand(session, organisation_id, facility_id=facility_id)
            if wanted in name_of(materials()[view.lot.material]).casefold()
        ]
    if len(found) == 1:
        return Choice(found[0])
    if found:
        return Choice(matches=tuple(found[:MOST_MATCHES]))
    return Choice(
        fault=gettext("Nothing in stock here is called '%(text)s'.", text=text)
    )


def _why_not(view: LotView, facility_id: int | None) -> str | None:
    code = grouped(view.lot.code)
    fault: str | None = None
    if view.state == "in_transit":
        fault = gettext("Lot %(code)s is on its way: it is accepted first.", code=code)
    elif view.state == "quarantined":
        fault = gettext("Lot %(code)s is in quarantine.", code=code)
    elif view.state == "voided" or not view.left_g:
        fault = gettext("Nothing is left of lot %(code)s.", code=code)
    elif facility_id is not None and view.facility_id != facility_id:
        fault = gettext(
            "Lot %(code)s is at another facility: it is transferred first.", code=code
        )
    return fault


def lot_line(view: LotView) -> str:
    """A lot in one line: material, own number, what is left."""
    parts = [name_of(materials()[view.lot.material]), *view.own_numbers[:1]]
    parts.append(gettext("%(mass)s left", mass=mass(view.left_g)))
    return " · ".join(parts)
