"""Every address has a decision about who may call it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask import url_for
from sqlalchemy import Engine
from werkzeug.routing import AnyConverter, BaseConverter, IntegerConverter, Rule

from tests.people import close, make_app

HOOKS = {"require_caller", "require_sign_in"}
PUBLIC = {
    "ledger.download_checkpoint": "checkpoints are public",
    "ledger.download_note": "the view gives it to those who may read the entry",
    "ledger.find_entry": "indexes and leaf hashes are public; it leads to the entry",
    "ledger.search": "asks to sign in unless everybody may read the log",
    "ledger.show_checkpoint": "checkpoints are public",
    "ledger.show_entry": "to those who may not read it, hash and proof alone",
    "ledger.show_keys": "asks to sign in unless everybody may read the log",
    "ledger.show_ledger": "checkpoints, witnesses and keys of the log are public",
    "ledger.show_old_entry": "leads to the entry",
    "ledger.show_old_register": "leads to the search",
    "log.checkpoint": "anybody checks the log",
    "log.logged_checkpoint": "as above",
    "log.proof": "a proof holds hashes only",
    "log.proof_of_leaf": "as above",
    "log.tile": "hash tiles are public; entries ask for a token in the view",
    "openapi.spec": "what the API takes is no secret",
    "operation.healthz": "the balancer asks",
    "operation.metrics": "figures of the process, no figure of an organisation",
    "problems.show_problem_type": "the URI of a problem leads to its meaning",
    "public.show_home": "says what this is, to whoever comes",
    "security.change_password": "Flask-Security asks for a session itself",
    "security.login": "the way in",
    "security.logout": "the way out",
    "static": "style, script, fonts",
    "statistics.download": "asks for a role of statistics in the view",
    "statistics.download_national": "national figures are for everybody",
    "statistics.show_chart": "asks for a role of statistics in the view",
    "statistics.show_national": "national figures are for everybody",
    "statistics.show_national_chart": "national figures are for everybody",
    "statistics.show_statistics": "national figures to those without a role",
    "verify.find_label": "buyers have no account",
    "verify.show_bundle": "the public proof; the full one asks for a token",
    "verify.show_bundle_printed": "as above, in the upper case of the label",
    "verify.show_label": "buyers have no account",
    "verify.show_label_printed": "as above, in the upper case of the label",
    "verify.show_policy": "what a verifier needs of us",
    "verify.show_verifier": "the verifier as a file, for whoever has a proof",
}


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(engine, tmp_path)
    yield app
    close(app)


def hooked(app: APIFlask, rule: Rule) -> bool:
    blueprint = rule.endpoint.rpartition(".")[0]
    hooks = app.before_request_funcs.get(blueprint, []) if blueprint else []
    return any(hook.__name__ in HOOKS for hook in hooks)


def sample(converter: BaseConverter) -> Any:
    """A value that the converter of a route takes."""
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return 1 if isinstance(converter, IntegerConverter) else "x"


def test_every_route_is_guarded_by_its_blueprint_or_public_for_a_reason(
    app: APIFlask,
) -> None:
    undecided = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if not hooked(app, rule) and rule.endpoint not in PUBLIC
    }

    assert not undecided


def test_tables_of_what_is_recorded_here_are_not_for_strangers(app: APIFlask) -> None:
    client = app.test_client()

    for address in ("/statistics/shares.csv", "/statistics/chart.svg"):
        assert client.get(address).status_code == 401


def test_a_stranger_gets_nothing_from_a_guarded_route(app: APIFlask) -> None:
    client = app.test_client()
    app.config["WTF_CSRF_ENABLED"] = False
    app.config["RATELIMIT_ENABLED"] = False
    guarded = [rule for rule in app.url_map.iter_rules() if hooked(app, rule)]
    assert len(guarded) > 10

    for rule in guarded:
        values = {name: sample(one) for name, one in rule._converters.items()}
        with app.test_request_context():
            address = url_for(rule.endpoint, **values)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = client.open(address, method=method)

            turned_away = answer.status_code == 401 or (
                answer.status_code == 302 and "/login" in answer.headers["Location"]
            )
            assert turned_away, f"{method} {address}: {answer.status_code}"
