"""/transfers/new: a lot, or a part of it, goes on its way.

Only an untouched lot travels. Where a part travels, or something was taken before, the
part is split off first, as a run of its own in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.db import reading
from app.queries.logging import (
    Receiver,
    find_receivers,
    list_receivers,
    lots_at_hand,
    own_sites,
)
from app.queries.lots import LotView
from app.security import current_actor
from app.services.access import Actor
from app.services.facts import Fact
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
from app.web.numbers import grouped, mass, mass_number, mass_unit
from app.web.verify import name_of
from app.web.words import options
from labels.codes import BadCode, parse_code

LABELS = {
    "lot": _l("Lot"),
    "to": _l("Receiver"),
    "net": _l("Net dispatched"),
    "gross": _l("Gross"),
    "tare": _l("Tare"),
    "scale": _l("Scale"),
    "at": _l("When"),
    "mode": _l("Transport"),
    "km": _l("Distance"),
    "vehicle": _l("Vehicle"),
    "driver": _l("Driver"),
    "waybill": _l("Waybill"),
    "own_number": _l("Own number"),
}
PRIVATE = ("vehicle", "driver", "waybill")
FOLDED = frozenset(LABELS) - {"lot", "to", "net"}
FIELDS = (
    ("data.to", "to"),
    ("data.from", "lot"),
    ("data.lot", "lot"),
    ("data.inputs", "net"),
    ("data.outputs", "net"),
    ("data.weighing.gross_g", "gross"),
    ("data.weighing.tare_g", "tare"),
    ("data.weighing.scale", "scale"),
    ("data.weighing", "net"),
    ("data.transport.km", "km"),
    ("data.transport", "mode"),
    ("data.alias", "own_number"),
    ("at", "at"),
)
MOST_KM = 50_000
_CODE_AT_END = re.compile(r"([0-9A-Za-z]{4}-[0-9A-Za-z]{4}-[0-9A-Za-z]{4})\W*$")


@bp.get("/transfers/new")
def new_transfer() -> str:
    """The form; ``?lot=`` names what is sent."""
    actor = current_actor()
    actor.require("transfer.dispatched")
    values: MultiDict[str, str] = MultiDict(
        fresh_ids("new_transfer", "new_run", "new_part", "new_rest")
    )
    values["split_id"] = fresh_ids()["fact_id"]
    values["lot"] = request.args.get("lot", "")
    choice = _choice(actor, values)
    if choice.lot is not None:
        values["net"] = mass_number(choice.lot.left_g, mass_unit())
    return _page(actor, values, {}, choice)


@bp.post("/transfers/new")
def log_transfer() -> Response | str | tuple[str, int]:
    """Send the lot on its way; ``action=choose`` only looks the lot up."""
    actor = current_actor()
    actor.require("transfer.dispatched")
    typed = Typed(request.form, _labels(), mass_unit())
    values: MultiDict[str, str] = request.form.copy()
    if values.get("pick"):
        values["lot"] = values["pick"]
    typed.values = values
    choice = _choice(actor, values)
    if values.get("action") == "choose" or values.get("pick"):
        if choice.lot is not None:
            values["net"] = mass_number(choice.lot.left_g, mass_unit())
        return _page(actor, values, {}, choice)
    facts = _facts(typed, actor, choice)
    receipts = log_facts(typed, facts, FIELDS) if facts else None
    if receipts is None:
        return _page(actor, typed.values, typed.faults, choice), 422
    last = receipts[-1].entry_index
    split = receipts[0].entry_index if len(receipts) > 1 else None
    return redirect(url_for("web.show_receipt", index=last, split=split))


def _labels() -> dict[str, str]:
    return {name: str(label) for name, label in LABELS.items()}


def _choice(actor: Actor, values: MultiDict[str, str]) -> Choice:
    text = values.get("lot", "").strip()
    if not text:
        return Choice()
    with reading() as session:
        return choose_lot(session, actor.organisation_id or 0, text)


def _facts(
    typed: Typed, actor: Actor, choice: Choice
) -> Callable[[], Sequence[Fact]] | None:
    """What makes the facts; None where a field is at fault."""
    lot = choice.lot
    if lot is None:
        typed.fault("lot", choice.fault or gettext("choose one"))
    receiver = _receiver(typed)
    net_g = typed.mass("net")
    gross_g, tare_g = typed.mass("gross"), typed.mass("tare", zero=True)
    typed.require("net", net_g)
    if lot and net_g and net_g > lot.left_g:
        typed.fault(
            "net",
            gettext(
                "found %(found)s, but %(left)s are left of the lot",
                found=mass(net_g),
                left=mass(lot.left_g),
            ),
        )
    transport = _transport(typed)
    at = moment_of(typed)
    own_number = typed.text("own_number")
    private = {name: typed.text(name, private=True) for name in PRIVATE}
    if typed.faults or lot is None or receiver is None or net_g is None:
        return None
    whole = net_g == lot.left_g and lot.left_g == lot.lot.net_g and not _claimed(lot)
    code = lot.lot.code if whole else kept_code(typed.values, "new_part")
    data = {
        "transfer": kept_code(typed.values, "new_transfer"),
        "lot": code,
        "from": lot.facility,
        "to": receiver.facility.code,
        "weighing": {
            "gross_g": gross_g,
            "tare_g": tare_g,
            "net_g": net_g,
            "scale": typed.text("scale") or _scale(actor, lot),
        },
        "transport": transport,
        "alias": own_number,
    }

    def make() -> Sequence[Fact]:
        dispatch = make_fact(
            actor,
            "transfer.dispatched",
            data,
            fact_id=kept_id(typed.values),
            at=at,
            private=private,
        )
        if whole:
            return [dispatch]
        split = make_fact(
            actor,
            "run.recorded",
            _split(typed, lot, net_g),
            fact_id=kept_id(typed.values, "split_id"),
            at=at,
        )
        return [split, dispatch]

    return make


def _split(typed: Typed, lot: LotView, part_g: int) -> dict[str, Any]:
    """The run that cuts the part off: what is left stays, as a lot of its own."""
    left_g, metal_g = lot.left_g, lot.left_metal_g
    part_metal_g = metal_g * part_g // left_g
    outputs = [(kept_code(typed.values, "new_part"), part_g, part_metal_g)]
    if part_g < left_g:
        rest = kept_code(typed.values, "new_rest")
        outputs.append((rest, left_g - part_g, metal_g - part_metal_g))
    return {
        "run": kept_code(typed.values, "new_run"),
        "facility": lot.facility,
        "kind": "split",
        "inputs": [{"lot": lot.lot.code, "net_g": left_g}],
        "outputs": [
            {
                "lot": code,
                "material": lot.lot.material,
                "net_g": net_g,
                "metal_g": output_metal_g,
                "role": "product",
            }
            for code, net_g, output_metal_g in outputs
        ],
        "losses": {},
    }


def _claimed(lot: LotView) -> bool:
    return bool(lot.position.claimed)


def _receiver(typed: Typed) -> Receiver | None:
    text = (typed.text("to") or "").strip()
    if not text:
        typed.require("to", None)
        return None
    wanted = text
    at_end = _CODE_AT_END.search(text)
    with suppress(BadCode):
        wanted = parse_code(at_end[1] if at_end else text)
    with reading() as session:
        found = find_receivers(session, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(_receiver_text(one) for one in found)
        typed.fault("to", gettext("several are called so: %(names)s", names=names))
    else:
        typed.fault("to", gettext("no facility is called '%(text)s'", text=text))
    return None


def _transport(typed: Typed) -> dict[str, Any] | None:
    mode = typed.choice("mode", ("road", "rail", "water", "air"))
    km = typed.text("km")
    if km is not None and not (km.isascii() and km.isdigit() and int(km) <= MOST_KM):
        typed.fault("km", gettext("expected whole kilometres such as 87"))
        return None
    if mode is None:
        if km is not None:
            typed.fault("mode", gettext("is needed with a distance"))
        return None
    return {"mode": mode, "km": None if km is None else int(km)}


def _scale(actor: Actor, lot: LotView) -> str:
    with reading() as session:
        sites = own_sites(session, actor.organisation_id or 0)
    site = next((one for one in sites if one.code == lot.facility), None)
    return site.scales[0] if site and site.scales else "-"


def _receiver_text(receiver: Receiver) -> str:
    """A facility as the list offers it: whose, which, and its code to tell apart."""
    parts = [name_of(receiver.organisation), name_of(receiver.facility)]
    return f"{' · '.join(dict.fromkeys(parts))} {grouped(receiver.facility.code)}"


def _page(
    actor: Actor,
    values: MultiDict[str, str],
    faults: dict[str, list[str]],
    choice: Choice,
) -> str:
    organisation_id = actor.organisation_id or 0
    with reading() as session:
        receivers = list_receivers(session, organisation_id)
        at_hand = [] if choice.lot else lots_at_hand(session, organisation_id)
        sites = own_sites(session, organisation_id)
    here = choice.lot.facility if choice.lot else None
    site = next((one for one in sites if one.code == here), None)
    if choice.fault and "lot" not in faults:
        faults = faults | {"lot": [choice.fault]}
    return render_template(
        "transfers/new.html",
        values=values,
        faults=faults,
        choice=choice,
        at_hand=[(grouped(one.lot.code), lot_line(one)) for one in at_hand],
        receivers=[
            _receiver_text(one) for one in receivers if one.facility.code != here
        ],
        scales=[(scale, scale) for scale in site.scales] if site else [],
        modes=options("mode"),
        labels=LABELS,
        unfolded=bool(FOLDED & set(faults)),
        materials=materials(),
    )
