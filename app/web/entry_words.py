"""Entries of the log in words: what happened, to what, with the grams."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l

from app.queries.facts import EntryView
from app.services.rules import materials
from app.web.numbers import mass, share
from app.web.verify import name_of
from app.web.words import word

TYPE_NAMES = {
    "log.genesis": _l("Log founded"),
    "organisation.registered": _l("Organisation registered"),
    "facility.registered": _l("Facility registered"),
    "key.registered": _l("Key registered"),
    "key.rotated": _l("Key replaced"),
    "key.revoked": _l("Key revoked"),
    "lot.sourced": _l("Lot logged in"),
    "lot.assayed": _l("Lot assayed"),
    "run.recorded": _l("Run recorded"),
    "transfer.dispatched": _l("Lot dispatched"),
    "transfer.accepted": _l("Lot accepted"),
    "transfer.refused": _l("Lot refused"),
    "lot.delivered": _l("Lot delivered"),
    "claim.issued": _l("Claim issued"),
    "claim.withdrawn": _l("Claim withdrawn"),
    "label.issued": _l("Labels issued"),
    "label.voided": _l("Label voided"),
    "entry.corrected": _l("Entry taken back"),
    "disclosure.erased": _l("Confidential values erased"),
}


def type_name(name: str) -> str:
    """A type of fact in the language of the page."""
    return str(TYPE_NAMES.get(name, name))


def sentence(view: EntryView, lot: str | None = None) -> str:
    """What an entry says, with its grams; of a run, what it did to one lot.

    Args:
        view: The entry.
        lot: The lot whose page it is; None for any page.
    """
    return fact_sentence(view.fact["type"], view.fact["data"], lot)


def fact_sentence(kind: str, data: dict[str, Any], lot: str | None = None) -> str:
    """What a fact of a type says; see ``sentence``."""
    return str(_sentence(kind, data, lot))


def _sentence(kind: str, data: dict[str, Any], lot: str | None) -> Any:  # noqa: ANN401 - flask_babel carries no types
    match kind:
        case "lot.sourced":
            return gettext(
                "%(mass)s of %(material)s, %(source)s",
                mass=mass(data["weighing"]["net_g"]),
                material=_material(data["material"]),
                source=word(data["source"], "source"),
            )
        case "run.recorded":
            return _run(data, lot)
        case "transfer.dispatched" | "transfer.accepted":
            return gettext("Weighed %(mass)s", mass=mass(data["weighing"]["net_g"]))
        case "lot.delivered":
            return f"{word(data['to'], 'destination')} · {mass(data['net_g'])}"
        case "claim.issued":
            return gettext(
                "%(share)s recycled, %(mass)s of metal",
                share=share(data["share_ppm"]),
                mass=mass(data["claimed_g"]),
            )
        case "label.issued":
            return ngettext(
                "%(num)s label", "%(num)s labels", len(data["codes_sha256"])
            )
        case "lot.assayed":
            return gettext(
                "%(laboratory)s, %(method)s",
                laboratory=data["laboratory"],
                method=data["method"],
            )
        case "organisation.registered" | "facility.registered":
            return str(data.get("name_zh") or data.get("name_en") or data["code"])
        case "key.registered" | "key.rotated":
            name = str(data["vkey"]).partition("+")[0]
            return gettext("Key %(n)s", n=name.rpartition("/")[2])
        case "log.genesis":
            return str(data["origin"])
    return str(data.get("reason", ""))


def _run(data: dict[str, Any], lot: str | None) -> Any:  # noqa: ANN401 - as above
    kind = word(data["kind"], "run_kind")
    for flow in data["inputs"]:
        if flow["lot"] == lot:
            return gettext(
                "%(kind)s: %(mass)s went in", kind=kind, mass=mass(flow["net_g"])
            )
    for flow in data["outputs"]:
        if flow["lot"] == lot:
            return gettext(
                "%(kind)s: %(mass)s came out", kind=kind, mass=mass(flow["net_g"])
            )
    return gettext(
        "%(kind)s: in %(taken)s, out %(made)s",
        kind=kind,
        taken=mass(sum(flow["net_g"] for flow in data["inputs"])),
        made=mass(sum(flow["net_g"] for flow in data["outputs"])),
    )


def _material(code: str) -> str:
    found = materials().get(code)
    return code if found is None else name_of(found)
