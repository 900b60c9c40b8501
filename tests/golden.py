"""The golden chain, folded in memory by the functions of ``graph`` alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from graph import (
    Lot,
    LotKind,
    OriginClass,
    Output,
    OutputRole,
    Position,
    RunKind,
    RunResult,
    Source,
    Taking,
    as_unknown,
    claim_stretch,
    content_metal_g,
    free_stretches,
    hand_over,
    place,
    place_delivery,
    pool_run,
    read,
    recycled_g,
    shares,
    source_lot,
    sourced_metal_g,
    upper_g,
)

PATH = Path(__file__).parent / "known_answers" / "golden-chain.json"
SHANGHAI = timezone(timedelta(hours=8))


@cache
def golden() -> dict[str, Any]:
    """The vector as it is published."""
    chain: dict[str, Any] = json.loads(PATH.read_text())
    return chain


class Chain:
    """Lots, positions and transfers, fact after fact."""

    def __init__(self) -> None:
        setting = golden()["setting"]
        self.kinds = {one["code"]: LotKind(one["kind"]) for one in setting["materials"]}
        self.facilities = {one["code"]: one for one in setting["facilities"]}
        self.groups = {
            one["code"]: one["control_group"] for one in setting["organisations"]
        }
        self.lots: dict[str, Lot] = {}
        self.positions: dict[str, Position] = {}
        self.transfers: dict[str, dict[str, Any]] = {}
        self.claimed: dict[str, dict[str, Any]] = {}

    def apply(self, item: dict[str, Any]) -> dict[str, Any]:
        """The ``result`` of one fact of the vector."""
        fact, given = item["fact"], item["result"]
        data = fact["data"]
        match fact["type"]:
            case "lot.sourced":
                return self._source(data)
            case "run.recorded":
                return self._run(item, data, given)
            case "transfer.dispatched":
                self.transfers[data["transfer"]] = data
                left = [self.left(data["lot"])]
                return {"state": "in_transit", "left": left, "supply_rows": []}
            case "transfer.accepted":
                return self._accept(fact["org"], data)
            case "claim.issued":
                return self._claim(data)
            case "lot.delivered":
                return self._deliver(data)
        raise AssertionError(fact["type"])

    def _source(self, data: dict[str, Any]) -> dict[str, Any]:
        weighing = data["weighing"]
        origin = data["origin_class"]
        lot = source_lot(
            code=data["lot"],
            material=data["material"],
            material_kind=self.kinds[data["material"]],
            metal=data["metal"],
            net_g=weighing["net_g"],
            metal_g=sourced_metal_g(
                weighing["net_g"],
                moisture_ppm=data.get("moisture_ppm", 0),
                foreign_ppm=data.get("foreign_ppm", 0),
                content_ppm=data["content_ppm"],
            ),
            source=Source(data["source"]),
            origin=OriginClass(origin) if isinstance(origin, str) else origin,
        )
        self._keep(lot)
        return {
            "lots_made": [describe(lot)],
            "left": [self.left(lot.code)],
            "supply_rows": [],
        }

    def _keep(self, lot: Lot) -> None:
        self.lots[lot.code] = lot
        self.positions[lot.code] = Position(goes_on_g=lot.net_g)

    def _run(
        self, item: dict[str, Any], data: dict[str, Any], given: dict[str, Any]
    ) -> dict[str, Any]:
        takings = []
        for flow in data["inputs"]:
            code = flow["lot"]
            stretches, after = place(self.positions[code], flow["net_g"])
            self.positions[code] = after
            takings.append(
                read(
                    self.lots[code],
                    stretches,
                    internal_as_unknown=after.internal_as_unknown,
                )
            )
        result = pool_run(
            RunKind(data["kind"]),
            takings,
            [self._output(flow) for flow in data["outputs"]],
            losses_g=sum(data["losses"].values()),
            net_tolerance_g=given["assumed_net_tolerance_g"],
            metal_tolerance_g=given["assumed_metal_tolerance_g"],
        )
        for lot, _ in result.lots_made:
            self._keep(lot)
        touched = [flow["lot"] for flow in (*data["inputs"], *data["outputs"])]
        return {
            "assumed_net_tolerance_g": given["assumed_net_tolerance_g"],
            "assumed_metal_tolerance_g": given["assumed_metal_tolerance_g"],
            "takings": [describe_taking(taking) for taking in takings],
            "run": describe_run(result),
            "lots_made": [
                describe(lot) | {"pool_stretch": list(stretch)}
                for lot, stretch in result.lots_made
            ],
            "left": [self.left(code) for code in touched],
            "supply_rows": self._supply(item, data, result),
        }

    def _output(self, flow: dict[str, Any]) -> Output:
        metal_g = flow.get("metal_g")
        if metal_g is None:
            metal_g = content_metal_g(flow["net_g"], flow["content_ppm"])
        return Output(
            lot=flow["lot"],
            material=flow["material"],
            material_kind=self.kinds[flow["material"]],
            metal="Al",
            net_g=flow["net_g"],
            metal_g=metal_g,
            role=OutputRole(flow["role"]),
        )

    def _supply(
        self, item: dict[str, Any], data: dict[str, Any], result: RunResult
    ) -> list[dict[str, Any]]:
        at = datetime.fromisoformat(item["fact"]["at"]).astimezone(UTC)
        facility = self.facilities[data["facility"]]
        return [
            {
                "index": item["index"],
                "about": item["index"],
                "sign": 1,
                "month": at.astimezone(SHANGHAI).strftime("%Y-%m"),
                "province": facility["province"],
                "metal": "Al",
                "flow": "recycled_output",
                "origin_class": cell.origin_class.value,
                "imported": cell.imported,
                "facility": facility["code"],
                "metal_g": cell.metal_g,
            }
            for cell in result.supply
        ]

    def _accept(self, org: str, data: dict[str, Any]) -> dict[str, Any]:
        transfer = self.transfers[data["transfer"]]
        code = transfer["lot"]
        sender = self.facilities[transfer["from"]]
        receiver = self.facilities[transfer["to"]]
        handover = hand_over(
            self.lots[code],
            self.positions[code],
            dispatched_g=transfer["weighing"]["net_g"],
            received_g=data["weighing"]["net_g"],
            tolerance_g=10**9,
            leaves_boundary=sender["boundary"] != receiver["boundary"]
            and self.groups[sender["organisation"]]
            != self.groups[receiver["organisation"]],
        )
        self.positions[code] = handover.position
        return {
            "lot": code,
            "dispatched_net_g": transfer["weighing"]["net_g"],
            "received_net_g": data["weighing"]["net_g"],
            "holder": org,
            "goes_on": describe_part(handover.goes_on),
            "loss_in_transit": describe_part(handover.lost),
            "left": [self.left(code)],
            "supply_rows": [],
        }

    def _claim(self, data: dict[str, Any]) -> dict[str, Any]:
        code = data["lot"]
        claimable = claim_stretch(
            self.lots[code], self.positions[code], tuple(data["stretch"])
        )
        self.positions[code] = claimable.position
        return {
            "claim": {
                "claim": data["claim"],
                "lot": code,
                "stretch": data["stretch"],
                "metal_g": claimable.taking.metal_g,
                "cells": list(claimable.taking.cells),
                "claimed_share_ppm": data["share_ppm"],
                "lot_share_ppm": claimable.shares.share_ppm,
                "state": "active",
            },
            "left": [self.left(code)],
            "supply_rows": [],
        }

    def _deliver(self, data: dict[str, Any]) -> dict[str, Any]:
        code = data["lot"]
        stretches, after = place_delivery(self.positions[code], data["net_g"])
        self.positions[code] = after
        taking = read(
            self.lots[code], stretches, internal_as_unknown=after.internal_as_unknown
        )
        return {
            "takings": [describe_taking(taking)],
            "leaves_as": list(as_unknown(taking.cells)),
            "left": [self.left(code)],
            "supply_rows": [],
        }

    def left(self, code: str) -> dict[str, Any]:
        """What is left of a lot."""
        lot, position = self.lots[code], self.positions[code]
        taking = read(
            lot,
            free_stretches(position),
            internal_as_unknown=position.internal_as_unknown,
        )
        described = {
            "lot": code,
            "net_g": taking.net_g,
            "metal_g": taking.metal_g,
            "cells": list(taking.cells),
        }
        if lot.uncounted is not None:
            described["uncounted"] = list(taking.uncounted)
        return described


def describe(lot: Lot) -> dict[str, Any]:
    """A lot as the vector writes it."""
    found = shares(lot.cells)
    assert found is not None
    described = {
        "lot": lot.code,
        "kind": lot.kind.value,
        "net_g": lot.net_g,
        "metal_g": lot.metal_g,
        "cells": list(lot.cells),
        "recycled_g": recycled_g(lot.cells),
        "upper_g": upper_g(lot.cells),
        "share_ppm": found.share_ppm,
        "upper_ppm": found.upper_ppm,
        "split_ppm": {
            "post_consumer_elv": found.elv_ppm,
            "post_consumer": found.post_ppm,
            "pre_consumer": found.pre_ppm,
        },
    }
    if lot.uncounted is not None:
        described["uncounted"] = list(lot.uncounted)
    return described


def describe_taking(taking: Taking) -> dict[str, Any]:
    """A taking as the vector writes it."""
    described = {
        "lot": taking.lot.code,
        "net_g": taking.net_g,
        "stretches": [list(one) for one in taking.stretches],
        "metal_marks": [list(one) for one in taking.metal_marks],
        "metal_g": taking.metal_g,
        "cells": list(taking.cells),
    }
    if taking.lot.uncounted is not None:
        described["uncounted"] = list(taking.uncounted)
    return described


def describe_part(taking: Taking) -> dict[str, Any]:
    """A part of a transferred lot as the vector writes it."""
    described = describe_taking(taking)
    [stretch] = described.pop("stretches")
    del described["metal_marks"], described["lot"]
    return {"stretch": stretch, **described}


def describe_run(result: RunResult) -> dict[str, Any]:
    """A run as the vector writes it."""
    return {
        "pool_metal_g": sum(result.pool_cells),
        "pool_cells": list(result.pool_cells),
        "uncounted_in": list(result.uncounted_in),
        "gain_unknown_g": result.gain_unknown_g,
        "net_in_g": result.net_in_g,
        "net_out_g": result.net_out_g,
        "losses_g": result.losses_g,
        "net_difference_g": result.net_difference_g,
        "metal_loss_g": result.metal_loss_g,
        "metal_loss_cells": list(result.metal_loss_cells),
    }


def lot_of(described: dict[str, Any], code: str) -> Lot:
    """A return lot out of the vector's ``cuts``."""
    return Lot(
        code=code,
        kind=LotKind.RETURN,
        material="AL-RETURNS",
        metal="Al",
        net_g=described["net_g"],
        metal_g=described["metal_g"],
        cells=tuple(described["cells"]),
        uncounted=tuple(described["uncounted"]),
    )


__all__ = ["Chain", "describe", "describe_taking", "golden", "lot_of"]
