"""/runs/new: inputs by scan or search, outputs, losses, a balance as one types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.db import reading
from app.intake.cells import parse_quantity
from app.queries.errors import NotFound
from app.queries.logging import Site, lots_at_hand, own_sites, recent_materials
from app.queries.lots import LotView, get_lot
from app.security import current_actor
from app.services.access import Actor
from app.services.facts import INSTANT
from app.services.rules import materials
from app.web import bp
from app.web.fact_forms import (
    Typed,
    fresh_ids,
    kept_code,
    kept_id,
    log_facts,
    make_fact,
    moment_of,
)
from app.web.lot_choice import Choice, choose_lot, lot_line
from app.web.material_choice import material_groups
from app.web.numbers import grouped, mass_unit
from app.web.run_form import (
    InputLine,
    add_input,
    add_output,
    input_codes,
    labels_of,
    output_lines,
    read_inputs,
    read_losses,
    read_outputs,
    remove,
    rest_kind,
    work_out,
)
from app.web.words import options
from graph import RunKind
from labels.codes import BadCode, parse_code

LABELS = {
    "kind": _l("Kind of run"),
    "facility": _l("Facility"),
    "scan": _l("Lot"),
    "rest": _l("What is missing is"),
    "gain": _l("Oxygen or salt taken up"),
    "at": _l("Ended"),
    "started": _l("Started"),
    "own_number": _l("Own number"),
    "equipment": _l("Furnace or line"),
    "operator": _l("Operator"),
    "recipe": _l("Recipe"),
    "electricity": _l("Electricity"),
    "gas": _l("Natural gas"),
    "loss_moisture": _l("Moisture"),
    "loss_combustion": _l("Burnt off"),
    "loss_dust": _l("Dust"),
    "loss_slag": _l("Slag"),
    "loss_other": _l("Other loss"),
}
FIELDS = (
    ("data.inputs.{n}", "in_{n}_net"),
    ("data.inputs", "scan"),
    ("data.outputs.{n}.material", "out_{n}_material"),
    ("data.outputs.{n}.content_ppm", "out_{n}_content"),
    ("data.outputs.{n}", "out_{n}_net"),
    ("data.facility", "facility"),
    ("data.kind", "kind"),
    ("data.started_at", "started"),
    ("data.gain_g", "gain"),
    ("data.alias", "own_number"),
    ("at", "at"),
)
PRIVATE = ("operator", "recipe")
USUAL_KIND = {
    "collection": "sort",
    "preprocessing_centre": "shred",
    "refinery": "electrorefine",
    "fabricator": "extrude",
    "port": "sort",
    "warehouse": "sort",
}
FOLDED = frozenset(LABELS) - {"kind", "facility", "scan", "rest"}


@bp.get("/runs/new")
def new_run() -> str:
    """The form; ``?lot=`` (more than one, too) names inputs, ``?kind=`` the run."""
    actor = current_actor()
    actor.require("run.recorded")
    values: MultiDict[str, str] = MultiDict(fresh_ids("new_run"))
    sites = _sites(actor)
    values["facility"] = request.args.get("facility", "")
    lots = []
    with reading() as session:
        for text in request.args.getlist("lot"):
            choice = choose_lot(session, actor.organisation_id or 0, text)
            if choice.lot is not None:
                lots.append(choice.lot)
                values["facility"] = choice.lot.facility
    for view in lots:
        add_input(values, view)
    site = _site(sites, values)
    kinds = {kind.value for kind in RunKind}
    asked = request.args.get("kind", "")
    usual = USUAL_KIND.get(site.kind, "melt") if site else "melt"
    values["kind"] = asked if asked in kinds else usual
    add_output(values)
    return _page(actor, values, {})


@bp.post("/runs/new")
def log_run() -> Response | str | tuple[str, int]:
    """Log the run; other actions of the form add and remove rows."""
    actor = current_actor()
    actor.require("run.recorded")
    values: MultiDict[str, str] = request.form.copy()
    if values.get("action") != "log":
        return _page(actor, values, {}, _change(actor, values))
    typed = Typed(values, labels_of(values, _labels()), mass_unit())
    lots = _lots(actor, values)
    site = _site(_sites(actor), values)
    data = _data(typed, lots, site)
    receipts = None
    if data is not None:
        fact_id, at = kept_id(values), moment_of(typed)
        private = {name: typed.text(name, private=True) for name in PRIVATE}
        receipts = log_facts(
            typed,
            lambda: [
                make_fact(
                    actor, "run.recorded", data, fact_id=fact_id, at=at, private=private
                )
            ],
            FIELDS,
        )
    if receipts is None:
        return _page(actor, typed.values, typed.faults), 422
    return redirect(url_for("web.show_receipt", index=receipts[0].entry_index))


@bp.post("/runs/new/balance")
def show_balance() -> str:
    """The balance line alone, for the form as it is typed."""
    actor = current_actor()
    actor.require("run.recorded")
    values = request.form
    kind = _kind(values)
    site = _site(_sites(actor), values)
    found = work_out(
        values, kind, _lots(actor, values), site.capacities if site else ()
    )
    return render_template("runs/_balance.html", balance=found)


def _labels() -> dict[str, str]:
    return {name: str(label) for name, label in LABELS.items()}


def _change(actor: Actor, values: MultiDict[str, str]) -> Choice:
    """Add or remove a row; what a scan led to."""
    action = values.get("action", "")
    if action.startswith("remove:"):
        remove(values, action.removeprefix("remove:"))
    elif action.startswith("output"):
        add_output(values, action.partition(":")[2] or "product")
    text = values.get("pick") or values.get("scan", "").strip()
    if not text or action.startswith("remove:"):
        return Choice()
    site = _site(_sites(actor), values)
    with reading() as session:
        choice = choose_lot(
            session,
            actor.organisation_id or 0,
            text,
            facility_id=site.id if site else None,
        )
    if choice.lot is None:
        return choice
    values["scan"] = ""
    if choice.lot.lot.code in input_codes(values).values():
        code = grouped(choice.lot.lot.code)
        return Choice(fault=gettext("Lot %(code)s is in the list.", code=code))
    add_input(values, choice.lot)
    return Choice()


def _sites(actor: Actor) -> list[Site]:
    with reading() as session:
        return own_sites(session, actor.organisation_id or 0)


def _site(sites: list[Site], values: Mapping[str, str]) -> Site | None:
    wanted = values.get("facility")
    chosen = next((one for one in sites if one.code == wanted), None)
    return chosen or (sites[0] if sites else None)


def _kind(values: Mapping[str, str]) -> RunKind:
    try:
        return RunKind(values.get("kind", ""))
    except ValueError:
        return RunKind.MELT


def _lots(actor: Actor, values: MultiDict[str, str]) -> dict[int, LotView]:
    """The lots of the rows of inputs; rows that name none of ours are dropped."""
    found = {}
    with reading() as session:
        for n, text in input_codes(values).items():
            try:
                found[n] = get_lot(
                    session,
                    parse_code(text),
                    organisation_id=actor.organisation_id,
                    everything=False,
                )
            except (BadCode, NotFound):
                continue
    return found


def _data(
    typed: Typed, lots: dict[int, LotView], site: Site | None
) -> dict[str, Any] | None:
    """The data of the fact; None where a field is at fault."""
    kind = _kind(typed.values)
    typed.require("facility", site)
    inputs = read_inputs(typed, lots)
    outputs = read_outputs(typed)
    if not inputs:
        typed.fault("scan", gettext("choose at least one lot that goes in"))
    if not outputs:
        typed.fault("out_0_net", gettext("what came out is needed"))
    losses = read_losses(typed)
    rest = rest_kind(typed.values, kind)
    if rest is not None and site is not None:
        found = work_out(typed.values, kind, lots, site.capacities)
        rest_g = found.loss_g - sum(losses.values())
        if rest_g > 0:
            losses[rest] = losses.get(rest, 0) + rest_g
    started = typed.instant("started")
    moment_of(typed)
    data = {
        "run": kept_code(typed.values, "new_run"),
        "facility": site.code if site else None,
        "kind": kind.value,
        "started_at": started.strftime(INSTANT) if started else None,
        "inputs": inputs,
        "outputs": outputs,
        "losses": losses,
        "gain_g": typed.mass("gain"),
        "energy": _energy(typed),
        "equipment": typed.text("equipment"),
        "alias": typed.text("own_number"),
    }
    for name in PRIVATE:
        typed.text(name, private=True)
    return None if typed.faults else data


def _energy(typed: Typed) -> list[dict[str, Any]] | None:
    found = []
    for name, carrier, unit in (
        ("electricity", "electricity", "kWh"),
        ("gas", "natural_gas", "m3"),
    ):
        amount = typed.cell(name, parse_quantity)
        if amount is not None:
            found.append({"carrier": carrier, "amount": amount, "unit": unit})
    return found or None


def _page(
    actor: Actor,
    values: MultiDict[str, str],
    faults: dict[str, list[str]],
    choice: Choice | None = None,
) -> str:
    sites = _sites(actor)
    site = _site(sites, values)
    lots = _lots(actor, values)
    kind = _kind(values)
    chosen = {view.lot.code for view in lots.values()}
    with reading() as session:
        at_hand = lots_at_hand(
            session, actor.organisation_id or 0, facility_id=site.id if site else None
        )
        recent = recent_materials(session, actor.organisation_id or 0)
    choice = choice or Choice()
    if choice.fault:
        faults = faults | {"scan": [choice.fault]}
    return render_template(
        "runs/new.html",
        values=values,
        faults=faults,
        refused=bool(faults) and not choice.fault,
        choice=choice,
        sites=sites,
        site=site,
        kinds=options("run_kind"),
        kind=kind.value,
        inputs=[
            InputLine(n, view, values.get(f"in_{n}_net", ""))
            for n, view in lots.items()
        ],
        outputs=output_lines(values),
        at_hand=[
            (grouped(one.lot.code), lot_line(one))
            for one in at_hand
            if one.lot.code not in chosen
        ],
        roles=options("role"),
        losses=options("loss"),
        rest=rest_kind(values, kind),
        groups=material_groups(recent),
        balance=work_out(values, kind, lots, site.capacities if site else ()),
        labels=LABELS,
        materials=materials(),
        unfolded=bool(FOLDED & set(faults)),
    )
