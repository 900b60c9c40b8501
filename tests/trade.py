"""A mill, its sister, a dealer and a caster who trade metal over a real database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.models import (
    ClaimRow,
    ClaimStateRow,
    LotBalanceRow,
    LotRow,
    ProcessRunRow,
    SupplyRecordRow,
)
from app.services.claims import METHOD, RULE_SET
from labels.codes import new_code
from tests.world import World

SCALES = [{"code": "W1", "e_g": 1000, "max_g": 10**9}]
TONNE = 1_000_000


class Trade:
    """A mill, a partner of its group, a dealer and a caster, each in its boundary."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mill = world.register("mill", group="group")
        self.sister = world.register("sister", group="group")
        self.dealer = world.register("dealer")
        self.caster = world.register("caster")
        self.sites = {
            org: world.facility(
                org,
                f"site {name}",
                kind="fabricator" if name == "mill" else "smelter",
                boundary=name,
                scales=SCALES,
            )
            for org, name in (
                (self.mill, "mill"),
                (self.sister, "sister"),
                (self.dealer, "dealer"),
                (self.caster, "caster"),
            )
        }

    def sourced(self, org: str, **more: Any) -> str:
        return self.world.sourced(org, self.sites[org], **more)

    def run(
        self,
        org: str,
        kind: str,
        inputs: list[tuple[str, int]],
        outputs: list[dict[str, Any]],
        at: str = "2026-03-01T08:00:00Z",
        **more: Any,
    ) -> str:
        """Post a run; gives the fact's id."""
        data = {
            "run": new_code(),
            "facility": self.sites[org],
            "kind": kind,
            "inputs": [{"lot": code, "net_g": net_g} for code, net_g in inputs],
            "outputs": outputs,
            "losses": {},
        }
        fact = self.world.fact("run.recorded", org, data | more, at=at)
        self.world.post([fact])
        return fact.id

    def send(
        self,
        lot: str,
        org: str,
        to: str,
        dispatched_g: int,
        received_g: int,
        **more: Any,
    ) -> str:
        """Hand a lot over; gives the id of the acceptance."""
        transfer = new_code()
        sent = {
            "transfer": transfer,
            "lot": lot,
            "from": self.sites[org],
            "to": self.sites[to],
            "weighing": {"net_g": dispatched_g, "scale": "W1"},
        }
        self.world.state("transfer.dispatched", org, sent)
        taken = {
            "transfer": transfer,
            "weighing": {"net_g": received_g, "scale": "W1"},
        }
        fact = self.world.fact("transfer.accepted", to, taken | more)
        self.world.post([fact])
        return fact.id

    def void(self, org: str, fact_id: str) -> None:
        data = {"corrects": fact_id, "action": "void", "reason": "录入错误"}
        self.world.state("entry.corrected", org, data)

    def claim(self, org: str, lot: str, stretch: tuple[int, int], **more: Any) -> str:
        """Claim pure post-consumer metal; gives the claim's code."""
        code = new_code()
        start, end = stretch
        row = self.lot(lot)
        data = {
            "claim": code,
            "lot": lot,
            "stretch": [start, end],
            "claimed_g": row.metal_g * end // row.net_g
            - row.metal_g * start // row.net_g,
            "share_ppm": 1_000_000,
            "split_ppm": {"post_consumer": 1_000_000},
            "upper_ppm": 1_000_000,
            "model": "controlled_blending",
            "rule_set": RULE_SET,
            "boundary_text": "边界",
            "method": METHOD,
        }
        self.world.state("claim.issued", org, data | more)
        return code

    def lot(self, code: str) -> LotRow:
        with self.world.reading() as session:
            return session.scalars(select(LotRow).where(LotRow.code == code)).one()

    def balance(self, code: str) -> LotBalanceRow:
        with self.world.reading() as session:
            return session.scalars(
                select(LotBalanceRow)
                .join(LotRow, LotRow.id == LotBalanceRow.lot_id)
                .where(LotRow.code == code)
            ).one()

    def claim_state(self, code: str) -> str:
        with self.world.reading() as session:
            return session.scalars(
                select(ClaimStateRow.state)
                .join(ClaimRow, ClaimRow.id == ClaimStateRow.claim_id)
                .where(ClaimRow.code == code)
            ).one()

    def supply(self) -> list[tuple[str, str, int]]:
        with self.world.reading() as session:
            rows = session.scalars(select(SupplyRecordRow).order_by(SupplyRecordRow.id))
            return [
                (row.flow, row.origin_class, row.sign * row.metal_g) for row in rows
            ]

    def last_run(self) -> ProcessRunRow:
        with self.world.reading() as session:
            return session.scalars(
                select(ProcessRunRow).order_by(ProcessRunRow.id.desc()).limit(1)
            ).one()

    def offcuts(
        self, *, returns_g: int = 2 * TONNE, cut: bool = False
    ) -> tuple[str, int]:
        """Offcuts of an extrusion of ten tonnes at the mill."""
        billet = self.sourced(
            self.mill,
            source="primary",
            material="AL-6063-BILLET",
            origin_class="primary",
            content_ppm=1_000_000,
        )
        offcut = new_code()
        self.run(
            self.mill,
            "extrude",
            [(billet, 10 * TONNE)],
            [
                out(10 * TONNE - returns_g, "AL-6063-T5-PROFILE"),
                out(returns_g, "AL-OFFCUTS-6063", code=offcut, role="return"),
            ],
        )
        if not cut:
            return offcut, returns_g
        half, rest = new_code(), new_code()
        self.run(
            self.mill,
            "split",
            [(offcut, returns_g)],
            [
                out(returns_g // 2, "AL-OFFCUTS-6063", code=half),
                out(returns_g - returns_g // 2, "AL-OFFCUTS-6063", code=rest),
            ],
        )
        return half, returns_g // 2

    def reclassify(self, org: str, lot: str, net_g: int) -> str:
        made = new_code()
        self.run(
            org,
            "reclassify",
            [(lot, net_g)],
            [out(net_g, "AL-RECYCLED-6063", code=made)],
        )
        return made


def out(
    net_g: int,
    material: str,
    *,
    code: str | None = None,
    role: str = "product",
    metal_g: int | None = None,
) -> dict[str, Any]:
    """An output of pure metal."""
    return {
        "lot": code or new_code(),
        "material": material,
        "net_g": net_g,
        "metal_g": net_g if metal_g is None else metal_g,
        "role": role,
    }
