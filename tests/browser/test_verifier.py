"""The verifier in a real browser gives the answers that ours gives.

Each test runs with the browser's own Ed25519 and with the fallback: the latter on a
page without a secure origin, where browsers keep their own from scripts.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from ledger import format_policy
from ledger.error_codes import CODES
from tests.small_proof import PROOF_BYTES, small_proof
from tools.corpus import TARGET

pytestmark = pytest.mark.browser
STATIC = Path(__file__).resolve().parents[2] / "app" / "static"
RUNNER = Path(__file__).with_name("corpus.mjs")
SECURE, INSECURE = "https://remelt.example", "http://yard.example"
ENGINES = {"webcrypto": SECURE, "fallback": INSECURE}
TIMEOUT_MS = 120_000
Opens = Callable[[str], Page]


def serve(route: Route) -> None:
    """Answer out of the folder of static files; nothing goes to a network."""
    path = route.request.url.split("/", 3)[3]
    if path == "":
        route.fulfill(body="<!doctype html>", content_type="text/html")
        return
    file = RUNNER if path == RUNNER.name else STATIC / path.removeprefix("static/")
    route.fulfill(body=file.read_text("utf-8"), content_type="text/javascript")


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opens]:
    """A bare page of an origin, from which the verifier's modules can be loaded."""
    context = browser.new_context()
    context.route("**/*", serve)
    context.set_default_timeout(TIMEOUT_MS)

    def open_at(origin: str) -> Page:
        page = context.new_page()
        page.goto(f"{origin}/")
        return page

    yield open_at
    context.close()


def call(page: Page, name: str, *arguments: Any) -> Any:
    """What a function of the runner gives."""
    return page.evaluate(
        "([name, values]) => import('/corpus.mjs').then((one) => one[name](...values))",
        [name, list(arguments)],
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_the_browser_gives_each_case_of_the_corpus_its_answer(
    open_page: Opens, engine: str
) -> None:
    corpus = json.loads(TARGET.read_text("utf-8"))

    answer = call(open_page(ENGINES[engine]), "run", corpus)

    assert answer["engine"] == engine
    assert len(answer["found"]) == len(corpus["cases"])
    wrong = [
        (case["name"], case["expect"], found)
        for case, found in zip(corpus["cases"], answer["found"], strict=True)
        if found != case["expect"]
    ]
    assert wrong == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_flipped_bit_of_a_proof_of_300_bytes_is_refused(
    open_page: Opens, engine: str
) -> None:
    data, leaf, policy = small_proof()
    page = open_page(ENGINES[engine])

    answer = call(page, "flips", data.hex(), leaf.hex(), format_policy(policy))

    assert call(page, "engineName") == engine
    assert answer["accepted"] == []
    assert sum(answer["codes"].values()) == 8 * PROOF_BYTES
    assert set(answer["codes"]) <= set(CODES)


def test_a_browser_whose_ed25519_multiplies_by_the_cofactor_is_not_asked(
    open_page: Opens,
) -> None:
    page = open_page(SECURE)
    page.evaluate("crypto.subtle.verify = () => Promise.resolve(true)")

    assert call(page, "engineName") == "fallback"


def test_hashes_are_those_of_the_standard(open_page: Opens) -> None:
    messages = [bytes(n % 251 for n in range(size)) for size in range(200)]
    messages += [bytes(n) for n in (1_000, 65_535, 1_000_000)]

    found = call(open_page(INSECURE), "digests", [one.hex() for one in messages])

    assert found == [hashlib.sha256(one).hexdigest() for one in messages]


def test_the_browser_knows_no_code_that_ours_does_not() -> None:
    sources = [
        path.read_text("utf-8") for path in (STATIC / "js/verifier").glob("*.js")
    ]
    call_with_code = re.compile(r'(?:refuse|orRefuse|LedgerError)\("([^"]+)"')
    codes = {code for text in sources for code in call_with_code.findall(text)}

    assert "inclusion.root" in codes
    assert codes <= set(CODES)
