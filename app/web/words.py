"""What the values of facts are called on pages: kinds, sources, states, ways.

In templates: ``"melt"|word("run_kind")``; a value without a word stands as it is.
"""

from __future__ import annotations

from flask import Flask
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

WORDS: dict[str, dict[str, LazyString]] = {
    "run_kind": {
        "split": _l("Split"),
        "repack": _l("Re-pack"),
        "blend": _l("Blend"),
        "regrade": _l("Re-grade"),
        "sort": _l("Sort"),
        "dismantle": _l("Dismantle"),
        "shred": _l("Shred"),
        "decoat": _l("Decoat"),
        "granulate": _l("Granulate"),
        "break_battery": _l("Break batteries"),
        "melt": _l("Melt"),
        "smelt": _l("Smelt"),
        "convert": _l("Convert"),
        "fire_refine": _l("Fire-refine"),
        "electrorefine": _l("Electrorefine"),
        "distil": _l("Distil"),
        "cast": _l("Cast"),
        "roll": _l("Roll"),
        "extrude": _l("Extrude"),
        "draw": _l("Draw"),
        "forge": _l("Forge"),
        "machine": _l("Machine"),
        "reclassify": _l("Reclassify returns"),
    },
    "source": {
        "collected": _l("collected"),
        "industrial": _l("industrial"),
        "imported": _l("imported"),
        "primary": _l("primary"),
        "addition": _l("addition"),
        "opening": _l("opening stock"),
    },
    "origin_class": {
        "post_consumer_elv": _l("end-of-life vehicles"),
        "post_consumer": _l("post-consumer"),
        "pre_consumer": _l("pre-consumer"),
        "internal": _l("internal returns"),
        "primary": _l("primary"),
        "unknown": _l("unknown origin"),
    },
    "role": {
        "product": _l("product"),
        "by_product": _l("by-product"),
        "return": _l("return"),
    },
    "loss": {
        "moisture": _l("moisture"),
        "combustion": _l("burnt off"),
        "dust": _l("dust"),
        "slag": _l("slag"),
        "other": _l("other loss"),
    },
    "destination": {
        "sold": _l("Sold"),
        "exported": _l("Exported"),
        "landfilled": _l("Landfilled"),
        "consumed": _l("Used up here"),
    },
    "mode": {
        "road": _l("road"),
        "rail": _l("rail"),
        "water": _l("water"),
        "air": _l("air"),
    },
    "transfer_state": {
        "on_its_way": _l("on its way"),
        "accepted": _l("accepted"),
        "differs": _l("weights differ"),
        "refused": _l("refused"),
        "voided": _l("taken back"),
    },
    "lot_state": {
        "held": _l("in stock"),
        "in_transit": _l("on its way"),
        "quarantined": _l("in quarantine"),
        "voided": _l("taken back"),
    },
    "content_basis": {
        "assay": _l("assay"),
        "declared": _l("declared"),
        "grade": _l("grade"),
    },
    "facility_kind": {
        "collection": _l("collection point"),
        "preprocessing_centre": _l("pre-processing centre"),
        "utilisation_base": _l("utilisation base"),
        "smelter": _l("smelter"),
        "refinery": _l("refinery"),
        "casthouse": _l("casthouse"),
        "fabricator": _l("fabricator"),
        "port": _l("port"),
        "warehouse": _l("warehouse"),
    },
}
TONES = {
    "on_its_way": "warn",
    "accepted": "ok",
    "differs": "bad",
    "refused": "bad",
    "quarantined": "bad",
    "in_transit": "warn",
}
"""Which states want to be seen; the others are quiet."""


def init_app(app: Flask) -> None:
    """Make the words known to the templates."""
    app.add_template_filter(word)
    app.add_template_filter(tone)


def word(value: str, kind: str) -> str:
    """What a value is called in the language of the page."""
    return str(WORDS[kind].get(value, value))


def tone(state: str) -> str:
    """The tone of the tag of a state: ok, warn, bad, or quiet."""
    return TONES.get(state, "")


def options(kind: str) -> list[tuple[str, str]]:
    """(value, word) pairs of a list, for a select."""
    return [(value, str(text)) for value, text in WORDS[kind].items()]
