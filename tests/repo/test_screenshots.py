"""The photographer knows every page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine

from tests.people import close, make_app
from tools.screenshots import SHOTS

PAGES = {"web", "public", "security", "ledger", "statistics", "verify", "problems"}
NO_PAGES = {
    "statistics.download": "a file",
    "statistics.download_national": "a file",
    "statistics.show_chart": "a picture on the page of the statistics",
    "statistics.show_national_chart": "a picture on the page of the statistics",
    "ledger.download_checkpoint": "a file",
    "ledger.download_note": "a file",
    "ledger.show_old_entry": "leads on",
    "ledger.show_old_register": "leads on",
    "verify.show_bundle": "a file",
    "verify.show_bundle_printed": "a file",
    "verify.show_label_printed": "the same page in the upper case of the label",
    "verify.show_policy": "a text for programs",
    "verify.show_verifier": "a file",
    "web.show_composition_picture": "a picture on the page of a lot",
    "web.show_trace_picture": "a picture on the page of a lot",
    "web.show_preview": "a picture on the page of new labels",
    "web.show_grade": "a piece of the receipt",
}


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(engine, tmp_path)
    yield app
    close(app)


def test_every_page_is_photographed_or_left_out_for_a_reason(app: APIFlask) -> None:
    asked = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and rule.endpoint.partition(".")[0] in PAGES
        and not rule.endpoint.startswith("web.download_")
    }

    assert asked == {shot.endpoint for shot in SHOTS} | set(NO_PAGES)


def test_pictures_do_not_overwrite_one_another() -> None:
    names = [shot.name for shot in SHOTS]

    assert len(names) == len(set(names))
