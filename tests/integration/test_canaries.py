"""Confidential values appear nowhere but on the pages of those who may see them."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.models import Base, ImportRow, UserRow
from app.queries.log import get_head
from app.schemas.entries import check_fact
from app.security import doors, keyring, now
from app.services.archive import export_log
from app.services.backup import write_backup
from app.services.import_jobs import work_off
from app.services.tokens import make_token
from labels.codes import new_code
from tests.people import TOKEN, add_person, close, csrf_token, make_app, sign_in
from tests.world import NOW, World

CANARIES = {
    "supplier": "示例金丝雀供方QX71",
    "vehicle": "示例B98765",
    "ticket": "QX71-TICKET-5566",
    "price": "98761234.56",
    "note": "金丝雀备注 身份证 110101190001011234",
}
HIDDEN = re.compile(r'<input type="hidden" name="(fact_id|at)" value="([^"]*)"')
SCALES = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]


class Place:
    """A yard and a mill, each with a manager who is signed in; and a passer-by."""

    def __init__(self, app: APIFlask, world: World) -> None:
        self.app, self.world = app, world
        self.yard, self.mill = world.register("yard"), world.register("mill")
        self.gate = world.facility(self.yard, "gate", scales=SCALES)
        self.owner = self._person("owner@example.org", self.yard)
        self.other = self._person("other@example.org", self.mill)
        self.passer = app.test_client()
        self.places: list[str] = []

    def _person(self, email: str, org: str) -> FlaskClient:
        add_person(self.app, email, "manager", "recycler", organisation=org)
        client = self.app.test_client()
        sign_in(client, email)
        return client

    def fact(self) -> dict[str, Any]:
        return {
            "id": "019ca6cd-5340-7001-8001-00000000abcd",
            "type": "lot.sourced",
            "org": self.yard,
            "at": "2026-03-01T08:00:00Z",
            "data": {
                "lot": new_code(),
                "facility": self.gate,
                "material": "AL-SCRAP-MIXED",
                "source": "collected",
                "origin_class": "post_consumer",
                "weighing": {"net_g": 10_000_000, "scale": "W1"},
                "metal": "Al",
                "content_ppm": 950_000,
                "content_basis": "declared",
            },
            "private": dict(CANARIES),
        }

    def send(self, **changed: Any) -> int:
        """One fact through the API; gives the status."""
        moment = datetime.now(UTC)
        with self.world.transaction() as session:
            user = session.scalars(
                select(UserRow).where(UserRow.email == "owner@example.org")
            ).one()
            _, token = make_token(
                session,
                user.id,
                name="programs",
                scopes=["record", "read"],
                expires_at=moment + timedelta(days=30),
                now=moment,
            )
        body = {"facts": [self.fact() | changed]}
        answer = self.app.test_client().post(
            "/api/v1/entries",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
        )
        self.note(answer)
        return answer.status_code

    def note(self, answer: Any) -> Any:
        """Keep addresses that an answer leads to."""
        self.places += [answer.request.url, answer.headers.get("Location", "")]
        return answer

    def index(self) -> int:
        with self.world.reading() as session:
            return get_head(session).size - 1

    def post(self, client: FlaskClient, path: str, **fields: Any) -> Any:
        """Send a form of the page of confidential values."""
        page = client.get(f"/entries/{self.index_of_lot}/private?lang=en").text
        token = TOKEN.search(page)
        hidden = dict(HIDDEN.findall(page))
        form = hidden | {"csrf_token": token[1] if token else ""} | fields
        return self.note(client.post(f"{path}?lang=en", data=form))

    index_of_lot = -1


@pytest.fixture
def place(world: World, tmp_path: Path) -> Iterator[Place]:
    app = make_app(world.engine, tmp_path / "var")
    made = Place(app, world)
    assert made.send() in (200, 201)
    made.index_of_lot = made.index()
    yield made
    close(app)


def found_in(data: bytes | str) -> list[str]:
    """Which canaries stand in some bytes, as text or as JSON spells them."""
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    return [
        name
        for name, value in CANARIES.items()
        if value in text or json.dumps(value)[1:-1] in text
    ]


def test_only_the_responsible_party_sees_them(place: Place) -> None:
    path = f"/entries/{place.index_of_lot}/private"

    own = place.owner.get(path)
    assert own.status_code == 200
    assert set(found_in(own.text)) == set(CANARIES)
    assert place.other.get(path).status_code == 404
    assert place.passer.get(path).status_code in (302, 401)


def test_a_named_party_sees_named_values_and_others_nothing(place: Place) -> None:
    path = f"/entries/{place.index_of_lot}/private"
    shown = place.post(
        place.owner, f"{path}/show", to=place.mill, shown="price", until="2027-01-31"
    )
    assert shown.status_code == 302, shown.text

    page = place.other.get(path)
    assert page.status_code == 200
    assert found_in(page.text) == ["price"]
    assert "private/erase" not in page.text
    refused = place.post(place.other, f"{path}/erase", erased="price", basis="示例")
    assert refused.status_code == 404
    number = re.search(r"/withdraw/(\d+)", place.owner.get(path).text)
    assert number is not None
    taken = place.post(place.owner, f"{path}/withdraw/{number[1]}")
    assert taken.status_code == 302
    assert place.other.get(path).status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"to": "nothing", "shown": "price", "until": "2027-01-31"}, "Organisation"),
        ({"shown": "price", "until": "2027-01-31"}, "is needed"),
        ({"to": "MILL", "shown": "price", "until": "2030-01-31"}, "within a year"),
        ({"to": "MILL", "shown": "plate", "until": "2027-01-31"}, "keeps no plate"),
        ({"to": "MILL", "until": "2027-01-31"}, "expected a field"),
    ],
)
def test_a_wrong_form_says_what_is_wrong(
    place: Place, fields: dict[str, str], said: str
) -> None:
    if fields.get("to") == "MILL":
        fields = fields | {"to": place.mill}
    path = f"/entries/{place.index_of_lot}/private"

    answer = place.post(place.owner, f"{path}/show", **fields)

    assert answer.status_code == 422
    assert said in answer.text, re.findall(r"field-error[^<]*", answer.text)


def test_erasing_needs_a_reason_and_leaves_an_entry(place: Place) -> None:
    path = f"/entries/{place.index_of_lot}/private"
    without = place.post(place.owner, f"{path}/erase", erased="price", basis=" ")
    assert without.status_code == 422

    done = place.post(
        place.owner, f"{path}/erase", erased="price", basis="示例：撤回同意"
    )

    assert done.status_code == 302, done.text
    assert "price" not in found_in(place.owner.get(path).text)
    entry = place.owner.get(f"/ledger/entries/{place.index()}?lang=en").text
    assert "示例：撤回同意" in entry


def hand_in(place: Place) -> None:
    """Two files that hold canaries: one waits to be recorded, one has faults."""
    head = (
        "批号,日期,场所,物料,来源,来源类别,净重(kg),磅秤,金属含量(%),"
        "供方,车牌,磅单,备注"
    )
    private = ",".join(
        CANARIES[name] for name in ("supplier", "vehicle", "ticket", "note")
    )
    fixed = f"2026-03-05,示例 gate,AL-SCRAP-MIXED,回收,消费后,12480,{{}},95,{private}"
    lines = [f"A1,{fixed.format('W1')}", f"A2,{fixed.format('W9')}"]
    for some in (lines[:1], lines):
        form = {
            "csrf_token": csrf_token(place.owner, "/imports"),
            "template": "sourced",
            "file": (io.BytesIO("\n".join([head, *some]).encode()), "三月.csv"),
        }
        shown = place.owner.get(place.owner.post("/imports", data=form).location)
        with place.app.app_context():
            assert work_off(doors(), keyring(), check_fact, now) is not None
        shown = place.owner.get(f"{shown.request.path}?lang=en")
        assert found_in(shown.data) == []
    assert "W9" in shown.text, "the fault is told"
    assert "faulty-rows.csv" in shown.text


def test_an_erasure_drops_the_files_that_may_hold_the_value(place: Place) -> None:
    hand_in(place)
    with place.world.reading() as session:
        contents = list(session.scalars(select(ImportRow.content)))
    assert len(contents) == 2
    assert all(contents)

    path = f"/entries/{place.index_of_lot}/private/erase"
    done = place.post(place.owner, path, erased="price", basis="示例：撤回同意")
    assert done.status_code == 302, done.text

    with place.world.reading() as session:
        assert list(session.scalars(select(ImportRow.content))) == [None, None]


def test_no_canary_stands_anywhere_else(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = place.fact()["data"] | {"metal": "Xx"}
    assert place.send(id="019ca6cd-5340-7001-8001-00000000abce", data=wrong) == 422
    assert place.send(id="019ca6cd-5340-7001-8001-00000000abcd") in (200, 201, 409)
    hand_in(place)
    place.world.checkpoint()
    public = [
        place.passer.get(path).text
        for path in (
            "/ledger",
            f"/ledger/entries/{place.index_of_lot}",
            "/metrics",
            "/log/checkpoint",
            "/entries/99999/private",
            f"/search?text={place.yard}",
        )
    ]
    others = [
        place.other.get(path).text
        for path in (
            f"/ledger/entries/{place.index_of_lot}",
            "/ledger/search",
            f"/entries/{place.index_of_lot}/private",
        )
    ]
    folder = tmp_path / "export"
    with place.world.reading() as session:
        export_log(session, folder)
        write_backup(session, tmp_path / "backup", revision="x", now=NOW)
        rows = [
            repr(row)
            for table in Base.metadata.sorted_tables
            for row in session.execute(select(table))
        ]
    files = [one.read_bytes() for one in folder.rglob("*") if one.is_file()]
    lines = [record.getMessage() + repr(record.__dict__) for record in caplog.records]

    assert any(place.mill in one for one in [*rows, *others]), "it looks at something"
    assert [found_in(one) for one in public if found_in(one)] == []
    assert [found_in(one) for one in others if found_in(one)] == []
    assert [found_in(one) for one in files if found_in(one)] == []
    assert [found_in(one) for one in rows if found_in(one)] == []
    assert found_in((tmp_path / "backup").read_bytes()) == []
    assert [one for one in lines if found_in(one)] == []
    assert [one for one in place.places if found_in(one)] == []
