"""One load of metal on its way through the pages of four companies to a visitor.

In Chinese, on a phone, as the people on the way do it: the yard logs a lot and sends
it off, the centre shreds it, the smelter melts it with primary metal, the fabricator
casts parts, claims and labels them, and a visitor scans what was printed. Nothing is
posted past the pages but the companies themselves.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Locator, Page, expect

from labels.codes import format_code, parse_code
from tests.browser.conftest import CENTRE, PHONE, SMELTER, YARD, Live, Visits, overflow
from tests.browser.test_frame import faults
from tests.people import add_person
from tests.world import code_of

pytestmark = pytest.mark.browser

FABRICATOR = "fabricator@example.org"
NOTHING_OFF = {"content": "", "moisture": "", "foreign": ""}
"""The grade says what is in it; what the form kept from the last lot goes."""
PRINT_DPI = 300
POINTS_PER_INCH = 72


@pytest.fixture
def fabricator(live: Live) -> str:
    """A fabricator joins the golden chain's companies; gives who logs there."""
    world = live.world
    organisation = world.register("ORG-F", "G9")
    world.facility(
        organisation,
        "FAC-F",
        kind="fabricator",
        boundary="B-F",
        scales=[{"code": "FAC-F-W1", "e_g": 20_000, "max_g": 10**8}],
    )
    add_person(live.app, FABRICATOR, "recycler", "manager", organisation=organisation)
    return FABRICATOR


def look(page: Page) -> None:
    """What holds on every step of the way."""
    assert overflow(page) <= 0, f"{page.url} is wider than the phone"
    assert faults(page, "smallTargets") == [], page.url
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def kg(number: str) -> str:
    """A mass as the pages set it."""
    return f"{number} kg".replace(" ", "\u202f")


def logged(page: Page, title: str, what: str) -> None:
    """The receipt of what was just logged."""
    page.wait_for_url("**/logged/*")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".receipt .what")).to_contain_text(what)
    expect(page.locator("#grade")).to_contain_text("已记录")
    look(page)


def codes_on(page: Page, name: str) -> list[str]:
    """The codes that a receipt states under a name, in their order."""
    rows = page.locator(".receipt dl > div").filter(
        has=page.locator("dt", has_text=re.compile(f"^{name}$"))
    )
    return [parse_code(one) for one in rows.locator("code").all_inner_texts()]


def fact(page: Page, name: str) -> Locator:
    """What a page states under a name."""
    return page.locator("dl.facts > div").filter(has_text=name).locator("dd").first


def log_lot(
    page: Page, material: str, origin: str, weights: dict[str, str], net: str
) -> str:
    """Log what comes over the scale; gives the lot's code."""
    page.goto("/lots/new")
    look(page)
    page.select_option("#material", material)
    page.select_option("#origin", label=origin)
    page.click("details.more summary")
    for name, typed in (weights | NOTHING_OFF).items():
        page.fill(f"#{name}", typed)
    look(page)
    page.get_by_role("button", name=f"登记 {kg(net)}").click()
    logged(page, "入库已登记", kg(net))
    [lot] = codes_on(page, "批次")
    return lot


def hand_over(sender: Page, lot: str, site: str, receiver: Page, net: str) -> None:
    """Send a whole lot off, and weigh it in where it goes."""
    sender.goto(f"/transfers/new?lot={lot}")
    look(sender)
    sender.fill("#to", format_code(code_of(site)))
    sender.get_by_role("button", name=f"发出 {kg(net)}").click()
    logged(sender, "在途", kg(net))
    sender.goto(f"/lots/{lot}")
    expect(sender.locator("main")).to_contain_text("在途")
    look(sender)

    receiver.goto("/")
    look(receiver)
    receiver.get_by_role("link", name=f"接收 {kg(net)}").click()
    expect(fact(receiver, "状态")).to_have_text("在途")
    look(receiver)
    receiver.fill("#net", net)
    receiver.get_by_role("button", name=f"接收 {kg(net)}").click()
    logged(receiver, "已接收", kg(net))


