"""/entries/N/private: confidential values: see, show to somebody, erase them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.db import reading, transaction
from app.intake.dates import parse_day
from app.models import LogEntryRow
from app.queries.errors import NotFound
from app.security import current_actor, looker_for, now
from app.services.access import Actor
from app.services.disclosures import kept_digests
from app.services.errors import Refused
from app.services.facts import Fact
from app.services.grants import (
    ACTION,
    list_grants,
    own_entry,
    show_values,
    withdraw_grant,
)
from app.services.rules import SHANGHAI
from app.web import bp
from app.web.fact_forms import (
    Typed,
    fresh_ids,
    kept_id,
    log_facts,
    make_fact,
    moment_of,
)
from app.web.numbers import mass_unit
from app.web.sentences import said
from ledger import parse_entry

ERASE = "disclosure.erased"
LABELS = {
    "to": _l("Organisation"),
    "shown": _l("Values"),
    "until": _l("Shown until"),
    "erased": _l("Values"),
    "basis": _l("Reason"),
}
FIELDS = {"to": "to", "names": "shown", "until_at": "until"}


@bp.get("/entries/<int:index>/private")
def show_private(index: int) -> str:
    """What the caller may see, to whom it is shown, and what the owner may do."""
    return _page(index, Typed(MultiDict(fresh_ids()), LABELS, mass_unit()))


@bp.post("/entries/<int:index>/private/show")
def show_to(index: int) -> Response | tuple[str, int]:
    """Show values to one organisation until a day."""
    actor = current_actor()
    actor.require(ACTION)
    typed = Typed(request.form, LABELS, mass_unit())
    to, until = typed.code("to"), typed.cell("until", parse_day)
    typed.require("to", to)
    typed.require("until", until)
    if to is None or until is None or typed.faults:
        return _page(index, typed), 422
    # Until the end of that day, where the books are kept
    day = date.fromisoformat(until)
    end = datetime.combine(day, time(), SHANGHAI) + timedelta(days=1)
    try:
        with transaction() as session:
            show_values(
                session,
                actor,
                index,
                to=to,
                names=request.form.getlist("shown"),
                until_at=end,
                now=now(),
            )
    except Refused as refused:
        for one in refused.faults:
            field = FIELDS.get(one.field or "", "")
            typed.fault(field, said(one.message, one.values))
        return _page(index, typed), 422
    flash(gettext("Shown until the end of that day; it can be withdrawn at any time."))
    return redirect(url_for("web.show_private", index=index))


@bp.post("/entries/<int:index>/private/withdraw/<int:number>")
def withdraw(index: int, number: int) -> Response:
    """Show it no longer."""
    with transaction() as session:
        withdraw_grant(session, current_actor(), index, number, now())
    flash(gettext("Withdrawn: it is shown no longer."))
    return redirect(url_for("web.show_private", index=index))


@bp.post("/entries/<int:index>/private/erase")
def erase(index: int) -> Response | tuple[str, int]:
    """Erase values, by a signed entry that says why."""
    actor = current_actor()
    actor.require(ERASE)
    typed = Typed(request.form, LABELS, mass_unit())
    names = set(request.form.getlist("erased"))
    with reading() as session:
        row = own_entry(session, actor, index)
        of = parse_entry(row.note).fact["id"]
        digests = kept_digests(session, index)
    wanted = sorted(digests[name] for name in names if name in digests)
    typed.require("erased", wanted or None)
    typed.require("basis", typed.values.get("basis", "").strip() or None)
    if typed.faults:
        return _page(index, typed), 422

    def make() -> Sequence[Fact]:
        basis = typed.values.get("basis", "").strip()
        data = {"of": of, "digests": wanted, "basis": basis}
        fact_id, at = kept_id(typed.values), moment_of(typed)
        return [make_fact(actor, ERASE, data, fact_id=fact_id, at=at)]

    receipts = log_facts(typed, make, [("data.basis", "basis"), ("data", "")])
    if receipts is None:
        return _page(index, typed), 422
    flash(gettext("Erased. The log says so in entry %(n)s.", n=receipts[0].entry_index))
    return redirect(url_for("web.show_private", index=index))


def _page(index: int, typed: Typed) -> str:
    actor = current_actor()
    moment = now()
    with reading() as session:
        row = session.get(LogEntryRow, index)
        if row is None:
            raise NotFound("no entry {index}", index=index)
        may_read = actor.may("read-disclosure")
        values = looker_for(actor)(session, [index]).get(index, {})
        own = row.org == actor.organisation_code
        # Whether it exists at all is nobody else's business
        if not values and not (own and may_read):
            raise NotFound(
                "no confidential values of entry {index} for you", index=index
            )
        return render_template(
            "entries/private.html",
            index=index,
            fact_type=row.type,
            values=values,
            own=own,
            typed=typed.values,
            chosen=_chosen(typed),
            faults=typed.faults,
            moment=moment,
            today=moment.astimezone(SHANGHAI).date().isoformat(),
            **_own_part(session, actor, index, own=own),
        )


def _own_part(
    session: Session, actor: Actor, index: int, *, own: bool
) -> dict[str, Any]:
    """What only the organisation that stated the entry sees and does."""
    if not own:
        return {"grants": [], "kept": [], "may_show": False, "may_erase": False}
    return {
        "grants": list_grants(session, index),
        "kept": sorted(kept_digests(session, index)),
        "may_show": actor.may(ACTION),
        "may_erase": actor.may(ERASE),
    }


def _chosen(typed: Typed) -> dict[str, list[str]]:
    values = typed.values
    return {name: values.getlist(name) for name in ("shown", "erased")}
