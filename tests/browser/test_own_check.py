"""The page behind a label checks its proof where it is read, and says what it finds."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import text

from tests.browser.conftest import DESK, PHONE, Live, Locale, Visits, overflow
from tests.labelled import PROFILE, label, labelled_claim

pytestmark = pytest.mark.browser
AGREES = {"zh-CN": "本机取得证明并自行核验", "en-GB": "as the server says"}
DIFFERS = {"zh-CN": "不予确认", "en-GB": "does not confirm"}
RED = {"zh-CN": "未获确认", "en-GB": "Not confirmed"}
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def code(live: Live) -> str:
    """Of a valid label."""
    made = labelled_claim(live.world, net_g=1_000_000)
    live.world.checkpoint()
    return made.code


def picture(page: Page, name: str) -> None:
    """Keep a picture, where somebody wants to look at them."""
    if folder := os.environ.get("REMELT_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def opened(
    visit: Visits,
    code: str,
    *,
    change: Change | None = None,
    status: int | None = None,
    locale: Locale = "en-GB",
    size: tuple[int, int] = DESK,
) -> Page:
    """The page of a label, whose bundle is changed or refused on its way."""
    page = visit("/v", locale=locale, size=size)

    def answer(route: Route) -> None:
        if status is not None:
            route.fulfill(status=status, body="")
            return
        response = route.fetch()
        document = response.json()
        if change is not None:
            change(document)
        route.fulfill(response=response, body=json.dumps(document))

    page.route(f"**/v/{code}/bundle", answer)
    page.goto(f"/v/{code}")
    return page


def hurt_note(document: dict[str, Any]) -> None:
    entry = document["entries"][-1]
    entry["note"] = entry["note"].replace('"at":"20', '"at":"21')


def hurt_proof(document: dict[str, Any]) -> None:
    document["entries"][-1]["proof"][0] = "00" * 32


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_a_proof_that_holds_is_said_to_agree_with_the_server(
    visit: Visits, code: str, locale: Locale, size: tuple[int, int]
) -> None:
    page = opened(visit, code, locale=locale, size=size)

    expect(page.locator("#own-check [role=status]")).to_contain_text(AGREES[locale])
    expect(page.locator("#own-check .checks li.ok")).to_have_count(11)
    expect(page.locator("#own-check .checks li.fail")).to_have_count(0)
    assert "is-disagreed" not in (page.locator("article").get_attribute("class") or "")
    assert overflow(page) == 0
    picture(page, f"own-agrees-{locale}-{size[0]}")


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_a_proof_that_does_not_hold_turns_the_page_red(
    visit: Visits, code: str, locale: Locale, size: tuple[int, int]
) -> None:
    page = opened(visit, code, change=hurt_proof, locale=locale, size=size)

    expect(page.locator("article.is-disagreed")).to_have_count(1)
    expect(page.locator("h1")).to_have_text(RED[locale])
    expect(page.get_by_role("alert")).to_contain_text(DIFFERS[locale])
    expect(page.locator("#own-check li.fail code")).to_have_text(
        re.compile(r"^inclusion\.root · entry \d+$")
    )
    colour = page.locator("h1").evaluate("one => getComputedStyle(one).color")
    assert colour == "rgb(168, 35, 29)"
    assert overflow(page) == 0
    picture(page, f"own-differs-{locale}-{size[0]}")


@pytest.mark.parametrize(
    ("change", "code_of_fault"),
    [
        (hurt_note, "leaf.other"),
        (lambda made: made.update(genesis="00" * 32), "genesis.other"),
        (lambda made: made.update(policy="quorum none\n"), "policy.other"),
        (lambda made: made.update(subject={"claim": "X"}), "subject.claim"),
        (lambda made: made.update(kind="secret"), "bundle.malformed"),
        (lambda made: made.update(checkpoint="x"), "note.malformed"),
    ],
)
def test_whatever_is_wrong_with_the_proof_turns_the_page_red(
    visit: Visits, code: str, change: Change, code_of_fault: str
) -> None:
    page = opened(visit, code, change=change)

    expect(page.locator("article.is-disagreed")).to_have_count(1)
    assert code_of_fault in page.locator("#own-check").inner_text()


@pytest.mark.parametrize(
    ("shown", "false"), [("share", "100"), ("lot", "AAAA-BBBB-CCCC")]
)
def test_a_figure_that_was_not_signed_turns_the_page_red(
    visit: Visits, code: str, shown: str, false: str
) -> None:
    page = visit("/v", locale="en-GB")

    def answer(route: Route) -> None:
        response = route.fetch()
        before, mark, after = response.text().partition(f'data-shown="{shown}">')
        _, end, rest = after.partition("<")
        route.fulfill(response=response, body=f"{before}{mark}{false}{end}{rest}")

    page.route(f"**/v/{code}", answer)
    page.goto(f"/v/{code}")

    expect(page.locator("article.is-disagreed")).to_have_count(1)
    expect(page.locator("#own-check li.fail")).to_contain_text("those that were signed")


def test_a_proof_of_another_label_turns_the_page_red(
    visit: Visits, live: Live, code: str
) -> None:
    other = labelled_claim(live.world, net_g=1_000_000).code
    live.world.checkpoint()
    page = visit("/v", locale="en-GB")
    page.route(
        f"**/v/{code}/bundle",
        lambda route: route.fulfill(
            response=route.fetch(url=f"{live.url}/v/{other}/bundle")
        ),
    )

    page.goto(f"/v/{code}")

    expect(page.locator("article.is-disagreed")).to_have_count(1)


def test_without_a_proof_the_verdict_of_the_server_stands_alone(
    visit: Visits, code: str
) -> None:
    visit.expect("503")
    page = opened(visit, code, status=503)

    expect(page.locator("#own-check [role=status]")).to_contain_text("stands alone")
    expect(page.locator("h1")).to_have_text("Valid")
    expect(page.locator("article.is-disagreed")).to_have_count(0)


def test_without_scripts_the_page_says_nothing_of_a_browser(
    visit: Visits, code: str
) -> None:
    page = visit(f"/v/{code}", locale="en-GB", scripts=False)

    assert page.locator("#own-check").is_hidden()
    assert page.locator("h1").inner_text() == "Valid"


def test_labels_without_claim_and_ended_ones_are_checked_too(
    visit: Visits, live: Live
) -> None:
    claimless = label(live.world, lot=PROFILE)
    ended = labelled_claim(live.world, net_g=1_000_000)
    live.world.checkpoint()
    with live.world.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE claim_state SET state = 'consumed' WHERE claim_id = "
                "(SELECT id FROM claim WHERE code = :code)"
            ),
            {"code": ended.claim},
        )

    for code in (claimless, ended.code):
        page = visit(f"/v/{code}", locale="en-GB")
        expect(page.locator("#own-check [role=status]")).to_contain_text("it holds")
        expect(page.locator("article.is-disagreed")).to_have_count(0)


def test_the_check_keeps_nothing_in_the_browser(visit: Visits, code: str) -> None:
    page = opened(visit, code)
    expect(page.locator("#own-check .checks li.ok")).to_have_count(11)

    assert page.context.cookies() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 0
