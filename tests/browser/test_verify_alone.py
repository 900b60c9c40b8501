"""``verify.html`` from disk, without a network, as somebody opens it years later."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ledger import format_policy
from tests.small_log import GENESIS, POLICY, claim_bundle
from tools.verifier_page import TARGET

pytestmark = pytest.mark.browser
Json = dict[str, Any]
OWN_POLICY = f"# genesis {GENESIS}\n{format_policy(POLICY)}"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        locale="zh-CN", offline=True, viewport={"width": 360, "height": 780}
    )
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: faults.append(asked.url))
    page.goto(TARGET.as_uri())
    faults.clear()
    yield page
    context.close()
    assert faults == []


def give(page: Page, folder: Path, bundle: Json | str, policy: str | None) -> str:
    """Choose files as a reader does; gives the heading of the result."""
    text = bundle if isinstance(bundle, str) else json.dumps(bundle)
    (folder / "label.json").write_text(text)
    page.set_input_files("#bundle", folder / "label.json")
    page.wait_for_selector("#result h1")
    if policy is not None:
        (folder / "policy").write_text(policy)
        page.evaluate("document.getElementById('result').replaceChildren()")
        page.set_input_files("#policy", folder / "policy")
        page.wait_for_selector("#result h1")
    return page.inner_text("#result h1")


@pytest.mark.parametrize("kind", ["public", "full"])
def test_a_proof_holds_under_the_readers_own_policy(
    page: Page, tmp_path: Path, kind: str
) -> None:
    assert give(page, tmp_path, claim_bundle(kind), OWN_POLICY) == "证明成立"
    shown = page.inner_text("#result")
    assert "95.0" in shown
    assert "CLA1-M000-0001" in shown
    assert page.locator("#result .checks .ok").count() == 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_a_policy_a_file_only_agrees_with_itself(
    page: Page, tmp_path: Path
) -> None:
    assert give(page, tmp_path, claim_bundle(), None) == "文件自洽"
    assert page.locator("#result .is-valid").count() == 0


def test_another_policy_is_not_the_one_that_it_was_made_under(
    page: Page, tmp_path: Path
) -> None:
    other = OWN_POLICY.replace("quorum w1", "quorum none")

    assert give(page, tmp_path, claim_bundle(), other) == "证明不成立"
    assert "policy.other" in page.inner_text("#result")


def test_another_first_entry_is_refused(page: Page, tmp_path: Path) -> None:
    other = f"# genesis {'0' * 64}\n{format_policy(POLICY)}"

    assert give(page, tmp_path, claim_bundle(), other) == "证明不成立"
    assert "genesis.other" in page.inner_text("#result")


def test_a_changed_entry_shows_no_figure(page: Page, tmp_path: Path) -> None:
    bundle = claim_bundle()
    shown = [one for one in bundle["entries"] if "share_ppm" in one.get("note", "")]
    shown[0]["note"] = shown[0]["note"].replace("950000", "990000")

    assert give(page, tmp_path, bundle, OWN_POLICY) == "证明不成立"
    text = page.inner_text("#result")
    assert "leaf.other" in text
    assert "99.0" not in text


@pytest.mark.parametrize(
    "text", ["", "not json", "[]", "{}", '{"policy": 3}', '{"policy": "x"}']
)
def test_what_is_no_proof_is_said_to_be_none(
    page: Page, tmp_path: Path, text: str
) -> None:
    assert give(page, tmp_path, text, None) == "不是证明"


def test_strings_of_a_hostile_file_never_become_html(
    page: Page, tmp_path: Path
) -> None:
    bundle = claim_bundle()
    bundle["subject"]["claim"] = "<img src=x onerror=alert(1)>"
    bundle["subject"]["lot"] = "</script><b>bold</b>"

    give(page, tmp_path, bundle, OWN_POLICY)

    assert page.locator("#result img, #result b").count() == 0


def test_it_speaks_english_too(page: Page, tmp_path: Path) -> None:
    give(page, tmp_path, claim_bundle(), OWN_POLICY)
    page.get_by_role("button", name="English").click()

    assert page.inner_text("#result h1") == "The proof holds"
