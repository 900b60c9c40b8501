"""Accounts: tokens of one's own, and the people whom a manager looks after."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.db import reading
from app.models import RoleRow
from app.queries.users import find_user, get_user
from app.services.users import add_user
from tests.people import PASSWORD, add_person, close, csrf_token, make_app, sign_in
from tests.world import World

MANAGER = "manager@example.org"
CLERK = "clerk@example.org"
STRANGER = "stranger@example.org"
REGISTRAR = "registrar@example.org"
USERS = "/account/users"
TOKENS = "/account/tokens"


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    yard, other = world.register("yard"), world.register("other")
    app = make_app(world.engine, tmp_path)
    add_person(app, MANAGER, "manager", organisation=yard)
    add_person(app, CLERK, "recycler", organisation=yard)
    add_person(app, STRANGER, "recycler", organisation=other)
    add_person(app, REGISTRAR, "registrar")
    yield app
    close(app)


def client_of(app: APIFlask, email: str) -> FlaskClient:
    client = app.test_client()
    assert sign_in(client, email).status_code == 302
    return client


def send(
    client: FlaskClient, path: str, form: Mapping[str, object], *, page: str
) -> TestResponse:
    return client.post(path, data=dict(form) | {"csrf_token": csrf_token(client, page)})


def row_of(app: APIFlask, email: str) -> int:
    with app.app_context(), reading() as session:
        return get_user(session, email).id


def test_a_token_is_shown_once_works_and_can_be_revoked(app: APIFlask) -> None:
    client = client_of(app, CLERK)

    made = send(
        client, TOKENS, {"name": "scale", "scopes": ["read"], "days": 30}, page=TOKENS
    )
    found = re.search(r"rmt_[A-Za-z0-9]{40}", made.text)
    assert found is not None
    bearer = {"Authorization": f"Bearer {found[0]}"}
    assert client.get("/api/v1/entries", headers=bearer).status_code == 200
    assert found[0] not in client.get(TOKENS).text

    revoke = re.search(r"/account/tokens/\d+/revoke", made.text)
    assert revoke is not None
    send(client, revoke[0], {}, page=TOKENS)
    assert client.get("/api/v1/entries", headers=bearer).status_code == 401


def test_nobody_revokes_a_token_of_somebody_else(app: APIFlask) -> None:
    client = client_of(app, CLERK)
    made = send(
        client, TOKENS, {"name": "scale", "scopes": ["read"], "days": 30}, page=TOKENS
    )
    revoke = re.search(r"/account/tokens/\d+/revoke", made.text)
    assert revoke is not None

    answer = send(client_of(app, MANAGER), revoke[0], {}, page=TOKENS)

    assert answer.status_code == 404


def test_a_token_form_with_faults_names_them_and_keeps_what_was_typed(
    app: APIFlask,
) -> None:
    client = client_of(app, CLERK)

    answer = send(client, TOKENS, {"name": " ", "days": 30}, page=TOKENS)

    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text
    assert 'id="scopes-error"' in answer.text
    bad = send(
        client,
        TOKENS,
        {"name": "x", "scopes": ["read"], "days": "many"},
        page=TOKENS,
    )
    assert bad.status_code == 422


def test_a_manager_adds_a_clerk_who_can_sign_in(app: APIFlask) -> None:
    client = client_of(app, MANAGER)
    form = {"email": "new@example.org", "name": "示例 新人", "roles": ["recycler"]}

    answer = send(client, USERS, form, page=USERS)

    password = re.search(r'id="made-password">([^<]+)<', answer.text)
    assert password is not None
    fresh = app.test_client()
    assert sign_in(fresh, "new@example.org", password[1]).status_code == 302
    with app.app_context(), reading() as session:
        made, manager = get_user(session, "new@example.org"), get_user(session, MANAGER)
        assert made.organisation_id == manager.organisation_id


@pytest.mark.parametrize("role", ["auditor", "statistician", "registrar"])
def test_a_manager_cannot_make_a_user_more_than_a_manager(
    app: APIFlask, role: str
) -> None:
    client = client_of(app, MANAGER)
    form = {"email": "new@example.org", "name": "新人", "roles": ["recycler", role]}

    assert send(client, USERS, form, page=USERS).status_code == 403
    path = f"{USERS}/{row_of(app, CLERK)}/roles"
    assert send(client, path, {"roles": [role]}, page=USERS).status_code == 403
    with app.app_context(), reading() as session:
        assert find_user(session, "new@example.org") is None
        assert [one.name for one in get_user(session, CLERK).roles] == ["recycler"]


@pytest.mark.parametrize("action", ["password", "roles", "deactivate"])
def test_a_manager_does_not_see_the_people_of_others(
    app: APIFlask, action: str
) -> None:
    client = client_of(app, MANAGER)
    path = f"{USERS}/{row_of(app, STRANGER)}/{action}"

    assert STRANGER not in client.get(USERS).text
    answer = send(client, path, {"roles": ["recycler"]}, page=USERS)

    assert answer.status_code == 404
    with app.app_context(), reading() as session:
        assert get_user(session, STRANGER).active


def test_a_manager_takes_no_account_that_can_do_more(
    app: APIFlask, world: World
) -> None:
    with app.app_context(), reading() as session:
        yard = get_user(session, MANAGER).organisation_id
    add_person(app, "both@example.org", "auditor")
    with world.transaction() as session:
        get_user(session, "both@example.org").organisation_id = yard
    client = client_of(app, MANAGER)

    path = f"{USERS}/{row_of(app, 'both@example.org')}/password"

    assert send(client, path, {}, page=USERS).status_code == 403


def test_a_manager_closes_an_account_but_never_the_own(app: APIFlask) -> None:
    client, clerk = client_of(app, MANAGER), client_of(app, CLERK)

    own = f"{USERS}/{row_of(app, MANAGER)}/deactivate"
    assert send(client, own, {}, page=USERS).status_code == 409
    send(client, f"{USERS}/{row_of(app, CLERK)}/deactivate", {}, page=USERS)

    assert clerk.get(TOKENS).status_code == 302
    assert client.get(USERS).status_code == 200


def test_a_clerk_manages_nobody(app: APIFlask) -> None:
    client = client_of(app, CLERK)

    assert client.get(USERS).status_code == 403
    path = f"{USERS}/{row_of(app, MANAGER)}/deactivate"
    assert send(client, path, {}, page=TOKENS).status_code == 403


def test_the_registrar_adds_the_first_manager_of_an_organisation(
    app: APIFlask, world: World
) -> None:
    yard = world.register("third")
    client = client_of(app, REGISTRAR)
    form = {"email": "first@example.org", "name": "经理", "roles": ["manager"]}

    without = send(client, USERS, form, page=USERS)
    unknown = send(client, USERS, form | {"organisation": "0" * 12}, page=USERS)
    broken = send(client, USERS, form | {"organisation": "??"}, page=USERS)
    right = send(client, USERS, form | {"organisation": yard.lower()}, page=USERS)

    assert 'id="roles-error"' in without.text
    assert 'id="organisation-error"' in unknown.text
    assert 'id="organisation-error"' in broken.text
    assert "made-password" in right.text
    assert all(one in client.get(USERS).text for one in (yard, MANAGER, STRANGER))


def test_the_first_two_of_a_role_are_added_at_the_same_time(world: World) -> None:
    begin = threading.Barrier(4)

    def add(number: int) -> int:
        begin.wait(30)
        with world.transaction() as session:
            return add_user(
                session,
                email=f"first{number}@example.org",
                name="示例 Person",
                password=PASSWORD,
                roles=("registrar", "auditor"),
                organisation_id=None,
                now=world.now,
            ).id

    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(add, range(4)))

    assert len(set(added)) == 4
    with world.reading() as session:
        names = session.scalars(select(RoleRow.name).order_by(RoleRow.name)).all()
    assert names == ["auditor", "registrar"]
