"""Logging in front of a real browser: keys counted, taps doubled, balances watched."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from app.models import LogEntryRow, LotRow
from labels.codes import format_code
from tests.browser.conftest import CENTRE, PHONE, YARD, Live, Visits
from tests.world import code_of

pytestmark = pytest.mark.browser

YARD_SITE, CENTRE_SITE = code_of("FAC-Y"), code_of("FAC-P")
MOST_KEYS = 12


def entries(live: Live) -> int:
    with live.world.reading() as session:
        return session.execute(
            select(func.count()).select_from(LogEntryRow)
        ).scalar_one()


def stock(live: Live, number: str, *, net_g: int = 24_310_000, **more: object) -> str:
    """A lot of the yard with a number of its own; gives its code."""
    return live.world.sourced(
        code_of("ORG-Y"),
        YARD_SITE,
        net_g=net_g,
        weighing={"net_g": net_g, "scale": "FAC-Y-W1"},
        alias=[{"scheme": "own", "value": number}],
        **more,
    )


def wait_for_focus(page: Page, field: str) -> None:
    page.wait_for_function(f"document.activeElement.id === '{field}'")


def press(page: Page, *keys: str) -> int:
    """Press keys one by one; says how many."""
    for key in keys:
        page.keyboard.press(key)
    return len(keys)


def test_a_lot_like_the_last_one_takes_twelve_keys_in_chinese_on_a_phone(
    visit: Visits, live: Live
) -> None:
    stock(live, "Y-1", material="AL-SCRAP-UBC")
    page = visit("/lots/new", YARD, size=PHONE)
    expect(page.get_by_role("heading", level=1)).to_have_text("入库登记")
    shown = page.locator("main input:visible, main select:visible")
    assert shown.count() <= 6

    wait_for_focus(page, "gross")
    pressed = press(page, *"39430", "Tab", *"15120")
    expect(page.locator("#net")).to_have_value("24\u202f310")
    expect(page.get_by_role("button", name=re.compile("24.310.kg"))).to_be_visible()
    pressed += press(page, "Enter")
    page.wait_for_url("**/logged/*")

    assert pressed <= MOST_KEYS
    with live.world.reading() as session:
        made = session.scalars(select(LotRow).order_by(LotRow.id.desc())).first()
    assert made is not None
    assert (made.net_g, made.material) == (24_310_000, "AL-SCRAP-UBC")
    expect(page.locator("main")).to_contain_text(format_code(made.code))
    expect(page.locator("#grade")).to_contain_text("已记录")


def test_the_receipt_says_by_itself_when_a_checkpoint_covers_it(
    visit: Visits, live: Live
) -> None:
    page = visit("/lots/new", YARD, locale="en-GB")
    page.fill("#net", "1200")
    page.get_by_role("button", name="Log 1\u202f200\u202fkg").click()
    expect(page.locator("#grade")).to_contain_text("recorded")

    live.world.checkpoint()

    expect(page.locator("#grade")).to_contain_text("logged", timeout=8000)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_double_tap_logs_once(visit: Visits, live: Live, scripts: bool) -> None:
    page = visit("/lots/new", YARD, scripts=scripts)
    page.fill("#net", "1200")
    page.click("details.more summary")
    before = entries(live)

    page.locator("form[data-weights] button[type=submit]").dblclick()
    page.wait_for_url("**/logged/*")

    assert entries(live) == before + 1


def test_nothing_typed_is_lost_when_a_field_is_wrong(visit: Visits) -> None:
    visit.expect("422")
    page = visit("/lots/new", YARD, locale="en-GB")
    page.fill("#net", "12,4oo")
    page.fill("#own_number", "№ 镓-7")
    page.click("details.more summary")
    page.fill("#supplier", "示例 回收站")
    page.click("form[data-weights] button[type=submit]")

    summary = page.locator(".fault-summary")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("12,4oo")
    expect(page.locator("#net")).to_have_value("12,4oo")
    expect(page.locator("#net")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#own_number")).to_have_value("№ 镓-7")
    expect(page.locator("#supplier")).to_have_value("示例 回收站")


def test_the_balance_of_a_run_follows_what_is_typed(visit: Visits, live: Live) -> None:
    stock(live, "Y-41")
    page = visit("/runs/new?kind=melt", YARD, locale="en-GB", size=PHONE)
    wait_for_focus(page, "scan")
    page.keyboard.type("Y-41")
    page.keyboard.press("Enter")
    expect(page.locator("#in_0_net")).to_have_value("24\u202f310")
    page.select_option("#out_0_material", "ADC12")
    balance = page.locator("#balance .balance")

    page.fill("#out_0_net", "22905")
    expect(balance).to_contain_text("loss 1\u202f405\u202fkg (5.7\u202f%")
    expect(balance).to_contain_text("usual 1.0 to 15.0\u202f%")
    expect(balance).to_have_class("balance ok")
    page.fill("#out_0_net", "12000")
    expect(balance).to_have_class("balance warn")
    page.fill("#out_0_net", "29000")
    expect(balance).to_have_class("balance bad")
    expect(balance).to_contain_text("more come out than go in")
    page.fill("#out_0_net", "22905")
    expect(balance).to_have_class("balance ok")

    page.get_by_role("button", name="Log the run").click()
    page.wait_for_url("**/logged/*")
    page.get_by_role("link", name="Open the run").click()
    expect(page.locator("main")).to_contain_text("loss 1\u202f405\u202fkg")


def test_what_is_typed_while_a_balance_arrives_still_counts(
    visit: Visits, live: Live
) -> None:
    code = stock(live, "Y-41")
    page = visit(f"/runs/new?lot={code}&kind=melt", YARD, locale="en-GB", size=PHONE)
    page.select_option("#out_0_material", "ADC12")
    page.evaluate("""() => document.addEventListener("htmx:beforeSwap", () => {
      const net = document.querySelector("#out_0_net");
      net.value = "29000";
      net.dispatchEvent(new Event("input", {bubbles: true}));
    }, {once: true})""")

    page.fill("#out_0_net", "22905")

    expect(page.locator("#balance .balance")).to_contain_text(
        "more come out than go in"
    )


def test_without_scripts_a_run_is_built_row_by_row(visit: Visits, live: Live) -> None:
    code = stock(live, "Y-41", net_g=10_000_000)
    page = visit(f"/runs/new?lot={code}&kind=sort", YARD, locale="en-GB", scripts=False)
    page.get_by_role("button", name="Add an output").click()
    for n, net in enumerate(("6000", "3500")):
        page.select_option(f"#out_{n}_material", "AL-SCRAP-PROFILE")
        page.fill(f"#out_{n}_net", net)
    page.get_by_role("button", name="Work out the balance").last.click()
    expect(page.locator("#balance")).to_contain_text("loss 500\u202fkg")
    page.get_by_role("button", name="Log the run").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Run logged")


def test_a_part_is_split_off_dispatched_and_accepted(visit: Visits, live: Live) -> None:
    stock(live, "Y-42", net_g=8_220_000)
    page = visit("/transfers/new", YARD, locale="en-GB", size=PHONE)
    wait_for_focus(page, "lot")
    page.keyboard.type("Y-42")
    page.keyboard.press("Enter")
    expect(page.locator("#net")).to_have_value("8\u202f220")
    page.fill("#to", format_code(CENTRE_SITE).lower())
    page.fill("#net", "2000")
    page.get_by_role("button", name="Dispatch 2\u202f000\u202fkg").click()
    page.wait_for_url("**/logged/*")
    expect(page.locator("main")).to_contain_text("split off in entry")

    other = visit("/", CENTRE, locale="en-GB", size=PHONE)
    other.get_by_role("link", name=re.compile("Accept 2.000.kg")).click()
    other.fill("#net", "1985")
    other.get_by_role("button", name="Accept 1\u202f985\u202fkg").click()
    other.wait_for_url("**/logged/*")
    expect(other.get_by_role("heading", level=1)).to_have_text("Transfer accepted")
    other.goto("/")
    expect(other.locator("main")).to_contain_text("Nothing. What others send you")


def test_weights_that_differ_ask_for_a_reason_and_a_refusal_goes_back(
    visit: Visits, live: Live
) -> None:
    visit.expect("422")
    for number in ("Y-43", "Y-44"):
        code = stock(live, number, net_g=8_220_000)
        live.world.state(
            "transfer.dispatched",
            code_of("ORG-Y"),
            {
                "transfer": code_of(f"T-{number}"),
                "lot": code,
                "from": YARD_SITE,
                "to": CENTRE_SITE,
                "weighing": {"net_g": 8_220_000, "scale": "FAC-Y-W1"},
            },
        )
    page = visit(f"/transfers/{code_of('T-Y-43')}", CENTRE, locale="en-GB")
    page.fill("#net", "7000")
    page.get_by_role("button", name="Accept 7\u202f000\u202fkg").click()
    expect(page.locator(".fault-summary")).to_contain_text("8\u202f220\u202fkg")
    page.fill("#reason", "wet load")
    page.get_by_role("button", name="Accept 7\u202f000\u202fkg").click()
    page.wait_for_url("**/logged/*")

    page.goto(f"/transfers/{code_of('T-Y-44')}")
    page.get_by_text("Refuse it").click()
    page.fill("#refusal", "not what was ordered")
    page.get_by_role("button", name="Refuse the lot").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Transfer refused")


def test_a_delivery_leaves_the_books(visit: Visits, live: Live) -> None:
    code = stock(live, "Y-45", net_g=5_000_000)
    page = visit(f"/deliveries/new?lot={code}", YARD, locale="en-GB")
    wait_for_focus(page, "net")
    page.fill("#net", "1.5 t")
    page.get_by_role("button", name="Log 1\u202f500\u202fkg").click()
    page.wait_for_url("**/logged/*")

    expect(page.locator("main")).to_contain_text("1\u202f500\u202fkg · Sold")


def test_a_scanner_gun_types_into_the_search_wherever_one_is(
    visit: Visits, live: Live
) -> None:
    page = visit("/transfers", YARD)
    transfer = code_of("T-1")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.locator("main").focus()

    page.keyboard.type(f"{live.url}/V/{transfer}".upper(), delay=1)
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/transfers/{transfer}")
