"""A browser that keeps the key: made, registered, signing; the platform only checks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from app.models import SigningKeyRow
from app.queries.log import get_entry, get_head
from ledger import (
    Entry,
    KeyHistory,
    Signer,
    key_name,
    leaf_hash,
    parse_entry,
    prove_possession,
    sign_note,
)
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
READY = "[data-sign] button:not([disabled])"
STORED = """async () => {
  const open = indexedDB.open("remelt", 1);
  const database = await new Promise((done) => {
    open.onsuccess = () => done(open.result);
  });
  const all = database.transaction("keys").objectStore("keys").getAll();
  const [key] = await new Promise((done) => {
    all.onsuccess = () => done(all.result);
  });
  database.close();
  let exported = null;
  try {
    exported = await crypto.subtle.exportKey("pkcs8", key.privateKey);
  } catch {}
  return {
    name: key.name,
    extractable: key.privateKey?.extractable ?? null,
    exported: exported !== null,
    seed: key.seed === null ? null : Array.from(key.seed),
    seen: key.seen,
  };
}"""
RESTORE = """async (note) => {
  const open = indexedDB.open("remelt", 1);
  const database = await new Promise((done) => {
    open.onsuccess = () => done(open.result);
  });
  const store = database.transaction("keys", "readwrite").objectStore("keys");
  const all = store.getAll();
  const [key] = await new Promise((done) => {
    all.onsuccess = () => done(all.result);
  });
  const put = store.put({ ...key, seen: note });
  await new Promise((done) => { put.onsuccess = done; });
  database.close();
}"""


def size(live: Live) -> int:
    with live.world.reading() as session:
        return get_head(session).size


def entry(live: Live, index: int) -> Entry:
    with live.world.reading() as session:
        return parse_entry(get_entry(session, index).note)


def check_history(live: Live) -> None:
    """Every entry is signed by a key that may: as any verifier finds it."""
    history = KeyHistory()
    for index in range(size(live)):
        history.check(index, entry(live, index))


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
    page.wait_for_selector(".notice.ok")


def fill_lot(page: Page, net: str = "24310", **fields: str) -> None:
    page.goto("/lots/new")
    page.fill("#net", net)
    if fields:
        page.click("details.more summary")
    for name, text in fields.items():
        page.fill(f"#{name}", text)
    page.click("main form button[type=submit]")
    page.wait_for_selector("[data-signing]")


def sign(page: Page) -> None:
    page.wait_for_selector(READY)
    page.click(READY)
    page.wait_for_url("**/logged/*")


def test_a_lot_is_signed_on_the_phone_that_keeps_the_key(
    visit: Visits, live: Live
) -> None:
    page = visit("/keys", YARD, size=PHONE)
    make_key(page)
    assert overflow(page) == 0
    live.world.checkpoint()
    before = size(live)

    fill_lot(page, supplier="示例供方")
    page.wait_for_selector(READY)
    fields = page.locator("[data-fields]")
    expect(fields).to_contain_text("24310000")
    expect(fields).to_contain_text("示例供方")
    expect(page.locator("[data-text]")).not_to_contain_text("示例供方")
    assert size(live) == before
    assert overflow(page) == 0
    sign(page)

    logged = entry(live, before)
    assert size(live) == before + 1
    assert key_of(live, before).held_by == "organisation"
    assert logged.fact["seen"]["size"] == before
    assert "示例供方" not in logged.note.decode()
    check_history(live)
    page.goto(f"/ledger/entries/{before}")
    expect(page.locator(".signatures")).to_contain_text("密钥由该单位自行保管")


def test_the_key_cannot_be_read_out_of_the_browser(visit: Visits) -> None:
    page = visit("/keys", YARD)
    make_key(page)

    kept = page.evaluate(STORED)

    assert (kept["extractable"], kept["exported"], kept["seed"]) == (False, False, None)


def test_taps_that_come_twice_log_once(visit: Visits, live: Live) -> None:
    page = visit("/keys", YARD)
    make_key(page)
    before = size(live)
    fill_lot(page)
    page.wait_for_selector(READY)

    page.locator(READY).dblclick(no_wait_after=True)
    page.wait_for_url("**/logged/*")

    assert size(live) == before + 1


def test_what_was_seen_grows_with_the_log_and_is_proved_to_extend_it(
    visit: Visits, live: Live
) -> None:
    page = visit("/keys", YARD)
    make_key(page)
    seen = []
    for _ in range(3):
        live.world.checkpoint()
        at = size(live)
        fill_lot(page)
        sign(page)
        seen.append((entry(live, at).fact["seen"]["size"], at))

    assert all(cited == at for cited, at in seen)


def test_another_history_gets_no_signature(visit: Visits, live: Live) -> None:
    page = visit("/keys", YARD)
    make_key(page)
    live.world.checkpoint()
    fill_lot(page)
    sign(page)
    live.world.checkpoint()
    kept = page.evaluate(STORED)["seen"]
    origin, count, *_ = kept.splitlines()
    other = sign_note(f"{origin}\n{count}\n{'A' * 43}=\n", [live.world.log_key])
    page.evaluate(RESTORE, other.decode())
    before = size(live)

    fill_lot(page)

    expect(page.locator("[data-fault=fork]")).to_be_visible()
    expect(page.locator("[data-sign] button")).to_be_hidden()
    assert size(live) == before


@pytest.mark.parametrize(
    "tamper",
    [
        lambda line: line.replace("24310000", "2431000 0"),
        lambda line: line.replace(ORG, code_of("ORG-P")),
        lambda line: line.replace('"seen":null', '"seen":{"root":"00","size":1}'),
        lambda line: line.replace('"sd":["', '"sd":["A'),
        lambda line: line.replace('"at":', '"at":"2020-01-01T00:00:00Z","at":'),
    ],
    ids=["not canonical", "another organisation", "seen", "digests", "name twice"],
)
def test_a_text_that_is_not_what_it_seems_to_be_gets_no_signature(
    visit: Visits, live: Live, tamper: Any
) -> None:
    page = visit("/keys", YARD)
    make_key(page)
    before = size(live)

    def serve(route: Route) -> None:
        answer = route.fetch()
        found = re.search(r'id="unsigned">(.*?)</script>', answer.text(), re.DOTALL)
        if found is None:
            route.fulfill(response=answer)
            return
        listed = json.loads(found[1])
        listed[0]["line"] = tamper(listed[0]["line"])
        body = answer.text().replace(found[1], json.dumps(listed))
        route.fulfill(response=answer, body=body)

    page.route("**/lots/new", serve)
    fill_lot(page, supplier="示例供方")

    expect(page.locator("[data-fault=text]")).to_be_visible()
    expect(page.locator("[data-sign] button")).to_be_hidden()
    assert size(live) == before


def test_a_browser_whose_data_were_cleared_says_so_and_can_stop_signing(
    visit: Visits, live: Live
) -> None:
    page = visit("/keys", YARD)
    make_key(page)
    page.evaluate("indexedDB.deleteDatabase('remelt')")
    fill_lot(page)
    expect(page.locator("[data-fault=missing]")).to_be_visible()
    before = size(live)

    page.click("[data-forget] button")
    page.wait_for_url("**/keys")
    page.goto("/lots/new")
    page.fill("#net", "1200")
    page.click("main form button[type=submit]")
    page.wait_for_url("**/logged/*")

    assert key_of(live, before).held_by == "platform"


def test_a_browser_that_nobody_here_can_sign_for_shows_what_another_needs(
    visit: Visits, live: Live
) -> None:
    first = visit("/keys", YARD)
    make_key(first)
    # The platform's key ends, signed in the first browser
    row = first.locator("tr", has_text="/1")
    row.locator("summary").click()
    row.locator("input[name=reason]").fill("we sign ourselves")
    row.locator("button").click()
    first.wait_for_selector(READY)
    first.click(READY)
    first.wait_for_url("**/keys")
    second = visit("/keys", YARD)

    second.click("[data-make]")
    vkey = second.locator("[data-says=vkey]")
    expect(vkey).to_contain_text("/3+")
    proof = second.locator("[data-says=proof]").inner_text()
    first.locator("section", has_text="别处生成").locator("summary").click()
    first.fill("#vkey", vkey.inner_text())
    first.fill("#proof", proof)
    first.click("section:has(#vkey) button")
    first.wait_for_selector(READY)
    first.click(READY)
    first.wait_for_url("**/keys")
    second.goto("/keys")
    second.click("[data-shows=here] button")
    second.wait_for_selector("#this-browser form:not([data-shows]):not([hidden])")
    at = size(live)
    fill_lot(second)
    sign(second)

    assert key_of(live, at).number == 3
    check_history(live)


def test_signing_on_the_page_does_not_trust_the_log_key_that_the_page_names(
    visit: Visits, live: Live
) -> None:
    page = visit("/keys", YARD)
    make_key(page)
    other = Signer.generate(live.world.root.origin)

    def serve(route: Route) -> None:
        answer = route.fetch()
        body = answer.text().replace(live.world.root.log_vkey, other.vkey)
        route.fulfill(response=answer, body=body)

    page.route("**/lots/new", serve)
    fill_lot(page)

    expect(page.locator("[data-fault=fork]")).to_be_visible()


@pytest.fixture
def plain_http(live: Live, browser: Browser) -> Iterator[Page]:
    """A page of a yard's own network: no https, so no WebCrypto."""
    port = live.url.rpartition(":")[2]
    running = browser.browser_type.launch(
        executable_path=find_chromium(),
        args=["--no-sandbox", "--host-resolver-rules=MAP yard.test 127.0.0.1"],
    )
    width, height = PHONE
    page = running.new_page(
        base_url=f"http://yard.test:{port}",
        viewport={"width": width, "height": height},
        locale="zh-CN",
    )
    page.goto("/login")
    page.fill("#email", YARD)
    page.fill("#password", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)
    yield page
    running.close()


