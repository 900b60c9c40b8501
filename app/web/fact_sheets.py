"""Each type of fact as its lines and tables: what the page of an entry shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext

from app.queries.facts import EntryView
from app.web.fact_details import (
    Part,
    References,
    Sheet,
    country,
    digest,
    exact_percent,
    flat_lines,
    grams,
    material,
    moment,
    percent,
    text,
)
from app.web.fact_words import CARRIERS, SCHEMES, holder_name
from app.web.labels import FORMAT_NAMES
from app.web.names import role_name
from app.web.numbers import THIN, grouped, mass
from app.web.trace_pictures import name_of_province
from app.web.verdict_texts import MODELS
from app.web.words import word
from ledger import LedgerError, Verifier

Data = Mapping[str, Any]


def fact_sheet(view: EntryView, references: References) -> Sheet:
    """What an entry says, ready to be shown."""
    sheet = Sheet(references)
    write = _SHEETS.get(view.fact["type"])
    if write is None:
        for path, value in flat_lines(view.fact["data"]):
            sheet.add(path, Part(value))
    else:
        write(sheet, view.fact["data"])
    return sheet


def _genesis(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Name of the log"), Part(data["origin"], mono=True))
    sheet.add(gettext("Key of the log"), Part(data["log_vkey"], mono=True))
    sheet.add(gettext("Key of the operator"), Part(data["registrar_vkey"], mono=True))
    sheet.add(gettext("Digest of the schemas"), digest(data["schema_sha256"]))


def _organisation(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Chinese name"), text(data.get("name_zh")))
    sheet.add(gettext("English name"), text(data.get("name_en")))
    sheet.add(gettext("Code"), Part(grouped(data["code"]), mono=True))
    sheet.add(gettext("Roles"), *(Part(role_name(one)) for one in data["roles"]))
    sheet.add(gettext("Unified social credit code"), text(data.get("uscc")))
    if data.get("control_group"):
        sheet.add(
            gettext("Company group"), Part(grouped(data["control_group"]), mono=True)
        )


def _facility(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Chinese name"), text(data.get("name_zh")))
    sheet.add(gettext("English name"), text(data.get("name_en")))
    sheet.add(gettext("Code"), Part(grouped(data["code"]), mono=True))
    sheet.add(gettext("Organisation"), sheet.organisation(data["organisation"]))
    sheet.add(gettext("Kind"), Part(word(data["kind"], "facility_kind")))
    sheet.add(gettext("Province"), Part(name_of_province(data["province"])))
    boundary = data["boundary"]
    sheet.add(
        gettext("Process boundary"),
        Part(boundary["code"], mono=True),
        text(boundary.get("text_zh")),
        text(boundary.get("text_en")),
    )
    sheet.table(
        gettext("Scales"),
        (
            (gettext("Scale"), False),
            (gettext("Class"), False),
            (gettext("Division"), True),
            (gettext("Capacity"), True),
            (gettext("Certificate until"), False),
        ),
        (
            (
                Part(one["code"], mono=True),
                Part(one.get("class") or "–"),
                Part(mass(one["e_g"])),
                Part(mass(one["max_g"])),
                Part(one.get("certificate_until") or "–"),
            )
            for one in data.get("scales") or ()
        ),
    )


def _key(sheet: Sheet, data: Data) -> None:
    if "old" in data:
        sheet.add(gettext("Takes the place of the key"), Part(data["old"], mono=True))
    sheet.add(gettext("Key"), _key_name(data["vkey"]), Part(data["vkey"], mono=True))
    if "held_by" in data:
        sheet.add(gettext("Held by"), Part(holder_name(data["held_by"])))
    following = data.get("next")
    sheet.add(
        gettext("Next key"),
        digest(following)
        if following
        else Part(gettext("none is committed to: it can be revoked, not rotated")),
    )
    if "proof" in data:
        sheet.add(gettext("Proof of possession"), Part(data["proof"], mono=True))


def _key_name(vkey: str) -> Part | None:
    try:
        return Part(Verifier.parse(vkey).name, mono=True)
    except LedgerError:
        return None


def _key_revoked(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Key"), Part(data["key_id"], mono=True))
    sheet.add(gettext("Reason"), text(data["reason"]))


def _weighing(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Net"), grams(data["net_g"]))
    if "gross_g" in data:
        sheet.add(
            gettext("Gross less tare"),
            Part(f"{mass(data['gross_g'])} − {mass(data['tare_g'])}"),
        )
    sheet.add(gettext("Scale"), Part(data["scale"], mono=True))


def _sourced(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Lot"), sheet.thing(data["lot"], "lots"))
    sheet.add(
        gettext("Own number"),
        *(
            Part(one["value"], note=str(SCHEMES.get(one["scheme"], one["scheme"])))
            for one in data.get("alias") or ()
        ),
    )
    sheet.add(gettext("Material"), material(data["material"]))
    _weighing(sheet, data["weighing"])
    sheet.add(gettext("Facility"), sheet.facility(data["facility"]))
    sheet.add(gettext("Source"), Part(word(data["source"], "source")))
    sheet.add(gettext("Origin class"), *_origin(data["origin_class"]))
    sheet.add(gettext("Kind of metal"), text(data["metal"]))
    content = data.get("content_ppm")
    basis = word(data["content_basis"], "content_basis")
    sheet.add(
        gettext("Metal content"),
        Part(basis) if content is None else Part(exact_percent(content), note=basis),
    )
    sheet.add(gettext("Moisture"), percent(data.get("moisture_ppm")))
    sheet.add(gettext("Foreign matter"), percent(data.get("foreign_ppm")))
    if imported := data.get("imported"):
        sheet.add(gettext("Country of origin"), Part(country(imported["country"])))
        sheet.add(gettext("HS code"), Part(imported["hs_code"], mono=True))
        sheet.add(gettext("Declared on"), Part(imported["declared_on"]))
    if radiation := data.get("radiation_check"):
        outcome = gettext("passed") if radiation["passed"] else gettext("not passed")
        sheet.add(gettext("Radiation check"), Part(outcome, note=radiation["on"]))


def _origin(value: str | Mapping[str, int]) -> list[Part]:
    if isinstance(value, str):
        return [Part(word(value, "origin_class"))]
    return [
        Part(mass(g), note=word(name, "origin_class")) for name, g in value.items() if g
    ]


def _assayed(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Lot"), sheet.thing(data["lot"], "lots"))
    sheet.add(gettext("Laboratory"), text(data["laboratory"]))
    sheet.add(gettext("Method"), text(data["method"]))
    sheet.add(gettext("Moisture"), percent(data.get("moisture_ppm")))
    if data.get("certificate_sha256"):
        sheet.add(
            gettext("Digest of the certificate"), digest(data["certificate_sha256"])
        )
    elements = data["elements_ppm"]
    sheet.table(
        gettext("Elements"),
        ((gettext("Element"), False), (gettext("Content"), True)),
        (
            (Part(name), Part(exact_percent(ppm)))
            for name, ppm in sorted(elements.items(), key=lambda one: -one[1])
        ),
    )


def _run(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Run"), sheet.thing(data["run"], "runs"))
    sheet.add(gettext("Own number"), text(data.get("alias")))
    sheet.add(gettext("Kind of run"), Part(word(data["kind"], "run_kind")))
    sheet.add(gettext("Facility"), sheet.facility(data["facility"]))
    sheet.add(gettext("Started"), moment(data.get("started_at")))
    sheet.add(gettext("Furnace or line"), text(data.get("equipment")))
    losses = {name: g for name, g in data["losses"].items() if g}
    sheet.add(
        gettext("Losses"),
        *(Part(mass(g), note=word(name, "loss")) for name, g in losses.items()),
    )
    sheet.add(gettext("Oxygen or salt taken up"), grams(data.get("gain_g")))
    sheet.add(gettext("Energy"), *(_energy(one) for one in data.get("energy") or ()))
    sheet.table(
        gettext("What went in"),
        ((gettext("Lot"), False), (gettext("Net"), True)),
        (
            (sheet.thing(one["lot"], "lots"), Part(mass(one["net_g"])))
            for one in data["inputs"]
        ),
    )
    sheet.table(
        gettext("What came out"),
        (
            (gettext("Lot"), False),
            (gettext("Material"), False),
            (gettext("As"), False),
            (gettext("Net"), True),
            (gettext("Metal"), True),
        ),
        (_output(sheet, one) for one in data["outputs"]),
    )


def _output(sheet: Sheet, one: Data) -> tuple[Part, ...]:
    metal = one.get("metal_g")
    shown = exact_percent(one["content_ppm"]) if metal is None else mass(metal)
    return (
        sheet.thing(one["lot"], "lots"),
        Part(material(one["material"]).text),
        Part(word(one["role"], "role")),
        Part(mass(one["net_g"])),
        Part(shown),
    )


def _energy(one: Data) -> Part:
    whole, rest = divmod(one["amount"], 1000)
    digits = f"{rest:03d}".rstrip("0")
    number = f"{whole:,}".replace(",", THIN) + (f".{digits}" if digits else "")
    unit = "m³" if one["unit"] == "m3" else one["unit"]
    name = str(CARRIERS.get(one["carrier"], one["carrier"]))
    certificate = one.get("certificate")
    return Part(
        f"{number}{THIN}{unit}", note=f"{name} · {certificate}" if certificate else name
    )


def _dispatched(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Transfer"), sheet.thing(data["transfer"], "transfers"))
    sheet.add(gettext("Own number"), text(data.get("alias")))
    sheet.add(gettext("Lot"), sheet.thing(data["lot"], "lots"))
    sheet.add(gettext("From"), sheet.facility(data["from"]))
    sheet.add(gettext("To"), sheet.facility(data["to"]))
    _weighing(sheet, data["weighing"])
    if transport := data.get("transport"):
        km = transport.get("km")
        sheet.add(
            gettext("Transport"),
            Part(
                word(transport["mode"], "mode"),
                note="" if km is None else f"{km}{THIN}km",
            ),
        )


def _accepted(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Transfer"), sheet.thing(data["transfer"], "transfers"))
    sheet.add(gettext("Lot"), sheet.lot_behind(data["transfer"]))
    _weighing(sheet, data["weighing"])
    sheet.add(gettext("Reason"), text(data.get("reason")))


def _refused(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Transfer"), sheet.thing(data["transfer"], "transfers"))
    sheet.add(gettext("Lot"), sheet.lot_behind(data["transfer"]))
    sheet.add(gettext("Reason"), text(data["reason"]))


def _delivered(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Lot"), sheet.thing(data["lot"], "lots"))
    sheet.add(gettext("Net"), grams(data["net_g"]))
    sheet.add(gettext("Where it went"), Part(word(data["to"], "destination")))
    sheet.add(gettext("Product category"), text(data.get("category")))


def _claim(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Claim"), sheet.thing(data["claim"], "claims"))
    sheet.add(gettext("Lot"), sheet.thing(data["lot"], "lots"))
    sheet.add(
        gettext("Recycled share"),
        Part(
            exact_percent(data["share_ppm"]),
            note=gettext("at most %(upper)s", upper=exact_percent(data["upper_ppm"])),
        ),
    )
    sheet.add(
        gettext("Of which"),
        *(
            Part(exact_percent(ppm), note=word(name, "origin_class"))
            for name, ppm in data["split_ppm"].items()
            if ppm
        ),
    )
    sheet.add(gettext("Metal claimed"), grams(data["claimed_g"]))
    first, end = data["stretch"]
    sheet.add(
        gettext("Stretch of the lot"),
        Part(gettext("from %(first)s to %(end)s", first=mass(first), end=mass(end))),
    )
    sheet.add(
        gettext("Custody model"), Part(str(MODELS.get(data["model"], data["model"])))
    )
    sheet.add(gettext("Process boundary"), text(data["boundary_text"]))
    sheet.add(gettext("Rule set"), text(data["rule_set"]))
    sheet.add(gettext("Method"), text(data["method"]))
    sheet.add(gettext("Valid until"), text(data.get("valid_until")))


def _withdrawn(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Claim"), sheet.thing(data["claim"], "claims"))
    sheet.add(gettext("Lot"), sheet.lot_behind(data["claim"]))
    sheet.add(gettext("Reason"), text(data["reason"]))


def _label(sheet: Sheet, data: Data) -> None:
    if data.get("claim"):
        sheet.add(gettext("Claim"), sheet.thing(data["claim"], "claims"))
        sheet.add(gettext("Lot"), sheet.lot_behind(data["claim"]))
    if data.get("lot"):
        sheet.add(gettext("Lot"), sheet.thing(data["lot"], "lots"))
    sheet.add(gettext("Labels"), Part(str(len(data["codes_sha256"]))))
    sheet.add(
        gettext("Format"), Part(str(FORMAT_NAMES.get(data["format"], data["format"])))
    )
    sheet.add(
        gettext("Digests of the codes"), *(digest(one) for one in data["codes_sha256"])
    )


def _label_voided(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Digest of the code"), digest(data["code_sha256"]))
    sheet.add(gettext("Reason"), text(data["reason"]))


def _corrected(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Takes back"), sheet.fact(data["corrects"]))
    sheet.add(gettext("Reason"), text(data["reason"]))


def _erased(sheet: Sheet, data: Data) -> None:
    sheet.add(gettext("Of"), sheet.fact(data["of"]))
    sheet.add(gettext("Digests whose values are gone"), *map(_salted, data["digests"]))
    sheet.add(gettext("On what ground"), text(data["basis"]))


def _salted(value: str) -> Part:
    return Part(value, mono=True)


_SHEETS: dict[str, Callable[[Sheet, Data], None]] = {
    "log.genesis": _genesis,
    "organisation.registered": _organisation,
    "facility.registered": _facility,
    "key.registered": _key,
    "key.rotated": _key,
    "key.revoked": _key_revoked,
    "lot.sourced": _sourced,
    "lot.assayed": _assayed,
    "run.recorded": _run,
    "transfer.dispatched": _dispatched,
    "transfer.accepted": _accepted,
    "transfer.refused": _refused,
    "lot.delivered": _delivered,
    "claim.issued": _claim,
    "claim.withdrawn": _withdrawn,
    "label.issued": _label,
    "label.voided": _label_voided,
    "entry.corrected": _corrected,
    "disclosure.erased": _erased,
}
