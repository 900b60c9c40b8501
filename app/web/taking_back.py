"""/entries/N/take-back: say that an own entry does not hold, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.db import reading
from app.queries.errors import NotFound
from app.queries.facts import EntryView, get_entry_view
from app.security import current_actor, reader_for
from app.services.access import Actor
from app.services.corrections import TAKEN_BACK
from app.services.facts import Fact
from app.web import bp
from app.web.entry_words import sentence
from app.web.fact_forms import (
    Typed,
    fresh_ids,
    kept_id,
    log_facts,
    make_fact,
    moment_of,
)
from app.web.numbers import mass_unit

LABELS = {"reason": _l("Reason")}


def may_take_back(actor: Actor | None, entry: EntryView) -> bool:
    """Whether the page of an entry offers it: own, of a fitting type, still holding."""
    return (
        actor is not None
        and entry.fact["org"] == actor.organisation_code
        and entry.fact["type"] in TAKEN_BACK
        and entry.voided_by is None
        and actor.may("entry.corrected")
    )


@bp.get("/entries/<int:index>/take-back")
def ask_to_take_back(index: int) -> str:
    """What is taken back, what follows from it, and the reason to give."""
    return _page(_offered(index), Typed(MultiDict(fresh_ids()), LABELS, mass_unit()))


@bp.post("/entries/<int:index>/take-back")
def take_back(index: int) -> Response | tuple[str, int]:
    """Record the correction; the entry itself stays as it is."""
    actor = current_actor()
    actor.require("entry.corrected")
    entry = _get(index)
    typed = Typed(request.form, LABELS, mass_unit())

    def make() -> Sequence[Fact]:
        data = {
            "corrects": entry.fact["id"],
            "action": "void",
            "reason": typed.values.get("reason", "").strip(),
        }
        fact_id, at = kept_id(typed.values), moment_of(typed)
        return [make_fact(actor, "entry.corrected", data, fact_id=fact_id, at=at)]

    receipts = log_facts(typed, make, [("data.reason", "reason"), ("data", "")])
    if receipts is None:
        return _page(entry, typed), 422
    flash(gettext("Entry %(n)s is taken back.", n=index))
    return redirect(url_for("ledger.show_entry", index=index))


def _get(index: int) -> EntryView:
    with reading() as session:
        return get_entry_view(session, reader_for(current_actor()), index)


def _offered(index: int) -> EntryView:
    """The entry, where the caller may take it back.

    Raises:
        Forbidden: The role does not fit.
        NotFound: It is another organisation's, taken back already, or of a type that
            is not taken back.
    """
    actor = current_actor()
    actor.require("entry.corrected")
    entry = _get(index)
    if not may_take_back(actor, entry):
        raise NotFound("entry {index} cannot be taken back", index=index)
    return entry


def _page(entry: EntryView, typed: Typed) -> str:
    return render_template(
        "entries/take_back.html",
        entry=entry,
        said=sentence(entry),
        values=typed.values,
        faults=typed.faults,
    )
