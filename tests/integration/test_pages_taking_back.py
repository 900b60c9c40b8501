"""The page that takes an entry back: who may, what it does, what it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.queries.log import get_head
from tests.people import TOKEN, add_person, close, make_app, sign_in
from tests.world import World

FIELD = re.compile(r'<input type="hidden" name="(fact_id|at)" value="([^"]+)"')


class Site:
    """A yard with one lot, its manager and its clerk, and a manager next door."""

    def __init__(self, app: APIFlask, world: World) -> None:
        self.world = world
        self.yard, other = world.register("yard"), world.register("other")
        scales = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
        self.gate = world.facility(self.yard, "gate", scales=scales)
        self.lot = world.sourced(self.yard, self.gate, net_g=10_000_000)
        with world.reading() as session:
            self.index = get_head(session).size - 1
        self.manager = self._person(app, "manager", self.yard)
        self.clerk = self._person(app, "recycler", self.yard)
        self.stranger = self._person(app, "manager", other)
        self.path = f"/entries/{self.index}/take-back"

    def _person(self, app: APIFlask, role: str, org: str) -> FlaskClient:
        email = f"{role}-{org.lower()}@example.org"
        add_person(app, email, role, organisation=org)
        client = app.test_client()
        sign_in(client, email)
        return client

    def form(self) -> dict[str, str]:
        """What the page sends back, with a reason."""
        page = self.manager.get(self.path).text
        found = TOKEN.search(page)
        assert found is not None
        fields = dict(FIELD.findall(page))
        return fields | {"csrf_token": found[1], "reason": "weighed on the wrong scale"}

    def take_back(self, form: dict[str, str]) -> TestResponse:
        """Send the form as the manager."""
        return self.manager.post(f"{self.path}?lang=en", data=form)


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    app = make_app(world.engine, tmp_path)
    yield Site(app, world)
    close(app)


def test_a_manager_takes_a_lot_back_and_everybody_sees_it(site: Site) -> None:
    page = site.manager.get(f"/ledger/entries/{site.index}?lang=en").text
    assert f'href="{site.path}"' in page

    answer = site.take_back(site.form())

    assert answer.status_code == 302
    page = site.manager.get(f"/ledger/entries/{site.index}?lang=en").text
    assert "This entry was taken back" in page
    assert f"Entry {site.index + 1} says why" in page
    assert site.path not in page
    assert site.manager.get(site.path).status_code == 404
    assert (
        "weighed on the wrong scale"
        in site.clerk.get(f"/ledger/entries/{site.index + 1}").text
    )


def test_sent_twice_it_is_taken_back_once(site: Site) -> None:
    form = site.form()

    answers = [site.take_back(form).status_code for _ in range(2)]

    assert answers == [302, 302]
    assert site.manager.get(f"/ledger/entries/{site.index + 2}").status_code == 404


def test_what_is_in_use_is_refused_with_what_to_do(site: Site) -> None:
    form = site.form()
    data = {"lot": site.lot, "net_g": 1_000_000, "to": "sold"}
    site.world.state("lot.delivered", site.yard, data)

    answer = site.take_back(form)

    assert answer.status_code == 422
    assert "is in use: take back what uses it first" in answer.text
    assert "weighed on the wrong scale" in answer.text


def test_without_a_reason_nothing_is_taken_back(site: Site) -> None:
    answer = site.take_back(site.form() | {"reason": " "})

    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    assert site.path in site.manager.get(f"/ledger/entries/{site.index}").text


def test_clerks_and_other_organisations_are_not_offered_it(site: Site) -> None:
    form = site.form()

    assert site.path not in site.clerk.get(f"/ledger/entries/{site.index}").text
    assert site.clerk.get(site.path).status_code == 403
    assert site.stranger.get(site.path).status_code == 404
    for client, status in ((site.clerk, 403), (site.stranger, 404)):
        found = TOKEN.search(client.get("/lots").text)
        token = found[1] if found else form["csrf_token"]
        answer = client.post(site.path, data=form | {"csrf_token": token})
        assert answer.status_code == status
    assert site.path in site.manager.get(f"/ledger/entries/{site.index}").text


def test_what_no_correction_takes_back_is_not_offered(site: Site) -> None:
    registered = site.index - 1

    assert "take-back" not in site.manager.get(f"/ledger/entries/{registered}").text
    assert site.manager.get(f"/entries/{registered}/take-back").status_code == 404
