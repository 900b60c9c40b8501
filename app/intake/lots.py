"""Rows of sourced lots and of deliveries to drafts."""

from __future__ import annotations

from typing import Any

from app.intake.cells import PPM
from app.intake.dates import day_of
from app.intake.drafts import Draft, LotRef, NewCode
from app.intake.faults import N_
from app.intake.materials import catalogue
from app.intake.row_reader import (
    NEEDED_WITH,
    Places,
    RowReader,
    own_alias,
    without_none,
)

IMPORT_COLUMNS = ("hs_code", "country", "declared_on")
SOURCED_PLACES = {
    "at": "date",
    "data.lot": "lot",
    "data.alias": "lot",
    "data.facility": "facility",
    "data.material": "material",
    "data.metal": "material",
    "data.source": "source",
    "data.origin_class": "origin_class",
    "data.weighing": "net",
    "data.weighing.gross_g": "gross",
    "data.weighing.tare_g": "tare",
    "data.weighing.scale": "scale",
    "data.content_ppm": "content",
    "data.content_basis": "content_basis",
    "data.moisture_ppm": "moisture",
    "data.foreign_ppm": "foreign",
    "data.imported": "hs_code",
    "data.imported.country": "country",
    "data.imported.declared_on": "declared_on",
    "data.radiation_check": "radiation_passed",
}
DELIVERED_PLACES = {
    "at": "date",
    "data.lot": "lot",
    "data.net_g": "net",
    "data.to": "to",
    "data.category": "category",
}


def make_sourced(reader: RowReader) -> list[Draft]:
    """A row of sourced lots: one ``lot.sourced``."""
    weighing = _weighing(reader)
    _check_impurities(reader)
    imported = _imported(reader)
    if reader.faults:
        return []
    lot, at = reader.get("lot"), reader.get("date")
    material = catalogue()[reader.get("material")]
    content_ppm = reader.get("content")
    basis = reader.get("content_basis")
    if basis is None:
        # What nobody says was analysed is what the supplier says, or what the grade is
        basis = "grade" if content_ppm is None else "declared"
    passed = reader.get("radiation_passed")
    data = without_none(
        {
            "lot": NewCode("lot", lot.text),
            "facility": reader.get("facility"),
            "material": material.code,
            "source": reader.get("source"),
            "origin_class": reader.get("origin_class"),
            "weighing": weighing,
            "metal": material.metal,
            "content_ppm": content_ppm,
            "content_basis": basis,
            "moisture_ppm": reader.get("moisture"),
            "foreign_ppm": reader.get("foreign"),
            "alias": own_alias(lot.text),
            "imported": imported,
            "radiation_check": None
            if passed is None
            else {"passed": passed == "yes", "on": day_of(at)},
        }
    )
    names = ("supplier", "vehicle", "ticket", "note")
    return [
        Draft(
            rows=(reader.row,),
            template="sourced",
            own_number=lot.name,
            type="lot.sourced",
            at=at,
            data=data,
            private=without_none({name: reader.get(name) for name in names}),
            places=Places(reader.row, SOURCED_PLACES),
        )
    ]


def _weighing(reader: RowReader) -> dict[str, Any]:
    """Gross, tare and net, which have to add up where all are given."""
    gross_g, tare_g = reader.get("gross"), reader.get("tare")
    net_g = reader.get("net")
    if reader.has("gross") != reader.has("tare"):
        missing, given = ("tare", "gross") if reader.has("gross") else ("gross", "tare")
        reader.fault(
            missing,
            NEEDED_WITH,
            other=reader.head(given),
        )
    if gross_g is not None and tare_g is not None:
        if gross_g < tare_g:
            reader.fault("gross", N_("is below the tare"))
        elif net_g is not None and gross_g - tare_g != net_g:
            reader.fault(
                "net",
                N_("found {net_g} g, expected {expected_g} g: gross less tare"),
                net_g=net_g,
                expected_g=gross_g - tare_g,
            )
    return without_none(
        {
            "gross_g": gross_g,
            "tare_g": tare_g,
            "net_g": net_g,
            "scale": reader.get("scale"),
        }
    )


def _check_impurities(reader: RowReader) -> None:
    total_ppm = (reader.get("moisture") or 0) + (reader.get("foreign") or 0)
    if total_ppm > PPM:
        reader.fault(
            "foreign", N_("moisture and foreign matter are over 100 % together")
        )
    if reader.get("content_basis") in ("assay", "declared"):
        reader.need("content", NEEDED_WITH, other=reader.head("content_basis"))


def _imported(reader: RowReader) -> dict[str, Any] | None:
    """The declaration: needed for imported lots, out of place for others."""
    if (source := reader.get("source")) is None:
        return None
    if source == "imported":
        for column in IMPORT_COLUMNS:
            reader.need(column, N_("is empty, but needed for imported lots"))
        return {column: reader.get(column) for column in IMPORT_COLUMNS}
    for column in IMPORT_COLUMNS:
        if reader.has(column):
            reader.fault(column, N_("expected empty, the source is not imported"))
    return None


def make_delivered(reader: RowReader) -> list[Draft]:
    """A row of deliveries: one ``lot.delivered``."""
    if reader.faults:
        return []
    lot: LotRef = reader.get("lot")
    data = without_none(
        {
            "lot": lot,
            "net_g": reader.get("net"),
            "to": reader.get("to"),
            "category": reader.get("category"),
        }
    )
    return [
        Draft(
            rows=(reader.row,),
            template="deliveries",
            own_number=lot.name,
            type="lot.delivered",
            at=reader.get("date"),
            data=data,
            places=Places(reader.row, DELIVERED_PLACES),
        )
    ]
