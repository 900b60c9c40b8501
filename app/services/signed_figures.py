"""Rows against the signed entries that made them: what is shown is what was signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.queries.verdicts import LabelCase
from app.services.rules import rule
from graph import PPM
from ledger import Entry, ProofFailed


def compare_label(case: LabelCase, entry: Entry) -> None:
    """The label's row against its signed entry."""
    data = _data_of(entry, "label.issued", case.label_index)
    if case.code_sha256.hex() not in data.get("codes_sha256", ()):
        raise ProofFailed(f"entry {case.label_index} does not issue this label")
    _same(case.label_index, "org", case.issuer.code, entry.fact["org"])
    if case.claim is not None:
        _same(case.label_index, "claim", case.claim["code"], data.get("claim"))
    else:
        _same(case.label_index, "lot", case.lot.code, data.get("lot"))


def compare_lot(case: LabelCase, entry: Entry) -> None:
    """The lot's row against the signed entry that made it."""
    index, fact = case.lot_index, entry.fact
    _same(index, "org", case.maker.code, fact["org"])
    if fact["type"] == "lot.sourced":
        made: Mapping[str, Any] = fact["data"]
        net_g = made.get("weighing", {}).get("net_g")
    else:
        data = _data_of(entry, "run.recorded", index)
        codes = {one.get("lot"): one for one in data.get("outputs", ())}
        made = codes.get(case.lot.code, {})
        net_g = made.get("net_g")
    _same(index, "lot", case.lot.code, made.get("lot"))
    _same(index, "material", case.lot.material, made.get("material"))
    _same(index, "net_g", case.lot.net_g, net_g)
    if sum(case.lot.cells) != case.lot.metal_g:
        raise ProofFailed(f"the origin of lot {case.lot.code} does not sum up")


def compare_claim(case: LabelCase, entry: Entry) -> None:
    """The claim's row against its signed entry, and both against the lot."""
    index, row = case.claim_index or 0, case.claim or {}
    data = _data_of(entry, "claim.issued", index)
    split = data.get("split_ppm", {})
    until = row["valid_until"]
    for name, found, signed in (
        ("org", case.issuer.code, entry.fact["org"]),
        ("claim", row["code"], data.get("claim")),
        ("lot", case.lot.code, data.get("lot")),
        ("stretch", [row["from_g"], row["to_g"]], data.get("stretch")),
        ("elv_ppm", row["elv_ppm"], split.get("post_consumer_elv", 0)),
        ("post_ppm", row["post_ppm"], split.get("post_consumer", 0)),
        ("pre_ppm", row["pre_ppm"], split.get("pre_consumer", 0)),
        ("valid_until", until and until.isoformat(), data.get("valid_until")),
        *(
            (name, row[name], data.get(name))
            for name in (
                "claimed_g",
                "share_ppm",
                "upper_ppm",
                "model",
                "rule_set",
                "boundary_text",
                "method",
            )
        ),
    ):
        _same(index, name, found, signed)
    if case.claim_state == "active":
        bears = 0 if case.lot_shares is None else case.lot_shares.share_ppm
        if row["share_ppm"] > bears + rule("affected_claim_ppm"):
            raise ProofFailed(
                f"entry {index} claims {row['share_ppm']} ppm, but lot "
                f"{case.lot.code} bears {bears} ppm of {PPM}"
            )


def _data_of(entry: Entry, kind: str, index: int) -> Mapping[str, Any]:
    if entry.fact["type"] != kind:
        raise ProofFailed(f"entry {index} is a {entry.fact['type']}, expected {kind}")
    data: Mapping[str, Any] = entry.fact["data"]
    return data


def _same(index: int, name: str, found: object, signed: object) -> None:
    if found != signed:
        raise ProofFailed(f"entry {index} says {name} {signed!r}, the row {found!r}")
