"""Tables recomputed from the entries alone are those that the services stored."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.db import open_engine
from app.models import Base, LogEntryRow, LotBalanceRow, LotRow
from app.models.base import TableKind
from app.schema import upgrade
from app.services.auditing import audit_material
from app.services.claims import METHOD, RULE_SET
from app.services.errors import Refused
from app.services.facts import Fact, SealedFact, parse_at
from app.services.journal import Journal, start_log
from app.services.posting import post
from labels.codes import new_code
from ledger import leaf_hash, parse_entry
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, set_up
from tests.golden_world import post as post_item
from tests.world import NOW, World

KEPT = (TableKind.FACT, TableKind.PROJECTION)
STEPS = 180


def tables_of(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that is a function of the log, in key order."""
    found = {}
    with engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if table.info["kind"] in KEPT:
                rows = connection.execute(
                    select(table).order_by(*table.primary_key.columns)
                )
                found[table.name] = [tuple(row) for row in rows]
    return found


def recompute(world: World, engine: Engine) -> None:
    """Post the notes of a log into an empty database, in uneven batches."""
    upgrade(engine)
    fresh = World(engine)
    with world.reading() as session:
        rows = session.execute(
            select(LogEntryRow.note, LogEntryRow.request_digest).order_by(
                LogEntryRow.entry_index
            )
        ).all()
    sealed = [_sealed(note, digest) for note, digest in rows]
    with fresh.transaction() as session:
        start_log(session)
        journal = Journal(session)
        journal.add(sealed[0])
        journal.write()
    at, width = 1, 1
    while at < len(sealed):
        batch = sealed[at : at + width]
        # A correction comes after the transaction of what it corrects
        for n, one in enumerate(batch[1:], 1):
            if one.fact.type == "entry.corrected":
                batch = batch[:n]
                break
        with fresh.transaction() as session:
            post(session, batch, NOW + timedelta(days=1))
        at, width = at + len(batch), width % 7 + 1


def _sealed(note: bytes, digest: bytes) -> SealedFact:
    entry = parse_entry(note)
    fact = entry.fact
    return SealedFact(
        fact=Fact(
            id=fact["id"],
            type=fact["type"],
            org=fact["org"],
            at=parse_at(fact["at"]),
            data=fact["data"],
        ),
        note=note,
        leaf_hash=leaf_hash(note),
        request_digest=digest,
        disclosures=(),
        parents=tuple(fact["parents"]),
    )


