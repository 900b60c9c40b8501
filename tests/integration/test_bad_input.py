"""Bad input: a 4xx that names the field, nothing written, and never a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.models import DisclosureRow, LogEntryRow, LotRow
from app.services.fact_ids import new_fact_id
from app.services.facts import INSTANT
from labels.codes import new_code
from tests.world import World
from tests.yards import Yards, open_yards, send

HUGE_G = 10**12 + 1


@pytest.fixture
def yards(world: World, tmp_path: Path) -> Iterator[Yards]:
    with open_yards(world, tmp_path) as opened:
        yield opened


def counts(yards: Yards) -> list[int | None]:
    """How many rows the tables hold that any fact would write to."""
    with yards.world.reading() as session:
        return [
            session.scalar(select(func.count()).select_from(table))
            for table in (LogEntryRow, LotRow, DisclosureRow)
        ]


def refused(yards: Yards, fact: dict[str, Any], status: int = 422) -> dict[str, str]:
    """Send a fact as a recycler of the own yard; give the faults by field."""
    client = yards.client("recycler", yards.own)
    before = counts(yards)

    answer = send(client, fact)

    assert answer.status_code == status, answer.json
    assert answer.content_type == "application/problem+json"
    assert counts(yards) == before
    return {one["field"]: one["message"] for one in answer.json["errors"]}


def changed(fact: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a fact with another value at a dotted path."""
    copy = deepcopy(fact)
    *way, last = path.split(".")
    place = copy
    for name in way:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[last] = value
    return copy


@pytest.mark.parametrize(
    "mass", [-1, 0, HUGE_G, 2**63, 10**30, 1.5, "12", True, None, [], {}]
)
@pytest.mark.parametrize("field", ["net_g", "gross_g"])
def test_a_weight_that_is_none_is_refused(yards: Yards, field: str, mass: Any) -> None:
    if field == "gross_g" and mass is None:
        pytest.skip("a weighing without gross is allowed")
    fact = changed(yards.sourced(), f"data.weighing.{field}", mass)

    found = refused(yards, fact)

    assert any(name.startswith("data.weighing") for name in found), found


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_is_none_is_refused(yards: Yards, text: str) -> None:
    body = json.dumps({"facts": [yards.sourced()]}).replace("12480000", text)
    client = yards.client("recycler", yards.own)
    before = counts(yards)

    answer = client.post("/api/v1/entries", data=body, content_type="application/json")

    assert answer.status_code in (400, 422)
    assert counts(yards) == before


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("data.material", "AL-SCRAP-GOLDEN", "data.material"),
        ("data.metal", "Xx", "data.metal"),
        ("data.source", "found", "data.source"),
        ("data.origin_class", "new", "data.origin_class"),
        ("data.origin_class", {"post_consumer": 1}, "data.origin_class"),
        ("data.weighing.scale", "W9", "data.weighing.scale"),
        ("data.weighing.tare_g", 22_480_000, "data.weighing"),
        ("data.content_ppm", 1_000_001, "data.content_ppm"),
        ("data.content_ppm", -1, "data.content_ppm"),
        ("data.moisture_ppm", 1_000_001, "data.moisture_ppm"),
        ("data.content_basis", "guess", "data.content_basis"),
        ("data.lot", "AAAA-BBBB-CCCC", "data.lot"),
        ("data.lot", "", "data.lot"),
        ("data.facility", "000000000000", "data.facility"),
        ("data.unheard_of", 1, "data.unheard_of"),
        ("data.imported", {"hs_code": "7602"}, "data.imported"),
        ("id", "1", "id"),
        ("type", "lot.invented", "type"),
        ("at", "yesterday", "at"),
        ("at", "2026-02-30T00:00:00Z", "at"),
        ("at", "2026-03-05T08:30:00+08:00", "at"),
        ("surplus", 1, "surplus"),
        ("private", {"shoe_size": "43"}, "private"),
    ],
)
def test_what_a_fact_may_not_say_is_named(
    yards: Yards, path: str, value: Any, field: str
) -> None:
    found = refused(yards, changed(yards.sourced(), path, value))

    assert any(name.startswith(field) for name in found), found
    assert all(found.values())


def test_a_facility_in_no_province_is_refused(yards: Yards) -> None:
    client = yards.client("manager", yards.own)
    fact = {
        "id": new_fact_id(yards.world.now),
        "type": "facility.registered",
        "at": "2026-03-05T08:30:00Z",
        "data": {
            "code": new_code(),
            "organisation": yards.own,
            "kind": "collection",
            "province": "990000",
            "boundary": {"code": "B", "text_zh": "边界"},
            "scales": [],
        },
    }

    answer = send(client, fact)

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["errors"]] == ["data.province"]


def test_a_time_ahead_is_refused(yards: Yards) -> None:
    from app.security import now  # noqa: PLC0415 - the clock of the server

    with yards.app.app_context():
        later = now() + timedelta(minutes=11)
    found = refused(yards, changed(yards.sourced(), "at", later.strftime(INSTANT)))

    assert "future" in found["at"]


@pytest.mark.parametrize(
    "text",
    [
        "a\x00b",
        "a\ud800b",
        "a\u202eb",
        "a\u2066b",
        "a\x1bb",
        "a\u200eb",
        "a\ufdd0b",
        "e\u0301",
    ],
)
@pytest.mark.parametrize("place", ["private", "alias"])
def test_text_that_deceives_is_refused(yards: Yards, place: str, text: str) -> None:
    fact = yards.sourced()
    if place == "private":
        fact["private"] = {"supplier": text}
    else:
        fact["data"]["alias"] = [{"scheme": "own", "value": text}]
    client = yards.client("recycler", yards.own)
    before = counts(yards)

    answer = client.post(
        "/api/v1/entries",
        data=json.dumps({"facts": [fact]}),
        content_type="application/json",
    )

    if text == "e\u0301":  # is not refused: it is kept in its composed form
        assert answer.status_code == 201
        return
    assert 400 <= answer.status_code < 500, answer.json
    assert counts(yards) == before


