"""Lots, their traces and the log in a real browser, on a desk and on a phone."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from labels.codes import format_code
from tests.browser.conftest import (
    DESK,
    PHONE,
    REGISTRAR,
    SMALL_PHONE,
    SMELTER,
    Live,
    Visits,
    overflow,
)
from tests.labelled import PROFILE


def in_sight(page: Page) -> bool:
    """Whether the lot in question lies within the box of the picture."""
    seen: bool = page.evaluate(
        """() => {
        const box = document.querySelector(".trace-box").getBoundingClientRect();
        const lot = document.querySelector(".box.focus").getBoundingClientRect();
        return lot.left >= box.left && lot.right <= box.right
            && lot.top >= box.top && lot.bottom <= box.bottom;
    }"""
    )
    return seen


def test_a_lot_fits_every_window_and_its_picture_shows_it_first(visit: Visits) -> None:
    page = visit(f"/lots/{PROFILE}", SMELTER)
    for width, height in (DESK, PHONE, SMALL_PHONE):
        page.set_viewport_size({"width": width, "height": height})
        page.reload()

        assert overflow(page) == 0
        expect(page.locator("h1")).to_contain_text(format_code(PROFILE))
        assert in_sight(page)


def test_the_picture_leads_from_lot_to_lot_and_the_table_says_the_same(
    visit: Visits,
) -> None:
    page = visit(f"/lots/{PROFILE}", SMELTER, locale="en-GB")
    lines = page.locator(".trace-box .grams")
    masses = sorted(
        text.replace("\u202f", "").removesuffix("kg")
        for text in lines.all_text_contents()
    )
    page.get_by_text("The same as a table").click()
    told = page.locator("details.more tbody td:nth-child(7)").all_text_contents()

    assert masses == sorted(text.replace("\u202f", "") for text in told)
    links = page.locator(".trace-box a").evaluate_all(
        "all => all.map(one => one.getAttribute('href'))"
    )
    other = next(link for link in links if link != f"/lots/{PROFILE}")
    page.locator(f'.trace-box a[href="{other}"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{other}")
    expect(page.locator("h1")).to_contain_text(format_code(other.rpartition("/")[2]))


def test_the_history_leads_to_the_entry_and_its_proof(visit: Visits) -> None:
    page = visit(f"/lots/{PROFILE}", SMELTER, locale="en-GB")
    with page.expect_download() as proof:
        page.locator(".timeline a", has_text="proof").first.click()
    assert proof.value.suggested_filename.endswith(".tlog-proof")

    page.locator(".timeline a", has_text="entry").first.click()

    expect(page.locator("main")).to_contain_text("run.recorded")
    assert overflow(page) == 0


def test_the_list_is_narrowed_in_the_address_and_taken_away_whole(
    visit: Visits,
) -> None:
    page = visit("/lots", SMELTER, locale="en-GB")
    page.fill("#text", PROFILE[:6].lower())
    page.get_by_role("button", name="Narrow").click()

    assert f"text={PROFILE[:6].lower()}" in page.url
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as taken:
        page.get_by_role("link", name="Download all").click()
    assert taken.value.suggested_filename == "lots.csv"


def test_a_scanned_code_opens_its_lot_from_any_page(visit: Visits) -> None:
    page = visit("/ledger/search", SMELTER, size=PHONE)
    assert overflow(page) == 0

    page.fill("#search", format_code(PROFILE).lower())
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/lots/{PROFILE}")


def test_a_facility_is_registered_from_a_phone(visit: Visits) -> None:
    page = visit("/facilities", SMELTER, size=PHONE, locale="en-GB")
    page.fill("[name=name_zh]", "示例三厂")
    page.select_option("[name=kind]", "casthouse")
    page.select_option("[name=province]", "440000")
    page.fill("[name=boundary]", "B3")
    page.fill("[name=boundary_zh]", "熔铸")
    assert overflow(page) == 0
    page.locator("main form button.primary").click()

    expect(page.locator("main")).to_contain_text("示例三厂")


def test_the_registrar_brings_in_an_organisation_whose_manager_signs_in(
    visit: Visits, live: Live
) -> None:
    page = visit("/organisations", REGISTRAR, locale="en-GB")
    page.fill("[name=name_zh]", "示例新厂")
    page.fill("[name=person]", "示例经理")
    page.fill("[name=email]", "first@example.org")
    page.locator("main form button.primary").click()
    password = page.locator(".notice.ok code").last.inner_text()

    other = visit("/login", locale="en-GB")
    other.fill("#email", "first@example.org")
    other.fill("#password", password)
    other.click("main button[type=submit]")

    other.wait_for_url(f"{live.url}/")