class History:
    """A random history of two organisations; what is refused is left out."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.orgs = [world.register(name) for name in ("north", "south")]
        scales = [{"code": "W1", "e_g": 1000, "max_g": 10**9}]
        self.sites = {
            org: world.facility(
                org, f"site {org}", kind="smelter", boundary=org, scales=scales
            )
            for org in self.orgs
        }
        self.underway: list[tuple[str, str, int]] = []
        self.posted: list[tuple[str, str]] = []
        self.claims: list[tuple[str, str]] = []
        self.opened: set[str] = set()
        self.refused = 0

    def run(self, steps: int) -> None:
        """Take random steps."""
        moves: list[Callable[[], None]] = [
            self.source,
            self.source,
            self.split,
            self.melt,
            self.melt,
            self.dispatch,
            self.accept,
            self.deliver,
            self.void,
            self.void,
            self.melt,
            self.shred,
            self.reclassify,
            self.assay,
            self.claim,
            self.withdraw,
        ]
        for _ in range(steps):
            try:
                self.random.choice(moves)()
            except Refused:
                self.refused += 1

    def state(self, kind: str, org: str, data: dict[str, Any]) -> None:
        fact = self.world.fact(kind, org, data)
        self.world.post([fact])
        self.posted.append((org, fact.id))

    def lots(self, org: str) -> list[Any]:
        """What an organisation holds: rows of code, grams left, and what they are."""
        facility = Base.metadata.tables["facility"].c
        site = select(facility.id).where(facility.code == self.sites[org])
        with self.world.reading() as session:
            return list(
                session.execute(
                    select(
                        LotRow.code,
                        LotBalanceRow.left_g,
                        LotRow.kind,
                        LotRow.material,
                        LotRow.metal_g,
                        LotRow.net_g,
                        LotBalanceRow.placed_to_g,
                    )
                    .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
                    .where(
                        LotBalanceRow.facility_id == site.scalar_subquery(),
                        LotBalanceRow.state == "held",
                        LotBalanceRow.left_g > 1,
                    )
                    .order_by(LotRow.id)
                )
            )

    def source(self) -> None:
        org = self.random.choice(self.orgs)
        opening = org not in self.opened
        self.opened.add(org)
        self.world.sourced(
            org,
            self.sites[org],
            net_g=self.random.randrange(100_000, 30_000_000),
            source="opening" if opening else "collected",
            origin_class="internal" if opening else "post_consumer",
        )

    def split(self) -> None:
        org = self.random.choice(self.orgs)
        held = self.lots(org)
        if not held:
            return
        lot = self.random.choice(held)
        cut = self.random.randrange(1, lot.left_g)
        outputs = [
            {
                "lot": new_code(),
                "material": lot.material,
                "net_g": net_g,
                "metal_g": lot.metal_g * net_g // lot.net_g,
                "role": "product",
            }
            for net_g in (cut, lot.left_g - cut)
        ]
        self._run(org, "split", [(lot.code, lot.left_g)], outputs, {})

    def melt(self) -> None:
        org = self.random.choice(self.orgs)
        held = self.lots(org)
        if not held:
            return
        chosen = self.random.sample(held, min(len(held), self.random.randrange(1, 4)))
        inputs = [
            (lot.code, self.random.randrange(1, lot.left_g + 1)) for lot in chosen
        ]
        total_g = sum(net_g for _, net_g in inputs)
        product_g, return_g = total_g * 80 // 100, total_g * 5 // 100
        outputs: list[dict[str, Any]] = [
            {
                "lot": new_code(),
                "material": "AL-6063-BILLET",
                "net_g": max(product_g, 1),
                "metal_g": max(product_g, 1) * 95 // 100,
                "role": "product",
            },
            {
                "lot": new_code(),
                "material": "AL-OFFCUTS-6063",
                "net_g": max(return_g, 1),
                "metal_g": max(return_g, 1) * 8 // 10,
                "role": "return",
            },
        ]
        left_g = total_g - sum(one["net_g"] for one in outputs)
        self._run(org, "melt", inputs, outputs, {"combustion": max(left_g, 0)})

    def _run(
        self,
        org: str,
        kind: str,
        inputs: list[tuple[str, int]],
        outputs: list[dict[str, Any]],
        losses: dict[str, int],
    ) -> None:
        data = {
            "run": new_code(),
            "facility": self.sites[org],
            "kind": kind,
            "inputs": [{"lot": code, "net_g": net_g} for code, net_g in inputs],
            "outputs": outputs,
            "losses": losses,
        }
        self.state("run.recorded", org, data)

    def dispatch(self) -> None:
        org = self.random.choice(self.orgs)
        other = next(one for one in self.orgs if one != org)
        untouched = [lot for lot in self.lots(org) if not lot.placed_to_g]
        if not untouched:
            return
        lot, transfer = self.random.choice(untouched), new_code()
        data = {
            "transfer": transfer,
            "lot": lot.code,
            "from": self.sites[org],
            "to": self.sites[other],
            "weighing": {"net_g": lot.left_g, "scale": "W1"},
        }
        self.state("transfer.dispatched", org, data)
        self.underway.append((transfer, other, lot.left_g))

    def accept(self) -> None:
        if not self.underway:
            return
        transfer, org, net_g = self.underway.pop()
        if self.random.random() < 0.2:
            data: dict[str, Any] = {"transfer": transfer, "reason": "wet"}
            self.state("transfer.refused", org, data)
            return
        weighed_g = net_g - self.random.randrange(0, min(net_g, 2000))
        data = {"transfer": transfer, "weighing": {"net_g": weighed_g, "scale": "W1"}}
        self.state("transfer.accepted", org, data)

    def deliver(self) -> None:
        org = self.random.choice(self.orgs)
        held = self.lots(org)
        if held:
            lot = self.random.choice(held)
            net_g = self.random.randrange(1, lot.left_g + 1)
            data = {"lot": lot.code, "net_g": net_g, "to": "sold"}
            self.state("lot.delivered", org, data)

    def shred(self) -> None:
        org = self.random.choice(self.orgs)
        scrap = [lot for lot in self.lots(org) if lot.kind == "scrap"]
        if not scrap:
            return
        lot = self.random.choice(scrap)
        made_g, rest_g = lot.left_g * 90 // 100, lot.left_g * 6 // 100
        if not made_g or not rest_g:
            return
        outputs: list[dict[str, Any]] = [
            {
                "lot": new_code(),
                "material": material,
                "net_g": net_g,
                "metal_g": net_g * 9 // 10,
                "role": role,
            }
            for material, net_g, role in (
                ("AL-SHRED", made_g, "product"),
                ("SHRED-HEAVIES", rest_g, "by_product"),
            )
        ]
        losses = {"dust": lot.left_g - made_g - rest_g}
        self._run(org, "shred", [(lot.code, lot.left_g)], outputs, losses)

    def reclassify(self) -> None:
        org = self.random.choice(self.orgs)
        returns = [
            lot
            for lot in self.lots(org)
            if lot.kind == "return" and not lot.placed_to_g
        ]
        if not returns:
            return
        lot = self.random.choice(returns)
        output = {
            "lot": new_code(),
            "material": "AL-RECYCLED-6063",
            "net_g": lot.left_g,
            "metal_g": lot.metal_g * lot.left_g // lot.net_g,
            "role": "product",
        }
        self._run(org, "reclassify", [(lot.code, lot.left_g)], [output], {})

    def assay(self) -> None:
        org = self.random.choice(self.orgs)
        sourced = [lot for lot in self.lots(org) if lot.material == "AL-SCRAP-MIXED"]
        if not sourced:
            return
        data = {
            "lot": self.random.choice(sourced).code,
            "laboratory": "示例 laboratory",
            "method": "OES",
            "elements_ppm": {"Al": self.random.randrange(900_000, 990_000)},
        }
        self.state("lot.assayed", org, data)

    def claim(self) -> None:
        org = self.random.choice(self.orgs)
        pure = [lot for lot in self.lots(org) if lot.kind == "scrap"]
        if not pure:
            return
        lot = self.random.choice(pure)
        start, end = sorted(self.random.sample(range(lot.net_g + 1), 2))
        data = {
            "claim": new_code(),
            "lot": lot.code,
            "stretch": [start, end],
            "claimed_g": lot.metal_g * end // lot.net_g
            - lot.metal_g * start // lot.net_g,
            "share_ppm": 0,
            "split_ppm": {},
            "upper_ppm": 1_000_000,
            "model": "controlled_blending",
            "rule_set": RULE_SET,
            "boundary_text": "边界",
            "method": METHOD,
        }
        self.state("claim.issued", org, data)
        self.claims.append((org, data["claim"]))

    def withdraw(self) -> None:
        if self.claims:
            org, claim = self.random.choice(self.claims)
            data = {"claim": claim, "reason": "typed twice"}
            self.state("claim.withdrawn", org, data)

    def void(self) -> None:
        if self.posted:
            org, fact_id = self.random.choice(self.posted)
            data = {"corrects": fact_id, "action": "void", "reason": "typed twice"}
            self.state("entry.corrected", org, data)


@pytest.fixture
def fresh(tmp_path: Path) -> Engine:
    return open_engine(f"sqlite:///{tmp_path}/recomputed.db")


@pytest.mark.parametrize(
    "seed", [1, 2, 3, *(pytest.param(n, marks=pytest.mark.soak) for n in range(4, 30))]
)
def test_a_random_history_recomputed_equals_what_is_stored(
    world: World, fresh: Engine, seed: int
) -> None:
    history = History(world, seed)
    history.run(STEPS)

    recompute(world, fresh)

    stored = tables_of(world.engine)
    assert {name for name, rows in stored.items() if rows} >= {
        "delivery",
        "lot",
        "lot_balance",
        "process_run",
        "run_flow",
        "supply_record",
        "taking",
        "transfer",
        "transfer_outcome",
        "claim",
        "voiding",
    }
    assert 0 < history.refused < STEPS // 2
    assert tables_of(fresh) == stored
    with world.reading() as session:
        assert audit_material(session) == []


def test_the_golden_chain_recomputed_equals_what_is_stored(
    world: World, fresh: Engine
) -> None:
    set_up(world)
    for item in golden()["facts"][:CHAIN_FACTS]:
        post_item(world, item)

    recompute(world, fresh)

    assert tables_of(fresh) == tables_of(world.engine)
