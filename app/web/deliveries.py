"""/deliveries/new: grams of a lot leave the books: sold, exported, used up."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.data import read_csv
from app.db import reading
from app.locale import language
from app.queries.logging import lots_at_hand
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
from app.web.lot_choice import Choice, choose_lot, lot_line
from app.web.numbers import grouped, mass, mass_number, mass_unit
from app.web.words import WORDS, options

LABELS = {
    "lot": _l("Lot"),
    "net": _l("Net"),
    "to": _l("Where to"),
    "category": _l("Product category"),
    "at": _l("When"),
    "customer": _l("Customer"),
    "invoice": _l("Invoice"),
}
PRIVATE = ("customer", "invoice")
FIELDS = (
    ("data.lot", "lot"),
    ("data.net_g", "net"),
    ("data.to", "to"),
    ("data.category", "category"),
    ("at", "at"),
)


@bp.get("/deliveries/new")
def new_delivery() -> str:
    """The form; ``?lot=`` names what is delivered."""
    actor = current_actor()
    actor.require("lot.delivered")
    values: MultiDict[str, str] = MultiDict(fresh_ids())
    values["lot"] = request.args.get("lot", "")
    values["to"] = "sold"
    choice = _choice(actor, values)
    if choice.lot is not None:
        values["net"] = mass_number(choice.lot.left_g, mass_unit())
    return _page(actor, values, {}, choice)


@bp.post("/deliveries/new")
def log_delivery() -> Response | str | tuple[str, int]:
    """Log the delivery; ``action=choose`` only looks the lot up."""
    actor = current_actor()
    actor.require("lot.delivered")
    values: MultiDict[str, str] = request.form.copy()
    if values.get("pick"):
        values["lot"] = values["pick"]
    typed = Typed(
        values, {name: str(text) for name, text in LABELS.items()}, mass_unit()
    )
    choice = _choice(actor, values)
    if values.get("action") == "choose" or values.get("pick"):
        if choice.lot is not None:
            values["net"] = mass_number(choice.lot.left_g, mass_unit())
        return _page(actor, values, {}, choice)
    if choice.lot is None:
        typed.fault("lot", choice.fault or gettext("choose one"))
    net_g = typed.mass("net")
    to = typed.choice("to", WORDS["destination"])
    typed.require("net", net_g)
    typed.require("to", to)
    if choice.lot and net_g and net_g > choice.lot.left_g:
        typed.fault(
            "net",
            gettext(
                "found %(found)s, but %(left)s are left of the lot",
                found=mass(net_g),
                left=mass(choice.lot.left_g),
            ),
        )
    category = typed.choice("category", dict(_categories()))
    at = moment_of(typed)
    private = {name: typed.text(name, private=True) for name in PRIVATE}
    receipts = None
    if choice.lot is not None and not typed.faults:
        data = {
            "lot": choice.lot.lot.code,
            "net_g": net_g,
            "to": to,
            "category": category,
        }
        fact_id = kept_id(typed.values)
        receipts = log_facts(
            typed,
            lambda: [
                make_fact(
                    actor,
                    "lot.delivered",
                    data,
                    fact_id=fact_id,
                    at=at,
                    private=private,
                )
            ],
            FIELDS,
        )
    if receipts is None:
        return _page(actor, typed.values, typed.faults, choice), 422
    return redirect(url_for("web.show_receipt", index=receipts[0].entry_index))


def _choice(actor: Actor, values: MultiDict[str, str]) -> Choice:
    text = values.get("lot", "").strip()
    if not text:
        return Choice()
    with reading() as session:
        return choose_lot(session, actor.organisation_id or 0, text)


def _categories() -> list[tuple[str, str]]:
    name = "name_zh" if language() == "zh-CN" else "name_en"
    return [(row["code"], row[name]) for row in read_csv("product_categories.csv")]


def _page(
    actor: Actor,
    values: MultiDict[str, str],
    faults: dict[str, list[str]],
    choice: Choice,
) -> str:
    at_hand = []
    if choice.lot is None:
        with reading() as session:
            at_hand = lots_at_hand(session, actor.organisation_id or 0)
    if choice.fault and "lot" not in faults:
        faults = faults | {"lot": [choice.fault]}
    return render_template(
        "deliveries/new.html",
        values=values,
        faults=faults,
        choice=choice,
        at_hand=[(grouped(one.lot.code), lot_line(one)) for one in at_hand],
        destinations=options("destination"),
        categories=_categories(),
        labels=LABELS,
        unfolded=bool({"at", "category", "customer", "invoice"} & set(faults)),
        materials=materials(),
    )
