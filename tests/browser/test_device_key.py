"""A browser that keeps the key: made, registered, signing; the platform only checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select

from app.models import SigningKeyRow
from app.queries.log import get_entry, get_head
from ledger import KeyHistory, parse_entry
from tests.browser.conftest import (
    PHONE,
    YARD,
    Live,
    Visits,
    find_chromium,
    overflow,
)
from tests.people import PASSWORD
from tests.world import code_of

pytestmark = pytest.mark.browser

ORG = code_of("ORG-Y")
SHOTS = Path("/tmp/device-key")


def size(live: Live) -> int:
    with live.world.reading() as session:
        return get_head(session).size


def entry(live: Live, index: int) -> Any:
    with live.world.reading() as session:
        return parse_entry(get_entry(session, index).note)


def key_of(live: Live, index: int) -> SigningKeyRow:
    """The key that signed an entry."""
    [line] = entry(live, index).signatures
    with live.world.reading() as session:
        return session.scalars(
            select(SigningKeyRow).where(SigningKeyRow.key_name == line.name)
        ).one()


def make_key(page: Page) -> None:
    page.goto("/keys")
    page.click("[data-make]")
    page.wait_for_selector(".tag.ok")


def fill_lot(page: Page, net: str = "24310") -> None:
    page.goto("/lots/new")
    page.fill("#net", net)
    page.click("main form button[type=submit]")
    page.wait_for_selector("[data-sign] button:not([disabled])")


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def test_a_lot_is_signed_on_the_phone_that_keeps_the_key(
    visit: Visits, live: Live
) -> None:
    page = visit("/keys", YARD, size=PHONE)
    shot(page, "keys-before")
    make_key(page)
    shot(page, "keys-after")
    live.world.checkpoint()
    before = size(live)

    fill_lot(page)
    shot(page, "sign")
    assert size(live) == before
    assert overflow(page) == 0
    page.click("[data-sign] button")
    page.wait_for_url("**/logged/*")

    shot(page, "receipt")
    assert size(live) == before + 1
    assert key_of(live, before).held_by == "organisation"
    assert entry(live, before).fact["seen"]["size"] == before
    page.goto(f"/entries/{before}")
    shot(page, "entry")
