"""What pages of the log call things: key holders, energy, confidential fields."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from app.web.verdict_texts import HELD_BY

CARRIERS = {
    "electricity": _l("Electricity"),
    "natural_gas": _l("Natural gas"),
    "coal": _l("Coal"),
    "oil": _l("Oil"),
    "steam": _l("Steam"),
    "other": _l("Other energy"),
}
SCHEMES = {
    "own": _l("own number"),
    "gtin_batch": _l("GTIN and batch"),
    "vaa": _l("VAA code"),
    "handle": _l("Handle"),
    "other": _l("other name"),
}
PRIVATE_NAMES = {
    "address": _l("Address"),
    "certificate_number": _l("Certificate number"),
    "contact": _l("Contact"),
    "contract": _l("Contract"),
    "coordinates": _l("Coordinates"),
    "customer": _l("Customer"),
    "declaration_number": _l("Declaration number"),
    "driver": _l("Driver"),
    "invoice": _l("Invoice"),
    "legal_name": _l("Legal name"),
    "note": _l("Note"),
    "operator": _l("Operator"),
    "price": _l("Price"),
    "recipe": _l("Recipe"),
    "supplier": _l("Supplier"),
    "ticket": _l("Weighing ticket"),
    "vehicle": _l("Vehicle"),
    "waybill": _l("Waybill"),
}
BRIEF = {
    "organisation": _l("own key"),
    "platform": _l("key with the platform"),
}
HOLDERS = {
    "organisation": _l("the organisation itself"),
    "platform": _l("the platform"),
    "operator": _l("the operator of the log"),
}


def holder_name(held_by: str) -> str:
    """Who keeps a key, in the language of the page."""
    return str(HOLDERS.get(held_by, held_by))


def private_name(name: str) -> str:
    """What a confidential field is called, in the language of the page."""
    return str(PRIVATE_NAMES.get(name, name))


def holder_brief(held_by: str) -> str:
    """The same where there is little room."""
    return str(BRIEF.get(held_by, ""))


def holder_phrase(held_by: str) -> str:
    """That somebody keeps a key, in the language of the page."""
    return str(HELD_BY.get(held_by, held_by))
