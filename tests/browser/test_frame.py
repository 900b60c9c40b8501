"""What holds for every page of the frame: width, targets, contrast, languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    AUDITOR,
    DESK,
    PHONE,
    SMALL_PHONE,
    YARD,
    Live,
    Visits,
    overflow,
)
from tests.world import code_of

pytestmark = pytest.mark.browser

CHECKS = (
    (Path(__file__).parent / "checks.js")
    .read_text(encoding="utf-8")
    .strip()
    .rstrip(";")
)
VISITORS = (
    "/",
    "/login",
    "/problems/refused",
    "/ledger",
    "/ledger/entries/0",
    "/ledger/entries/17",
)
PAGES = (
    "/",
    "/lots/new",
    "/runs",
    "/runs/new",
    "/transfers",
    "/transfers/new",
    "/deliveries/new",
    "/account/settings",
    "/account/tokens",
    "/account/users",
    "/logged/17",
    "/ledger",
    "/ledger/search",
    "/ledger/entries/17",
    f"/ledger/keys/{code_of('ORG-Y')}",
    f"/transfers/{code_of('T-1')}",
)


def faults(page: Page, name: str) -> list[str]:
    """What a function of ``checks.js`` finds wrong with a page."""
    found: list[str] = page.evaluate(f"() => ({CHECKS})['{name}']()")
    return found


def check(page: Page, path: str) -> None:
    assert overflow(page) <= 0, f"{path} is wider than the window"
    for name in ("smallTargets", "poorContrast", "unnamedFields"):
        assert faults(page, name) == [], f"{path}: {name}"
    assert page.locator("h1").count() == 1, f"{path}: headings"


@pytest.mark.parametrize("size", [SMALL_PHONE, PHONE, DESK], ids=str)
def test_every_page_fits_and_can_be_read_and_hit(
    visit: Visits, size: tuple[int, int]
) -> None:
    for path in VISITORS:
        check(visit(path, size=size), path)
    page = visit("/", YARD, size=size)
    for path in PAGES:
        page.goto(path)
        check(page, path)


def test_every_page_can_be_read_in_the_dark(visit: Visits) -> None:
    page = visit("/", YARD)
    page.emulate_media(color_scheme="dark")
    for path in PAGES:
        page.goto(path)
        assert faults(page, "poorContrast") == [], path


def test_the_language_switch_keeps_the_page_and_the_choice(visit: Visits) -> None:
    page = visit("/transfers?way=out", YARD)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")

    page.get_by_role("button", name="English").click()

    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.url.endswith("/transfers?way=out")
    page.goto("/runs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")


def test_a_phone_has_a_bar_of_five_and_one_big_button(visit: Visits) -> None:
    page = visit("/", YARD, size=PHONE, locale="en-GB")
    bar = page.locator("nav.bar")
    assert bar.locator("> ul > li").count() == 5
    button = bar.locator(".log-menu > summary")
    assert (button.bounding_box() or {})["height"] >= 56
    button.click()
    bar.get_by_role("link", name="A run").click()
    page.wait_for_url("**/runs/new")
    expect(page.locator("nav.bar .log-menu")).to_be_hidden()


def test_keys_alone_lead_through_the_frame(visit: Visits) -> None:
    page = visit("/transfers", YARD, locale="en-GB")
    page.keyboard.press("Tab")
    expect(page.get_by_text("To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_visitor_gets_no_cookie_and_no_script(visit: Visits) -> None:
    page = visit("/", locale="en-GB")

    assert page.context.cookies() == []
    assert page.locator("script").count() == 0


def test_an_auditor_is_offered_nothing_to_log(visit: Visits, live: Live) -> None:
    page = visit("/runs", AUDITOR, locale="en-GB")

    assert page.locator(".log-menu").count() == 0
    expect(page.locator("main")).to_contain_text("4 runs")
    expect(page.locator("main")).not_to_contain_text("Log a run")