def test_without_a_secure_origin_the_key_is_bytes_and_the_pages_say_so(
    plain_http: Page, live: Live
) -> None:
    page = plain_http
    assert page.evaluate("globalThis.crypto.subtle === undefined")
    page.goto("/keys")
    expect(page.locator("[data-shows=bytes]")).to_be_visible()

    make_key(page)
    live.world.checkpoint()
    at = size(live)
    fill_lot(page)
    page.wait_for_selector(READY)
    expect(page.locator("[data-kept=bytes]")).to_be_visible()
    sign(page)

    assert key_of(live, at).held_by == "organisation"
    assert entry(live, at).fact["seen"]["size"] == at
    assert len(page.evaluate(STORED)["seed"]) == 32
    check_history(live)


def test_two_entries_of_one_form_are_signed_with_one_tap(
    visit: Visits, live: Live
) -> None:
    page = visit("/keys", YARD, size=PHONE)
    make_key(page)
    fill_lot(page, own_number="Y-9")
    sign(page)
    before = size(live)

    page.goto("/transfers/new?lot=Y-9")
    page.fill("#to", code_of("FAC-P"))
    page.fill("#net", "500")
    page.click("main form button[type=submit]")
    page.wait_for_selector(READY)
    expect(page.locator(".to-sign")).to_have_count(2)
    sign(page)

    split, dispatch = entry(live, before), entry(live, before + 1)
    assert leaf_hash(split.note).hex() in dispatch.fact["parents"]
    check_history(live)


def test_a_key_of_the_command_line_is_registered_on_the_page(
    visit: Visits, live: Live
) -> None:
    page = visit("/keys", YARD)
    signer = Signer.generate(key_name(live.world.root.origin, ORG, 2))
    before = size(live)

    page.locator("section", has_text="别处生成").locator("summary").click()
    page.fill("#vkey", signer.vkey)
    page.fill("#proof", prove_possession(ORG, signer))
    page.fill("#next", "ab" * 32)
    page.click("section:has(#vkey) button")
    page.wait_for_selector(".notice.ok")

    assert entry(live, before).fact["data"]["next"] == "ab" * 32
    assert key_of(live, before).held_by == "platform"
