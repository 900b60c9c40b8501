"""The statistics pages in a real browser: sentence, picture, table, controls, files."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from labels.codes import new_code
from tests.browser.conftest import (
    DESK,
    PHONE,
    STATISTICIAN,
    YARD,
    Live,
    Locale,
    Visits,
    overflow,
)
from tests.world import code_of

pytestmark = pytest.mark.browser


@pytest.fixture
def supplied(live: Live) -> Live:
    """The chain, and primary metal of May beside it, under a checkpoint."""
    data: dict[str, Any] = {
        "lot": new_code(),
        "facility": code_of("FAC-S"),
        "material": "AL-INGOT-99.70",
        "source": "primary",
        "origin_class": "primary",
        "weighing": {"net_g": 60_000_000, "scale": "FAC-S-W1"},
        "metal": "Al",
        "content_ppm": 997_000,
        "content_basis": "assay",
    }
    live.world.state("lot.sourced", code_of("ORG-S"), data, at="2026-05-10T02:00:00Z")
    live.world.checkpoint()
    return live


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_a_statistician_reads_the_sentence_before_anything_else(
    visit: Visits, supplied: Live, size: tuple[int, int], locale: Locale
) -> None:
    page = visit("/statistics?by=month", STATISTICIAN, size=size, locale=locale)

    expect(page.locator(".statistics-sentence")).to_contain_text("100.0")
    picture = "narrow" if size == PHONE else "wide"
    expect(page.locator(f".statistics-picture.{picture} svg")).to_be_visible()
    assert page.locator(".statistics-picture:visible").count() == 1
    expect(page.locator("tbody tr").first).to_contain_text("2026-05")
    assert overflow(page) == 0


def test_controls_change_the_address_and_the_address_is_the_citation(
    visit: Visits, supplied: Live
) -> None:
    page = visit("/statistics", STATISTICIAN, locale="en-GB")

    page.select_option("#by", "year")
    page.select_option("#metal", "Al")
    page.click(".statistics-controls button")

    expect(page).to_have_url(re.compile(r"by=year&metal=Al"))
    expect(page.locator("tbody tr")).to_have_count(1)
    cited = page.get_by_text(re.compile(r"vintage=\d+$"))
    sentence = page.locator(".statistics-sentence").inner_text()
    cited.click()
    expect(page.locator(".statistics-sentence")).to_have_text(sentence)


def test_files_come_down_from_the_page(visit: Visits, supplied: Live) -> None:
    page = visit("/statistics", STATISTICIAN, locale="en-GB")

    for name, ending in (
        ("PNG", ".png"),
        ("SVG", ".svg"),
        ("XLSX", ".xlsx"),
        ("SDMX-CSV 2.0", ".sdmx.csv"),
    ):
        with page.expect_download() as coming:
            page.get_by_role("link", name=name, exact=True).first.click()
        assert coming.value.suggested_filename.endswith(ending)


def test_a_question_without_an_answer_keeps_what_was_typed(
    visit: Visits, supplied: Live
) -> None:
    visit.expect("422")
    page = visit("/statistics?from=2026-13&metal=Al", STATISTICIAN, locale="en-GB")

    expect(page.locator("#from")).to_have_value("2026-13")
    expect(page.locator("#from-error")).to_contain_text("2026Q1")
    expect(page.locator("#metal")).to_have_value("Al")


@pytest.mark.parametrize("person", [None, YARD])
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_everybody_else_gets_national_ratios_and_is_told_why(
    visit: Visits, supplied: Live, person: str | None, size: tuple[int, int]
) -> None:
    page = visit("/statistics", person, size=size, locale="en-GB")

    expect(page.locator(".statistics-sentence")).to_contain_text("24.18")
    expect(page.locator(".notice")).to_contain_text("auditor")
    assert page.locator("#vintage").count() == 0
    assert overflow(page) == 0
