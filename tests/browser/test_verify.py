"""The page behind a label in a real browser: small phones, paper, no scripts."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Page
from sqlalchemy import text

from labels.codes import format_code
from tests.browser.conftest import PHONE, SMALL_PHONE, Live, Locale, Visits, overflow
from tests.labelled import PROFILE, label, labelled_claim

pytestmark = pytest.mark.browser
VERDICT_WITHIN_PX = 200
A4_MM = (210, 297)
POINTS_PER_MM = 72 / 25.4


@pytest.fixture
def codes(live: Live) -> dict[str, str]:
    """A label for each verdict that a page can show."""
    world = live.world
    made = {
        name: labelled_claim(world, net_g=1_000_000)
        for name in ("valid", "corrected", "revoked")
    }
    found = {name: one.code for name, one in made.items()}
    found["no_claim"] = label(world, lot=PROFILE)
    world.checkpoint()
    found["pending"] = labelled_claim(world, net_g=1_000_000).code
    with world.engine.begin() as connection:
        for name, state in (("corrected", "affected"), ("revoked", "consumed")):
            connection.execute(
                text(
                    "UPDATE claim_state SET state = :state WHERE claim_id = "
                    "(SELECT id FROM claim WHERE code = :code)"
                ),
                {"state": state, "code": made[name].claim},
            )
    return found


@pytest.mark.parametrize("size", [SMALL_PHONE, PHONE])
@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_every_verdict_fits_a_phone_without_scripts(
    visit: Visits, codes: dict[str, str], size: tuple[int, int], locale: Locale
) -> None:
    for name, code in codes.items():
        page = visit(f"/V/{code}", size=size, locale=locale, scripts=False)

        box = page.locator("h1").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= VERDICT_WITHIN_PX, name
        width = page.locator("main").bounding_box()
        assert width is not None
        assert width["width"] <= size[0], name
        assert format_code(code) in page.locator("main").inner_text()


def test_a_page_is_no_wider_than_a_small_phone_even_at_twice_the_size(
    visit: Visits, codes: dict[str, str]
) -> None:
    for code in codes.values():
        assert overflow(visit(f"/v/{code}", size=SMALL_PHONE)) == 0
        # 200 % of zoom on a phone of 640 px is a phone of 320 px with larger text
        page = visit(f"/v/{code}", size=(640, 800))
        page.evaluate("document.documentElement.style.fontSize = '32px'")
        assert overflow(page) == 0


def test_no_request_leaves_the_server_and_no_cookie_comes(
    visit: Visits, live: Live, codes: dict[str, str]
) -> None:
    page = visit("/v")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto(f"/v/{codes['valid']}")

    assert asked
    assert all(address.startswith(live.url) for address in asked)
    assert page.context.cookies() == []


def pages_of(page: Page, path: Path) -> pypdfium2.PdfDocument:
    page.pdf(path=path, prefer_css_page_size=True, format="A4")
    return pypdfium2.PdfDocument(path)


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_each_verdict_prints_on_one_sheet_of_a4(
    visit: Visits, codes: dict[str, str], tmp_path: Path, locale: Locale
) -> None:
    for name, code in codes.items():
        document = pages_of(
            visit(f"/v/{code}", locale=locale), tmp_path / f"{name}.pdf"
        )

        assert len(document) == 1, name
        size = tuple(round(edge / POINTS_PER_MM) for edge in document[0].get_size())
        assert size == A4_MM
        printed = document[0].get_textpage().get_text_bounded()
        assert f"/V/{code}" in printed
        document.close()


def test_a_typed_code_finds_its_label(visit: Visits, codes: dict[str, str]) -> None:
    page = visit("/v", size=PHONE, locale="en-GB")

    page.fill("#code", format_code(codes["valid"]).lower())
    page.click("main button[type=submit]")

    assert page.locator("h1").inner_text() == "Valid"


def test_the_proof_is_a_file_to_keep(visit: Visits, codes: dict[str, str]) -> None:
    page = visit(f"/v/{codes['valid']}", size=PHONE, locale="en-GB")

    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the proof").click()

    assert waiting.value.suggested_filename == f"{codes['valid']}.json"