@pytest.mark.parametrize("text", ["𠮷田镓业示例", "镓锭 №3", "湿 🌧️ 货", "Ñandú ﷽"])
def test_every_assigned_letter_is_taken(yards: Yards, text: str) -> None:
    client = yards.client("recycler", yards.own)
    fact = yards.sourced()
    fact["private"] = {"supplier": text, "note": text}
    fact["data"]["alias"] = [{"scheme": "own", "value": text}]

    index = send(client, fact).json["receipts"][0]["entry_index"]

    read = client.get(f"/api/v1/entries/{index}").json
    assert read["private"]["note"] == text
    assert read["fact"]["data"]["alias"][0]["value"] == text


class Chain(Yards):
    """A yard with a lot, and facts that use it wrongly."""

    def run(self, **more: Any) -> dict[str, Any]:
        """A run that melts 1 t of the lot, as it should be."""
        data = {
            "run": new_code(),
            "facility": self.site,
            "kind": "melt",
            "inputs": [{"lot": self.lot, "net_g": 1_000_000}],
            "outputs": [
                {
                    "lot": new_code(),
                    "material": "AL-6063-BILLET",
                    "net_g": 900_000,
                    "metal_g": 890_000,
                    "role": "product",
                }
            ],
            "losses": {"combustion": 100_000},
        }
        return {
            "id": new_fact_id(self.world.now),
            "type": "run.recorded",
            "at": "2026-03-06T08:30:00Z",
            "data": data | more,
        }

    @property
    def lot(self) -> str:
        """A lot of 12.48 t that the own yard holds."""
        if not hasattr(self, "_lot"):
            fact = self.sourced()
            sent = send(self.client("recycler", self.own), fact)
            assert sent.status_code == 201, sent.json
            self._lot: str = fact["data"]["lot"]
        return self._lot


@pytest.fixture
def chain(yards: Yards) -> Chain:
    yards.__class__ = Chain
    assert isinstance(yards, Chain)
    assert yards.lot
    return yards


def test_the_run_is_good_before_it_is_spoilt(chain: Chain) -> None:
    answer = send(chain.client("recycler", chain.own), chain.run())

    assert answer.status_code == 201, answer.json


@pytest.mark.parametrize(
    ("path", "value", "field", "says"),
    [
        ("data.inputs.0.net_g", 12_480_001, "data", "left"),
        ("data.inputs.0.net_g", 0, "data.inputs.0.net_g", ""),
        ("data.inputs", [], "data.inputs", ""),
        ("data.outputs", [], "data.outputs", ""),
        ("data.outputs.0.net_g", 2_000_000, "data", "unexplained"),
        ("data.outputs.0.metal_g", 900_001, "data.outputs", ""),
        ("data.losses.combustion", 1, "data", "unexplained"),
        ("data.losses.combustion", -1, "data.losses", ""),
        ("data.losses.evaporation", 1, "data.losses", ""),
        ("data.kind", "alchemy", "data.kind", ""),
        ("data.outputs.0.role", "gift", "data.outputs.0.role", ""),
        ("data.outputs.0.material", "AL-NONE", "data.outputs.0.material", ""),
        ("data.started_at", "2026-03-07T08:30:00Z", "data.started_at", ""),
        ("data.inputs.0.lot", "000000000000", "data.inputs.0.lot", ""),
    ],
)
def test_a_run_that_cannot_be_is_refused(
    chain: Chain, path: str, value: Any, field: str, says: str
) -> None:
    found = refused(chain, changed(chain.run(), path, value))

    assert any(name.startswith(field) for name in found), found
    assert says in " ".join(found.values())


def test_a_run_that_feeds_itself_is_refused(chain: Chain) -> None:
    fact = chain.run()
    fact["data"]["outputs"][0]["lot"] = chain.lot
    assert refused(chain, fact)

    fact = chain.run()
    own = fact["data"]["outputs"][0]["lot"]
    fact["data"]["inputs"].append({"lot": own, "net_g": 1})
    assert any(name.startswith("data.inputs.1") for name in refused(chain, fact))


def test_two_runs_cannot_feed_each_other(chain: Chain) -> None:
    first, second = chain.run(), chain.run()
    first["data"]["inputs"][0]["lot"] = second["data"]["outputs"][0]["lot"]
    second["data"]["inputs"][0]["lot"] = first["data"]["outputs"][0]["lot"]
    client = chain.client("recycler", chain.own)
    before = counts(chain)

    answer = send(client, first, second)

    assert answer.status_code == 422
    assert counts(chain) == before


def test_a_lot_of_somebody_else_cannot_be_used(chain: Chain) -> None:
    theirs = chain.world.sourced(chain.other, chain.other_site)
    fact = changed(chain.run(), "data.inputs.0.lot", theirs)

    found = refused(chain, fact)

    assert any(name.startswith("data.inputs.0") for name in found), found


def test_a_lot_under_way_cannot_be_used(chain: Chain) -> None:
    client = chain.client("recycler", chain.own)
    dispatch = {
        "id": new_fact_id(chain.world.now),
        "type": "transfer.dispatched",
        "at": "2026-03-06T08:30:00Z",
        "data": {
            "transfer": new_code(),
            "lot": chain.lot,
            "from": chain.site,
            "to": chain.other_site,
            "weighing": {"net_g": 12_480_000, "scale": "W1"},
        },
    }
    assert send(client, dispatch).status_code == 201

    found = refused(chain, chain.run())

    assert any(name.startswith("data.inputs.0") for name in found), found
