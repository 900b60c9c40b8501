"""No address breaks the server, whatever stands where a code or a number belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from app.security import limiter
from tests.labelled import SMELTER, grow_chain
from tests.people import add_person, close, csrf_token, make_app, sign_in
from tests.world import World
from tests.yards import Yards

HOSTILE = (
    "x",
    "-1",
    "1" * 40,
    "A" * 12,
    "AAAA-AAAA-AAAA",
    "%00",
    "%ed%a0%80",
    "a" * 9_000,
    "..%2f..%2fetc",
)
QUESTION = "&".join(
    [
        "after=x&before=-1&limit=1e9&page=99999999999999999999&text=%00&type=%ff",
        "lot=x&since=x&until=9999999&material=zz&code=x&transfer=1&vintage=-1",
        "size=9999999999999999999999&kind=x&of=x&claim=%ed%a0%80&lang=xx&state=x",
    ]
)


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    grow_chain(world)
    world.checkpoint()
    app = make_app(world.engine, tmp_path)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    limiter.enabled = False
    yield app
    limiter.enabled = True
    close(app)


def callers(app: APIFlask, world: World) -> Iterator[tuple[str, FlaskClient]]:
    yield "a visitor", app.test_client()
    for role, org in (("manager", SMELTER), ("registrar", None), ("auditor", None)):
        add_person(app, f"{role}@example.org", role, organisation=org)
        client = app.test_client()
        sign_in(client, f"{role}@example.org")
        yield role, client
    yards = Yards.__new__(Yards)
    yards.app, yards.world, yards.tokens = app, world, {}
    for role, org in (("recycler", SMELTER), ("statistician", None)):
        yield f"a {role}'s program", yards.client(role, org)


def addresses(rule: str) -> list[str]:
    if "<" in rule:
        return [re.sub("<[^>]*>", value, rule) for value in HOSTILE]
    return [rule, f"{rule}?{QUESTION}"]


@pytest.mark.parametrize("address", ["/lots?text=%00", "/api/v1/lots?text=a%00b"])
def test_the_character_0_is_refused_where_it_stands(
    app: APIFlask, world: World, address: str
) -> None:
    clients = dict(callers(app, world))
    client = clients["a recycler's program" if "api" in address else "manager"]

    answer = client.get(address)

    assert answer.status_code == 422
    assert "text" in answer.text


def test_a_sign_in_with_the_character_0_is_no_fault_of_ours(app: APIFlask) -> None:
    client = app.test_client()
    form = {"email": "a\x00b@example.org", "password": "x" * 12}

    answer = client.post(
        "/login", data=form | {"csrf_token": csrf_token(client, "/login")}
    )

    assert answer.status_code < 500


def test_every_address_is_answered_without_a_fault_of_ours(
    app: APIFlask, world: World
) -> None:
    broken = []
    asked = 0
    for who, client in callers(app, world):
        for rule in app.url_map.iter_rules():
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                sent: object = (
                    {} if method != "GET" and rule.rule.startswith("/api/") else None
                )
                for address in addresses(rule.rule):
                    answer = client.open(address, method=method, json=sent)
                    asked += 1
                    if answer.status_code >= 500:
                        broken.append((who, method, address[:60], answer.status))
                    answer.close()

    assert broken == []
    assert asked > 2_000