def log_run(
    page: Page, kind: str, lots: list[str], outputs: list[tuple[str, str]], loss: str
) -> list[str]:
    """Log a run of whole lots into a product and returns; gives what came out."""
    page.goto(f"/runs/new?kind={kind}&lot={lots[0]}")
    for number, lot in enumerate(lots[1:], start=1):
        page.fill("#scan", format_code(lot))
        page.keyboard.press("Enter")
        expect(page.locator(f"#in_{number}_net")).to_be_visible()
    for number, (material, net) in enumerate(outputs):
        if number:
            page.get_by_role("button", name="添加返料").click()
        page.select_option(f"#out_{number}_material", material)
        page.fill(f"#out_{number}_net", net)
    balance = page.locator("#balance .balance")
    expect(balance).to_contain_text(f"损耗 {kg(loss)}")
    expect(balance).to_have_class(re.compile("^balance( ok)?$"))
    look(page)
    page.get_by_role("button", name="登记工序").click()
    total = sum(int(net.replace(" ", "")) for _material, net in outputs)
    logged(page, "工序已登记", f"产出 {kg(f'{total:,}'.replace(',', ' '))}")
    made = codes_on(page, "批次")
    assert len(made) == len(outputs)
    return made


def claim(page: Page, lot: str, share: str, net: str) -> None:
    """Claim a whole lot from its own page."""
    page.goto(f"/lots/{lot}")
    look(page)
    page.locator(".page-actions").get_by_role("link", name="声明").click()
    expect(page.locator(".share-number")).to_have_text(share)
    look(page)
    page.get_by_role("button", name=f"声明再生含量 {share}").click()
    page.wait_for_url(re.compile(r"/claims/[0-9A-Z]{12}$"))
    expect(page.locator(".share-number")).to_have_text(share)
    expect(page.locator("main .tag").first).to_have_text("有效")
    expect(fact(page, "涵盖")).to_contain_text(net)
    look(page)


def print_label(page: Page, folder: Path) -> Path:
    """Issue one label for the claim on the page; gives the sheet."""
    page.get_by_role("link", name="打印标签").click()
    look(page)
    page.fill("#count", "1")
    page.get_by_role("button", name="签发标签").click()
    page.wait_for_url(re.compile(r"/labels/\d+"))
    look(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="下载 PDF").click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def scan(sheet: Path) -> str:
    """The address in the one code on a printed sheet."""
    document = pypdfium2.PdfDocument(sheet)
    picture = document[0].render(scale=PRINT_DPI / POINTS_PER_INCH).to_pil()
    document.close()
    [read] = zxingcpp.read_barcodes(picture)
    return read.text


def test_a_load_walks_from_the_yard_to_whoever_scans_the_part(
    visit: Visits, live: Live, fabricator: str, tmp_path: Path
) -> None:
    yard, centre, smelter, maker = (
        visit("/", person, size=PHONE) for person in (YARD, CENTRE, SMELTER, fabricator)
    )
    scrap = log_lot(
        yard,
        "AL-SCRAP-MIXED",
        "回收 · 消费后",
        {"gross": "25100", "tare": "15100"},
        "10 000",
    )
    hand_over(yard, scrap, "FAC-P", centre, "10 000")
    [shred] = log_run(centre, "shred", [scrap], [("AL-SHRED", "9 600")], "400")
    hand_over(centre, shred, "FAC-S", smelter, "9 600")
    primary = log_lot(smelter, "AL-INGOT-99.70", "原生金属", {"net": "3000"}, "3 000")
    [ingot] = log_run(smelter, "melt", [shred, primary], [("ADC12", "11 900")], "700")
    hand_over(smelter, ingot, "FAC-F", maker, "11 900")
    [part, _gates] = log_run(
        maker,
        "cast",
        [ingot],
        [("AL-CASTING", "9 000"), ("AL-RETURNS", "2 800")],
        "100",
    )
    # Of the shred 96 % is metal, of the ingot 99.7 %; the figure is rounded down
    recycled, metal = 9_600 * 960, 9_600 * 960 + 3_000 * 997
    share = f"{recycled * 1000 // metal / 10:.1f}"
    claim(maker, part, share, kg("9 000"))
    sheet = print_label(maker, tmp_path)
    live.world.checkpoint()

    address = scan(sheet)
    visitor = visit(urlsplit(address).path, size=PHONE)

    assert address.startswith("HTTP")
    expect(visitor.locator("h1")).to_have_text("有效")
    expect(visitor.locator(".share-number")).to_have_text(share)
    expect(visitor.locator("main")).to_contain_text("示例 ORG-F")
    stations = visitor.locator("ol.path b").all_inner_texts()
    assert stations == ["回收入库", "预处理", "熔炼精炼", "铸造加工", "贴标"]
    look(visitor)
    assert visitor.context.cookies() == []
