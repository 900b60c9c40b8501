"""Failures: JSON for programs, a page for people, and no detail of what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask import request
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from app import security
from app.db import reading
from app.errors import problem_types
from app.services.errors import FieldFault, Refused
from tests.people import close, make_app


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(engine, tmp_path)

    @app.get("/broken")
    @app.get("/api/broken")
    def broken() -> str:
        raise RuntimeError("a secret in a traceback")

    @app.get("/api/no-table")
    def no_table() -> str:
        with reading() as session:
            session.execute(text("SELECT * FROM no_such_table WHERE x = :x"), {"x": 7})
        return ""

    @app.get("/api/locked")
    def locked() -> str:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    @app.get("/refused")
    @app.get("/api/refused")
    def refused() -> str:
        raise Refused(
            [
                FieldFault(
                    0, "data.net_g", "found {found}, expected more", {"found": 0}
                ),
                FieldFault(2, "", "the fact is too old"),
            ]
        )

    @app.post("/api/echo")
    def echo() -> object:
        return request.get_json(force=True)

    security.csrf.exempt(echo)
    app.testing = False
    yield app
    close(app)


def test_a_program_gets_a_problem_document_with_every_fault(app: APIFlask) -> None:
    answer = app.test_client().get("/api/refused", headers={"Accept-Language": "zh"})

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json == {
        "type": "http://127.0.0.1:8000/problems/refused",
        "title": "The request cannot be recorded",
        "status": 422,
        "detail": "see errors",
        "instance": "/api/refused",
        "errors": [
            {
                "position": 0,
                "field": "data.net_g",
                "message": "found 0, expected more",
            },
            {"position": 2, "field": "", "message": "the fact is too old"},
        ],
    }


def test_a_person_gets_a_page_in_the_language_of_choice(app: APIFlask) -> None:
    client = app.test_client()

    chinese, english = client.get("/refused"), client.get("/refused?lang=en")

    assert chinese.status_code == english.status_code == 422
    assert 'lang="zh-CN"' in chinese.text
    assert "The request cannot be recorded" in english.text
    assert "The request cannot be recorded" not in chinese.text
    assert "data.net_g" in chinese.text


@pytest.mark.parametrize("path", ["/broken", "/api/broken"])
def test_what_nobody_expected_is_logged_whole_and_answered_without_detail(
    app: APIFlask, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get(path)

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "a secret in a traceback" in caplog.text
    number = answer.headers["X-Request-Id"]
    assert len(number) == 16
    assert path.startswith("/api") or number in answer.text


def test_a_fault_of_a_statement_is_ours_and_shows_no_values(
    app: APIFlask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get("/api/no-table")

    assert answer.status_code == 500
    assert "no_such_table" not in answer.text
    assert "'x': 7" not in caplog.text


def test_a_busy_database_asks_to_come_back(app: APIFlask) -> None:
    answer = app.test_client().get("/api/locked")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert answer.json is not None
    assert answer.json["type"].endswith("/problems/database-busy")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"{", "line 1"),
        (b"", "line 1"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": {"b": 1, "b": 1}}', "'b' stands twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[" + b"9" * 5000 + b"]", "digits"),
        (b"[" * 10_000 + b"]" * 10_000, "nested"),
        (b'{"a":' * 10_000, "nested"),
        (b'["\xff"]', "UTF-8"),
    ],
)
def test_json_with_no_meaning_or_two_is_refused(
    app: APIFlask, body: bytes, found: str
) -> None:
    answer = app.test_client().post("/api/echo", data=body)

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["type"].endswith("/problems/malformed-json")
    assert found in answer.json["detail"]


def test_a_body_beyond_the_limit_is_refused(app: APIFlask) -> None:
    answer = app.test_client().post("/api/echo", data=b"[" + b" " * 10**7 + b"]")

    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["type"].endswith("/problems/too-large")


def test_an_address_that_does_something_else_says_what(app: APIFlask) -> None:
    answer = app.test_client().post("/api/refused")

    assert answer.status_code == 405
    assert answer.json is not None
    assert answer.json["type"] == "about:blank"
    assert "GET" in answer.headers["Allow"]


def test_the_page_of_each_problem_type_says_what_to_do(app: APIFlask) -> None:
    client = app.test_client()

    for kind in problem_types():
        page = client.get(f"/problems/{kind.slug}?lang=en")
        assert page.status_code == 200
        with app.test_request_context("/?lang=en"):
            assert str(kind.title) in page.text
    assert client.get("/problems/none-such").status_code == 404


def test_a_request_number_from_a_proxy_is_kept_if_it_is_one(app: APIFlask) -> None:
    client = app.test_client()

    kept = client.get("/healthz", headers={"X-Request-Id": "from-proxy-1"})
    made = client.get("/healthz", headers={"X-Request-Id": 'x" onload="alert(1)'})

    assert kept.headers["X-Request-Id"] == "from-proxy-1"
    assert len(made.headers["X-Request-Id"]) == 16
