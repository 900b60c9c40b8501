"""Signing in: who gets in, who does not, and what an answer tells either way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from app.db import reading, transaction
from app.models import UserRow
from app.queries.users import get_user
from app.services.tokens import make_token
from app.services.users import deactivate_user, set_password
from tests.people import PASSWORD, add_person, close, csrf_token, make_app, sign_in

AUDITOR = "auditor@example.org"
PAGE = "/account/settings"


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(engine, tmp_path)
    add_person(app, AUDITOR, "auditor")
    yield app
    close(app)


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


def token_of(app: APIFlask, scopes: list[str]) -> str:
    now = datetime.now(UTC)
    with app.app_context(), transaction() as session:
        _, text = make_token(
            session,
            get_user(session, AUDITOR).id,
            name="test",
            scopes=scopes,
            expires_at=now + timedelta(days=1),
            now=now,
        )
    return text


def test_a_person_signs_in_and_reaches_the_page_that_was_asked_for(
    client: FlaskClient,
) -> None:
    refused = client.get(PAGE)
    answer = sign_in(client, "Auditor@Example.org", to=f"?next={PAGE}")

    assert refused.status_code == 302
    assert refused.location == f"/login?next={PAGE}"
    assert answer.status_code == 302
    assert answer.location.endswith(PAGE)
    assert AUDITOR in client.get(PAGE).text


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    client: FlaskClient,
) -> None:
    wrong = sign_in(client, AUDITOR, "not the password at all")
    unknown = sign_in(client, "nobody@example.org", "not the password at all")

    assert wrong.status_code == unknown.status_code == 200
    assert "do not fit together" in wrong.text
    # The token against forged forms holds the second in which it was made
    pages = [
        re.sub(r'name="csrf_token"[^>]* value="[^"]+"', "", answer.text)
        for answer in (wrong, unknown)
    ]
    assert pages[0].replace(AUDITOR, "") == pages[1].replace("nobody@example.org", "")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", r"/\evil.example/"]
)
def test_signing_in_leads_to_no_other_site(client: FlaskClient, target: str) -> None:
    answer = sign_in(client, AUDITOR, to=f"?next={target}")

    location = answer.location or ""
    assert urlsplit(location).netloc in ("", "localhost")
    assert not location.startswith(("//", "/\\"))


def test_guessing_is_slowed_down(client: FlaskClient) -> None:
    token = csrf_token(client, "/login")
    form = {"csrf_token": token, "email": AUDITOR, "password": "guess, guess, guess"}

    answers = [client.post("/login", data=form).status_code for _ in range(12)]
    right = client.post("/login", data=form | {"password": PASSWORD})

    assert answers[:10] == [200] * 10
    assert answers[10:] == [429, 429]
    assert right.status_code == 429
    assert int(right.headers["Retry-After"]) > 0


def test_an_account_is_guarded_against_guesses_from_many_addresses(
    app: APIFlask,
) -> None:
    client = app.test_client()
    token = csrf_token(client, "/login")
    form = {"csrf_token": token, "email": AUDITOR, "password": "guess, guess, guess"}

    answers = [
        client.post(
            "/login", data=form, environ_overrides={"REMOTE_ADDR": f"192.0.2.{one}"}
        ).status_code
        for one in range(12)
    ]

    assert answers.count(429) == 2


def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    answer = client.post("/login", data={"email": AUDITOR, "password": PASSWORD})

    assert answer.status_code == 400
    assert client.get(PAGE).status_code == 302


def test_signing_out_needs_a_form_and_ends_the_session(client: FlaskClient) -> None:
    sign_in(client, AUDITOR)

    assert client.get("/logout").status_code == 405
    client.post("/logout", data={"csrf_token": csrf_token(client, PAGE)})

    assert client.get(PAGE).status_code == 302


def test_a_closed_account_is_out_at_once_with_its_tokens(
    app: APIFlask, client: FlaskClient
) -> None:
    sign_in(client, AUDITOR)
    token = token_of(app, ["read"])

    with app.app_context(), transaction() as session:
        deactivate_user(session, get_user(session, AUDITOR), datetime.now(UTC))

    assert client.get(PAGE).status_code == 302
    assert "do not fit together" in sign_in(client, AUDITOR).text
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/entries", headers=bearer).status_code == 401


def test_a_new_password_ends_the_sessions_of_the_old_one(
    app: APIFlask, client: FlaskClient
) -> None:
    sign_in(client, AUDITOR)

    with app.app_context(), transaction() as session:
        set_password(session, get_user(session, AUDITOR), "another one, just as long")

    assert client.get(PAGE).status_code == 302
    assert sign_in(client, AUDITOR, "another one, just as long").status_code == 302


def test_people_change_their_password_by_our_rules(
    app: APIFlask, client: FlaskClient
) -> None:
    sign_in(client, AUDITOR)
    path = "/account/password"

    def change(new: str) -> str:
        form = {
            "csrf_token": csrf_token(client, path),
            "password": PASSWORD,
            "new_password": new,
            "new_password_confirm": new,
        }
        return client.post(path, data=form, follow_redirects=True).text

    assert "15 characters or more" in change("too short")
    assert "guessed first" in change("1q2w3e4r5t6y7u8i")
    change("the scale reads 12 480")

    with app.app_context(), reading() as session:
        assert str(get_user(session, AUDITOR).password).startswith("$argon2id$")
    fresh = app.test_client()
    assert sign_in(fresh, AUDITOR, "the scale reads 12 480").status_code == 302


def test_a_password_hash_costs_what_was_decided(app: APIFlask) -> None:
    with app.app_context(), reading() as session:
        stored = str(get_user(session, AUDITOR).password)

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_session_opens_no_door_of_the_api(client: FlaskClient) -> None:
    sign_in(client, AUDITOR)

    answer = client.get("/api/v1/entries")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer rmt_", "Bearer " + "x" * 44, "Basic YTpi", "Bearer rmt_é"],
)
def test_what_is_not_a_token_is_refused(client: FlaskClient, header: str) -> None:
    answer = client.get("/api/v1/entries", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["type"].endswith("/problems/unauthenticated")


def test_a_token_acts_within_its_scopes_and_its_time(app: APIFlask) -> None:
    client = app.test_client()
    now = datetime.now(UTC)

    reader = {"Authorization": f"Bearer {token_of(app, ['read'])}"}
    assert client.get("/api/v1/entries", headers=reader).status_code == 200

    with app.app_context(), transaction() as session:
        row, text = make_token(
            session,
            get_user(session, AUDITOR).id,
            name="short",
            scopes=["read"],
            expires_at=now + timedelta(seconds=1),
            now=now,
        )
        row.expires_at = now - timedelta(seconds=1)
    over = {"Authorization": f"Bearer {text}"}
    assert client.get("/api/v1/entries", headers=over).status_code == 401


def test_the_text_of_a_token_is_nowhere_in_the_database(
    app: APIFlask, engine: Engine
) -> None:
    text = token_of(app, ["read"])

    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM token").all()

    assert text not in repr(rows)
    assert text[4:] not in repr(rows)


def test_the_last_use_of_a_token_is_noted(app: APIFlask) -> None:
    client = app.test_client()
    bearer = {"Authorization": f"Bearer {token_of(app, ['read'])}"}
    client.get("/api/v1/entries", headers=bearer)

    sign_in(client, AUDITOR)

    assert "never" not in client.get("/account/tokens").text


@pytest.mark.parametrize("path", ["/login", "/nowhere", "/api/v1/lots", "/healthz"])
def test_every_answer_carries_the_headers_that_guard_it(
    client: FlaskClient, path: str
) -> None:
    headers = client.get(path).headers

    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "geolocation=()" in headers["Permissions-Policy"]
    assert "Strict-Transport-Security" not in headers
    assert headers["X-Request-Id"]


def test_behind_https_cookies_are_secure_and_the_browser_stays_there(
    engine: Engine, tmp_path: Path
) -> None:
    app = make_app(engine, tmp_path, base_url="https://remelt.example")

    answer = app.test_client().get("/login", base_url="https://remelt.example")

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-remelt=")
    assert all(flag in cookie for flag in ("Secure", "HttpOnly", "SameSite=Lax"))
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    close(app)


def test_pages_of_people_are_not_kept_by_caches(client: FlaskClient) -> None:
    sign_in(client, AUDITOR)

    assert client.get(PAGE).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/log/checkpoint", "/v/7W5K9QRP2A4B", "/healthz"])
def test_no_cookie_is_read_or_set_where_none_is_needed(
    client: FlaskClient, path: str
) -> None:
    sign_in(client, AUDITOR)

    answer = client.get(f"{path}?lang=en")

    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_person_keeps_a_language_and_a_unit(
    app: APIFlask, client: FlaskClient
) -> None:
    sign_in(client, AUDITOR)
    client.delete_cookie("remelt_lang")

    form = {"csrf_token": csrf_token(client, PAGE), "locale": "zh", "unit": "t"}
    saved = client.post(PAGE, data=form)
    english = {"Accept-Language": "en"}
    page = client.get(PAGE, headers=english)

    assert saved.status_code == 302
    assert 'lang="zh-CN"' in page.text
    with app.app_context(), reading() as session:
        assert get_user(session, AUDITOR).unit == "t"


def test_the_language_follows_address_then_cookie_then_browser(
    client: FlaskClient,
) -> None:
    english = {"Accept-Language": "fr, en;q=0.8"}

    assert 'lang="zh-CN"' in client.get("/login").text
    assert 'lang="en"' in client.get("/login", headers=english).text
    assert 'lang="zh-CN"' in client.get("/login?lang=zh", headers=english).text
    assert 'lang="zh-CN"' in client.get("/login", headers=english).text
    assert 'lang="zh-CN"' in client.get("/login?lang=xx").text


def test_a_user_is_one_whatever_the_case_of_the_address(app: APIFlask) -> None:
    with app.app_context(), reading() as session:
        user = get_user(session, AUDITOR.upper())
        assert isinstance(user, UserRow)
        assert user.email == AUDITOR
