"""/lots/new: a lot that came in is logged, in as few keys as a gate allows."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.db import reading
from app.intake.cells import parse_country, parse_hs_code
from app.intake.dates import parse_day
from app.queries.facts import get_entry_view
from app.queries.logging import Site, find_last_sourced, own_sites, recent_materials
from app.security import current_actor, reader_for
from app.services.access import Actor
from app.services.facts import Fact
from app.services.rules import materials
from app.web import bp
from app.web.fact_forms import (
    Typed,
    fresh_ids,
    kept_code,
    kept_id,
    local_text,
    log_facts,
    make_fact,
    moment_of,
)
from app.web.material_choice import material_groups
from app.web.numbers import mass_unit
from app.web.words import options

ORIGINS = {
    "collected|post_consumer": _l("Collected · post-consumer"),
    "collected|post_consumer_elv": _l("Collected · end-of-life vehicles"),
    "collected|unknown": _l("Collected · origin not evidenced"),
    "industrial|pre_consumer": _l("Industrial · pre-consumer"),
    "industrial|unknown": _l("Industrial · origin not evidenced"),
    "imported|post_consumer": _l("Imported · post-consumer"),
    "imported|post_consumer_elv": _l("Imported · end-of-life vehicles"),
    "imported|pre_consumer": _l("Imported · pre-consumer"),
    "imported|unknown": _l("Imported · origin not evidenced"),
    "imported|primary": _l("Imported · primary"),
    "primary|primary": _l("Primary metal"),
    "addition|primary": _l("Alloying element, flux"),
    "opening|internal": _l("Opening stock · own returns"),
    "opening|primary": _l("Opening stock · primary"),
    "opening|unknown": _l("Opening stock · origin not evidenced"),
}
"""Where a lot came from and what its metal was, as one choice: source and class."""

LABELS = {
    "gross": _l("Gross"),
    "tare": _l("Tare"),
    "net": _l("Net"),
    "material": _l("Material"),
    "origin": _l("Origin"),
    "own_number": _l("Own number"),
    "facility": _l("Facility"),
    "scale": _l("Scale"),
    "at": _l("When"),
    "content": _l("Metal content"),
    "content_basis": _l("Content known from"),
    "moisture": _l("Moisture"),
    "foreign": _l("Foreign matter"),
    "supplier": _l("Supplier"),
    "vehicle": _l("Vehicle"),
    "ticket": _l("Weighing ticket"),
    "note": _l("Note"),
    "hs_code": _l("HS code"),
    "country": _l("Country of origin"),
    "declared_on": _l("Declared on"),
    "radiation": _l("Radiation check"),
}
FIELDS = (
    ("data.weighing.gross_g", "gross"),
    ("data.weighing.tare_g", "tare"),
    ("data.weighing.scale", "scale"),
    ("data.weighing", "net"),
    ("data.material", "material"),
    ("data.metal", "material"),
    ("data.source", "origin"),
    ("data.origin_class", "origin"),
    ("data.alias", "own_number"),
    ("data.facility", "facility"),
    ("data.content_ppm", "content"),
    ("data.moisture_ppm", "moisture"),
    ("data.foreign_ppm", "foreign"),
    ("data.imported.hs_code", "hs_code"),
    ("data.imported.country", "country"),
    ("data.imported", "declared_on"),
    ("data.radiation_check", "radiation"),
    ("at", "at"),
)
PRIVATE = ("supplier", "vehicle", "ticket", "note")
COPIED = ("supplier",)
FOLDED = frozenset(LABELS) - {
    "gross",
    "tare",
    "net",
    "material",
    "origin",
    "own_number",
}
RADIATION = {"passed": _l("passed"), "failed": _l("failed: the lot goes to quarantine")}


@bp.get("/lots/new")
def new_lot() -> str:
    """The form; what repeats from lot to lot is taken from the last one."""
    actor = current_actor()
    actor.require("lot.sourced")
    return _page(actor, _first_values(actor), {})


@bp.post("/lots/new")
def log_lot() -> Response | tuple[str, int]:
    """Log the lot, and show the receipt."""
    actor = current_actor()
    actor.require("lot.sourced")
    typed = Typed(request.form, _labels(), mass_unit())
    receipts = None
    if (data := _data(typed, actor)) is not None:
        receipts = log_facts(typed, lambda: [_fact(actor, typed, data)], FIELDS)
    if receipts is None:
        return _page(actor, typed.values, typed.faults), 422
    return redirect(url_for("web.show_receipt", index=receipts[0].entry_index))


def _labels() -> dict[str, str]:
    return {name: str(label) for name, label in LABELS.items()}


def _data(typed: Typed, actor: Actor) -> dict[str, Any] | None:
    """The data of the fact; None where a field is at fault."""
    gross_g, tare_g = typed.mass("gross"), typed.mass("tare", zero=True)
    net_g = typed.mass("net")
    if net_g is None and "net" not in typed.faults:
        if gross_g is not None and tare_g is not None and gross_g > tare_g:
            net_g = gross_g - tare_g
        elif not typed.faults:
            typed.fault("net", gettext("expected a weight, or gross and tare"))
    origin = typed.choice("origin", ORIGINS)
    material = typed.choice("material", materials())
    site = _site(actor, typed)
    for name, value in (("origin", origin), ("material", material)):
        typed.require(name, value)
    source, _, origin_class = (origin or "").partition("|")
    content_ppm = typed.percent("content")
    own_number = typed.text("own_number")
    data = {
        "lot": kept_code(typed.values, "new_lot"),
        "facility": site.code if site else None,
        "material": material,
        "source": source,
        "origin_class": origin_class,
        "weighing": {
            "gross_g": gross_g,
            "tare_g": tare_g,
            "net_g": net_g,
            "scale": typed.text("scale") or _scale(site),
        },
        "metal": materials()[material].metal if material else None,
        "content_ppm": content_ppm,
        "content_basis": typed.choice("content_basis", ("assay", "declared", "grade"))
        if content_ppm is not None
        else "grade",
        "moisture_ppm": typed.percent("moisture"),
        "foreign_ppm": typed.percent("foreign"),
        "alias": [{"scheme": "own", "value": own_number}] if own_number else None,
        "imported": _declaration(typed) if source == "imported" else None,
        "radiation_check": _radiation(typed),
    }
    if content_ppm is not None and data["content_basis"] is None:
        data["content_basis"] = "declared"
    for name in PRIVATE:
        typed.text(name, private=True)
    moment_of(typed)
    return None if typed.faults else data


def _fact(actor: Actor, typed: Typed, data: dict[str, Any]) -> Fact:
    return make_fact(
        actor,
        "lot.sourced",
        data,
        fact_id=kept_id(typed.values),
        at=moment_of(typed),
        private={name: typed.text(name, private=True) for name in PRIVATE},
    )


def _declaration(typed: Typed) -> dict[str, Any]:
    found = {
        "hs_code": typed.cell("hs_code", parse_hs_code),
        "country": typed.cell("country", parse_country),
        "declared_on": typed.cell("declared_on", parse_day),
    }
    for name, value in found.items():
        typed.require(name, value)
    return found


def _radiation(typed: Typed) -> dict[str, Any] | None:
    found = typed.choice("radiation", RADIATION)
    if found is None:
        return None
    day = local_text(moment_of(typed))[: len("2026-03-05")]
    return {"passed": found == "passed", "on": day}


def _site(actor: Actor, typed: Typed) -> Site | None:
    with reading() as session:
        sites = own_sites(session, actor.organisation_id or 0)
    if len(sites) == 1 and not typed.values.get("facility"):
        return sites[0]
    wanted = typed.values.get("facility")
    site = next((one for one in sites if one.code == wanted), None)
    typed.require("facility", site)
    return site


def _scale(site: Site | None) -> str:
    """The scale that a weighing names where nobody chose one."""
    return site.scales[0] if site and site.scales else "-"


def _first_values(actor: Actor) -> MultiDict[str, str]:
    """A fresh form: the last lot's material, origin, facility and scale."""
    values: MultiDict[str, str] = MultiDict(fresh_ids("new_lot"))
    with reading() as session:
        index = find_last_sourced(session, actor.organisation_id or 0)
        if index is None:
            return values
        last = get_entry_view(session, reader_for(actor), index)
    data = last.fact["data"]
    origin = data["origin_class"]
    if isinstance(origin, str):
        values["origin"] = f"{data['source']}|{origin}"
    values["material"] = data["material"]
    values["facility"] = data["facility"]
    values["scale"] = data["weighing"]["scale"]
    for name in ("content", "moisture", "foreign"):
        if (ppm := data.get(f"{name}_ppm")) is not None:
            values[name] = _percent(ppm)
    values["content_basis"] = data["content_basis"]
    if declared := data.get("imported"):
        values.update({name: declared[name] for name in ("hs_code", "country")})
    for name in COPIED:
        if text := last.private.get(name):
            values[name] = text
    return values


def _percent(ppm: int) -> str:
    """A share as it is typed: per cent, without zeros that say nothing."""
    whole, part = divmod(ppm, 10_000)
    return f"{whole}.{part:04d}".rstrip("0").rstrip(".")


def _page(
    actor: Actor, values: MultiDict[str, str], faults: dict[str, list[str]]
) -> str:
    with reading() as session:
        sites = own_sites(session, actor.organisation_id or 0)
        recent = recent_materials(session, actor.organisation_id or 0)
    site = next((one for one in sites if one.code == values.get("facility")), None)
    return render_template(
        "lots/new.html",
        values=values,
        faults=faults,
        sites=sites,
        scales=[
            (scale, scale) for scale in sorted({s for one in sites for s in one.scales})
        ],
        site=site or (sites[0] if sites else None),
        materials=material_groups(recent),
        origins=[(value, str(text)) for value, text in ORIGINS.items()],
        bases=options("content_basis"),
        radiation=[(value, str(text)) for value, text in RADIATION.items()],
        labels=LABELS,
        unfolded=bool(FOLDED & set(faults)),
        copied=bool(values.get("material")) and not faults,
    )
