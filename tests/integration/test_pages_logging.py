"""The pages that log facts: forms in, entries out, nothing typed twice or lost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app.models import LogEntryRow
from app.queries.lots import LotView, get_lot
from app.queries.runs import RunFilter, list_runs
from labels.codes import format_code, new_code
from tests.people import add_person, close, make_app, sign_in
from tests.world import World, code_of

YARD, CENTRE = "yard@example.org", "centre@example.org"
AUDITOR, STATISTICIAN = "auditor@example.org", "statistician@example.org"
ORG_Y, ORG_P = code_of("yard"), code_of("centre")
SITE_Y, SITE_P = code_of("gate"), code_of("hall")
INPUT = re.compile(r"<input\b[^>]*>")
SELECT = re.compile(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
CHOSEN = re.compile(r'<option value="([^"]*)" selected')
FIRST = re.compile(r'<option value="([^"]*)"')
THIN = "\u202f"


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    scale = {"code": "W1", "e_g": 20_000, "max_g": 10**8}
    for name, site in (("yard", "gate"), ("centre", "hall")):
        world.register(name)
        world.facility(code_of(name), site, scales=[scale])
    app = make_app(world.engine, tmp_path)
    add_person(app, YARD, "recycler", "manager", organisation=ORG_Y)
    add_person(app, CENTRE, "recycler", organisation=ORG_P)
    add_person(app, AUDITOR, "auditor")
    add_person(app, STATISTICIAN, "statistician")
    yield app
    close(app)


def client_of(app: APIFlask, email: str) -> FlaskClient:
    client = app.test_client()
    assert sign_in(client, email).status_code == 302
    return client


@pytest.fixture
def yard(app: APIFlask) -> FlaskClient:
    return client_of(app, YARD)


@pytest.fixture
def centre(app: APIFlask) -> FlaskClient:
    return client_of(app, CENTRE)


def fields_of(html: str) -> MultiDict[str, str]:
    """What a browser would send of the forms of a page, buttons left out."""
    main = html.partition("<main")[2]
    values: MultiDict[str, str] = MultiDict()
    for tag in INPUT.findall(main):
        parts = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        ticked = parts.get("type") not in ("checkbox", "radio") or " checked" in tag
        if "name" in parts and ticked:
            values.setdefault(parts["name"], unescape(parts.get("value", "")))
    for name, options in SELECT.findall(main):
        chosen = CHOSEN.search(options) or FIRST.search(options)
        values.setdefault(name, unescape(chosen[1]) if chosen else "")
    return values


def fill(client: FlaskClient, page: str, **typed: str) -> MultiDict[str, str]:
    """The fields of a page with some of them typed over."""
    answer = client.get(f"{page}{'&' if '?' in page else '?'}lang=en")
    assert answer.status_code == 200, page
    values = fields_of(answer.text)
    for name, value in typed.items():
        values[name] = value
    return values


def send(
    client: FlaskClient, page: str, values: Mapping[str, str], *, to: str | None = None
) -> TestResponse:
    return client.post(to or page.partition("?")[0], data=dict(values))


def size(world: World) -> int:
    with world.reading() as session:
        return session.execute(
            select(func.count()).select_from(LogEntryRow)
        ).scalar_one()


def lot_named(client: FlaskClient, world: World, answer: TestResponse) -> LotView:
    """The lot of the receipt that a form led to."""
    assert answer.status_code == 302, answer.text
    page = client.get(answer.location, query_string={"lang": "en"}).text
    code = re.search(r"<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})</code>", page)
    assert code is not None
    with world.reading() as session:
        return get_lot(
            session, code[1].replace("-", ""), organisation_id=None, everything=True
        )


def stock(world: World, number: str = "Y-1", *, net_g: int = 24_310_000) -> str:
    return world.sourced(
        ORG_Y,
        SITE_Y,
        net_g=net_g,
        weighing={"net_g": net_g, "scale": "W1"},
        alias=[{"scheme": "own", "value": number}],
    )


LOT = {"material": "AL-SCRAP-UBC", "origin": "collected|post_consumer"}


@pytest.mark.parametrize(
    ("typed", "net_g"),
    [
        ({"net": "12 480"}, 12_480_000),
        ({"net": "12,480.5"}, 12_480_500),
        ({"net": "１２４８０"}, 12_480_000),
        ({"net": "12.48 t"}, 12_480_000),
        ({"net": "12.48吨"}, 12_480_000),
        ({"gross": "39430", "tare": "15120"}, 24_310_000),
        ({"gross": "39430", "tare": "15120", "net": "24310"}, 24_310_000),
    ],
)
def test_weights_are_read_as_people_write_them(
    yard: FlaskClient, world: World, typed: dict[str, str], net_g: int
) -> None:
    answer = send(yard, "/lots/new", fill(yard, "/lots/new", **LOT, **typed))

    assert lot_named(yard, world, answer).lot.net_g == net_g


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"net": "12,4oo"}, "net"),
        ({"net": "-5"}, "net"),
        ({"net": "0"}, "net"),
        ({"net": "1.2345"}, "net"),
        ({"net": ""}, "net"),
        ({"net": "9" * 40}, "net"),
        ({"gross": "10", "tare": "20"}, "net"),
        ({"gross": "39430", "tare": "15120", "net": "24000"}, "net"),
        ({"gross": "200000", "tare": "100", "net": ""}, "gross"),
        ({"net": "5", "material": ""}, "material"),
        ({"net": "5", "material": "GOLD"}, "material"),
        ({"net": "5", "origin": "nowhere"}, "origin"),
        ({"net": "5", "origin": "primary|primary"}, "material"),
        ({"net": "5", "content": "101"}, "content"),
        ({"net": "5", "scale": "W9"}, "scale"),
        ({"net": "5", "at": "2999-01-01T00:00:00"}, "at"),
        ({"net": "5", "own_number": "a\u202eb"}, "own_number"),
        ({"net": "5", "supplier": "x" * 501}, "supplier"),
        ({"net": "5", "origin": "imported|post_consumer"}, "country"),
    ],
)
def test_a_fault_stands_beside_its_field_and_nothing_typed_is_lost(
    yard: FlaskClient, world: World, typed: dict[str, str], field: str
) -> None:
    before = size(world)
    values = fill(yard, "/lots/new", **(LOT | {"ticket": "磅单 7"} | typed))

    answer = send(yard, "/lots/new", values)

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert size(world) == before
    again = fields_of(answer.text)
    offered = ("material", "origin", "scale")
    kept = {name: again[name] for name in typed if name not in offered}
    assert kept == {name: typed[name] for name in kept}
    assert again["ticket"] == "磅单 7"
    assert again["fact_id"] == values["fact_id"]


def test_the_same_form_sent_twice_logs_once_and_shows_the_first_receipt(
    yard: FlaskClient, world: World
) -> None:
    values = fill(yard, "/lots/new", **LOT, net="1200")
    before = size(world)

    first, second = (send(yard, "/lots/new", values) for _ in range(2))

    assert first.location == second.location
    assert size(world) == before + 1


def test_a_logged_form_with_other_values_says_so_and_gets_a_new_identity(
    yard: FlaskClient, world: World
) -> None:
    values = fill(yard, "/lots/new", **LOT, net="1200")
    send(yard, "/lots/new", values)
    values["net"] = "1300"

    answer = send(yard, "/lots/new", values)

    assert answer.status_code == 422
    again = fields_of(answer.text)
    assert again["fact_id"] != values["fact_id"]
    assert again["new_lot"] != values["new_lot"]
    assert lot_named(yard, world, send(yard, "/lots/new", again)).lot.net_g == 1_300_000


def test_the_next_lot_begins_like_the_last_one(yard: FlaskClient, world: World) -> None:
    first = fill(
        yard,
        "/lots/new",
        **LOT | {"content": "93.5", "supplier": "示例 回收站"},
        net="1200",
        own_number="Y-7",
    )
    send(yard, "/lots/new", first)

    following = fill(yard, "/lots/new")

    for name in ("material", "origin", "content", "supplier", "scale"):
        assert following[name] == first[name], name
    for name in ("net", "gross", "tare", "own_number", "ticket"):
        assert following[name] == "", name
    assert following["fact_id"] != first["fact_id"]


def test_an_imported_lot_carries_its_declaration_and_a_failed_check_holds_it(
    yard: FlaskClient, world: World
) -> None:
    values = fill(
        yard,
        "/lots/new",
        material="AL-SCRAP-MIXED",
        origin="imported|post_consumer",
        net="20 t",
        hs_code="7602 0000 90",
        country="日本",
        declared_on="2026-11-02",
        radiation="failed",
    )

    view = lot_named(yard, world, send(yard, "/lots/new", values))

    assert view.state == "quarantined"
    assert view.lot.cells[3] == view.lot.metal_g


def test_a_form_that_was_tampered_with_gets_ids_of_its_own(
    yard: FlaskClient, world: World
) -> None:
    values = fill(yard, "/lots/new", **LOT, net="5", fact_id="x", new_lot="0" * 12)

    assert send(yard, "/lots/new", values).status_code == 302


def run_values(
    client: FlaskClient, lot: str, kind: str, **typed: str
) -> dict[str, str]:
    values = fill(client, f"/runs/new?lot={lot}&kind={kind}", **typed)
    return {**values.to_dict(), "action": "log"}


def test_what_is_missing_from_a_run_is_the_loss_that_it_names(
    yard: FlaskClient, world: World
) -> None:
    lot = stock(world)
    values = run_values(
        yard,
        lot,
        "melt",
        out_0_material="ADC12",
        out_0_net="22905",
        loss_moisture="5",
        electricity="9000.5",
    )

    answer = send(yard, "/runs/new", values)

    assert answer.status_code == 302, answer.text
    with world.reading() as session:
        run = list_runs(session, RunFilter(), organisation_id=None, everything=True)[
            0
        ].run
    assert (run.net_in_g, run.net_out_g) == (24_310_000, 22_905_000)
    assert {name: g for name, g in run.losses.items() if g} == {
        "moisture": 5_000,
        "combustion": 1_400_000,
    }
    page = yard.get(f"/runs/{run.code}", query_string={"lang": "en"}).text
    assert f"loss 1{THIN}405{THIN}kg" in page


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"out_0_net": "25000"}, ""),
        ({"in_0_net": "99999", "out_0_net": "5"}, "in_0_net"),
        ({"out_0_net": "", "out_0_material": ""}, "out_0_net"),
        ({"out_0_net": "5", "out_0_material": ""}, "out_0_material"),
        ({"out_0_net": "24 310", "started": "2999-01-01"}, "started"),
        ({"rest": "", "out_0_net": "10000"}, ""),
    ],
)
def test_a_run_that_cannot_be_says_where(
    yard: FlaskClient, world: World, typed: dict[str, str], field: str
) -> None:
    lot = stock(world)
    before = size(world)
    values = run_values(yard, lot, "melt", **({"out_0_material": "ADC12"} | typed))

    answer = send(yard, "/runs/new", values)

    assert answer.status_code == 422
    assert "fault-summary" in answer.text
    assert not field or f'id="{field}-error"' in answer.text
    assert " g," not in answer.text.partition("fault-summary")[2].partition("</ul>")[0]
    assert size(world) == before


def test_rows_of_a_run_are_added_and_taken_out_without_losing_the_others(
    yard: FlaskClient, world: World
) -> None:
    first, second = stock(world, "Y-1"), stock(world, "Y-2", net_g=5_000_000)
    page = "/runs/new"
    values = fill(yard, f"{page}?lot={first}&kind=sort", out_0_net="77", scan="Y-2")

    added = send(yard, page, {**values, "action": "add"})
    values = fields_of(added.text)
    assert (values["in_1_lot"], values["in_1_net"]) == (second, f"5{THIN}000")
    twice = send(yard, page, {**values, "scan": second.lower(), "action": "add"})
    assert 'id="scan-error"' in twice.text
    more = fields_of(send(yard, page, {**values, "action": "output:return"}).text)
    assert (more["out_0_net"], more["out_1_role"]) == ("77", "return")
    fewer = fields_of(send(yard, page, {**more, "action": "remove:in_0"}).text)

    assert "in_0_lot" not in fewer
    assert fewer["in_1_lot"] == second


def test_a_lot_of_somebody_else_or_of_nobody_is_not_taken(
    yard: FlaskClient, world: World
) -> None:
    other = world.sourced(ORG_P, SITE_P, weighing={"net_g": 10**7, "scale": "W1"})
    for text in (other, format_code(new_code()), "nothing like it"):
        values = fill(yard, "/runs/new", scan=text)
        answer = send(yard, "/runs/new", {**values, "action": "add"})
        assert 'id="scan-error"' in answer.text
        assert "in_0_lot" not in fields_of(answer.text)
    forged = fill(yard, "/runs/new", in_0_lot=other, in_0_net="5")
    answer = send(yard, "/runs/new", {**forged, "action": "log"})
    assert answer.status_code == 422


def test_the_balance_alone_is_the_one_that_the_page_shows(
    yard: FlaskClient, world: World
) -> None:
    lot = stock(world)
    values = run_values(yard, lot, "melt", out_0_material="ADC12", out_0_net="22905")

    alone = yard.post("/runs/new/balance", data=values).text
    whole = send(yard, "/runs/new", values | {"action": "look"}).text

    assert 'class="balance ok"' in alone
    assert " ".join(alone.split()) in " ".join(whole.split())


def dispatch(client: FlaskClient, lot: str, **typed: str) -> TestResponse:
    page = f"/transfers/new?lot={lot}"
    to = f"示例 {format_code(SITE_P)}"
    return send(client, page, fill(client, page, **({"to": to} | typed)))


def test_a_whole_lot_travels_under_its_own_code(
    yard: FlaskClient, world: World
) -> None:
    lot = stock(world)
    before = size(world)

    answer = dispatch(yard, lot, mode="road", km="87", vehicle="粤A12345")

    assert answer.status_code == 302, answer.text
    assert size(world) == before + 1
    with world.reading() as session:
        view = get_lot(session, lot, organisation_id=None, everything=True)
    assert view.state == "in_transit"


def test_a_part_is_split_off_first_in_the_same_transaction(
    yard: FlaskClient, world: World
) -> None:
    lot = stock(world)
    before = size(world)

    answer = dispatch(yard, lot, net="10 000")

    assert answer.status_code == 302, answer.text
    assert size(world) == before + 2
    assert "split off in entry" in yard.get(f"{answer.location}&lang=en").text
    with world.reading() as session:
        whole = get_lot(session, lot, organisation_id=None, everything=True)
        runs = list_runs(session, RunFilter(), organisation_id=None, everything=True)
    assert whole.left_g == 0
    assert (runs[0].run.kind, runs[0].run.net_out_g) == ("split", 24_310_000)
    assert runs[0].run.metal_loss_g == 0


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"to": ""}, "to"),
        ({"to": "nobody knows it"}, "to"),
        ({"to": SITE_Y}, "to"),
        ({"net": "25 000"}, "net"),
        ({"net": ""}, "net"),
        ({"km": "87"}, "mode"),
        ({"mode": "road", "km": "far"}, "km"),
    ],
)
def test_a_dispatch_that_cannot_be_writes_nothing(
    yard: FlaskClient, world: World, typed: dict[str, str], field: str
) -> None:
    lot = stock(world)
    before = size(world)

    answer = dispatch(yard, lot, **typed)

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert size(world) == before


def test_a_transfer_is_answered_by_its_receiver_and_by_nobody_else(
    yard: FlaskClient, centre: FlaskClient, app: APIFlask, world: World
) -> None:
    lot = stock(world)
    page = f"/transfers/{dispatched(yard, lot)}"

    assert "Weigh it in" not in yard.get(page, query_string={"lang": "en"}).text
    values = fill(centre, page, net="24 300")
    ours = fill(yard, "/lots/new", net="24 300")
    refused = send(yard, page, ours, to=f"{page}/accept")
    accepted = send(centre, page, values, to=f"{page}/accept")
    again = send(centre, page, fill(centre, "/lots/new", net="5"), to=f"{page}/accept")

    assert (refused.status_code, accepted.status_code) == (422, 302)
    assert again.status_code == 422
    with world.reading() as session:
        view = get_lot(session, lot, organisation_id=None, everything=True)
    assert (view.holder, view.left_g) == (ORG_P, 24_300_000)
    assert client_of(app, STATISTICIAN).get(page).status_code in (403, 404)


def dispatched(client: FlaskClient, lot: str) -> str:
    """The code of the transfer that a dispatch made."""
    receipt = client.get(dispatch(client, lot).location).text
    found = re.search(r"/transfers/([0-9A-Z]{12})", receipt)
    assert found is not None
    return found[1]


def test_a_delivery_takes_from_the_lot(yard: FlaskClient, world: World) -> None:
    lot = stock(world)
    page = f"/deliveries/new?lot={lot}"
    too_much = send(yard, page, fill(yard, page, net="99 999"))
    assert 'id="net-error"' in too_much.text

    answer = send(yard, page, fill(yard, page, net="310", category="packaging"))

    assert lot_named(yard, world, answer).left_g == 24_000_000


def test_lists_are_narrowed_by_their_address_and_downloaded_whole(
    yard: FlaskClient, world: World
) -> None:
    codes = [dispatched(yard, stock(world, f"Y-{n}")) for n in range(3)]
    everything = yard.get("/transfers?lang=en").text
    assert "3 transfers" in everything
    one = yard.get(f"/transfers?lang=en&text={format_code(codes[1])}").text
    assert "1 transfer" in one
    assert format_code(codes[0]) not in one
    assert "No transfer fits" in yard.get("/transfers?lang=en&state=refused").text
    assert "No transfer fits" in yard.get("/transfers?lang=en&way=in").text
    assert yard.get("/transfers?state=zz&since=x&before=q").status_code == 200

    file = yard.get("/transfers?format=csv&lang=en")

    lines = file.get_data(as_text=True).lstrip("\ufeff").splitlines()
    assert len(lines) == 1 + len(codes)
    assert set(codes) == {line.partition(",")[0] for line in lines[1:]}
    assert "attachment" in file.headers["Content-Disposition"]


def test_runs_are_listed_found_by_lot_and_downloaded(
    yard: FlaskClient, world: World
) -> None:
    lot = stock(world)
    values = run_values(yard, lot, "melt", out_0_material="ADC12", out_0_net="12000")
    assert send(yard, "/runs/new", values).status_code == 302

    assert "1 run" in yard.get(f"/runs?lang=en&text={format_code(lot)}").text
    assert "No run fits" in yard.get(f"/runs?lang=en&text={new_code()}").text
    assert "1 run" in yard.get("/runs?lang=en&findings=yes").text
    assert "No run fits" in yard.get("/runs?lang=en&kind=cast").text
    rows = yard.get("/runs?format=csv&lang=en").get_data(as_text=True).splitlines()
    assert len(rows) == 2
    assert "49.3" in rows[1]  # the finding names the yield in per cent


def test_the_home_of_a_yard_says_what_waits_and_what_came_in(
    yard: FlaskClient, centre: FlaskClient, world: World
) -> None:
    empty = yard.get("/?lang=en").text
    assert "No lots yet" in empty
    send(yard, "/lots/new", fill(yard, "/lots/new", **LOT, net="12.44 t"))

    assert ">12.4</b> t" in yard.get("/?lang=en").text
    dispatched(yard, stock(world))
    assert f"Accept 24{THIN}310{THIN}kg" in centre.get("/?lang=en").text
    assert "1 dispatch of yours" in yard.get("/?lang=en").text


def test_the_search_leads_to_what_a_code_names(yard: FlaskClient, world: World) -> None:
    lot = stock(world)
    transfer = dispatched(yard, lot)

    assert yard.get(f"/search?text={lot.lower()}").location == f"/lots/{lot}"
    printed = f"/search?text=HTTP://X.INVALID/V/{format_code(transfer)}"
    assert yard.get(printed).location == f"/transfers/{transfer}"
    assert yard.get("/search?text=Y-1 %26 more").location == "/lots?text=Y-1+%26+more"
    assert yard.get("/search").location == "/lots"


@pytest.mark.parametrize("page", ["/lots/new", "/runs/new", "/transfers/new"])
def test_only_those_who_log_see_the_forms(app: APIFlask, page: str) -> None:
    assert client_of(app, AUDITOR).get(page).status_code == 403
    visitor = app.test_client().get(page)
    assert "/login" in visitor.location
    assert app.test_client().post(page, data={"net": "5"}).status_code in (400, 401)


def test_a_receipt_is_shown_to_those_who_may_read_the_entry(
    yard: FlaskClient, centre: FlaskClient
) -> None:
    answer = send(yard, "/lots/new", fill(yard, "/lots/new", **LOT, net="5"))

    assert yard.get(answer.location).status_code == 200
    assert centre.get(answer.location).status_code == 404
    assert yard.get(f"{answer.location}/grade").status_code == 200


def test_static_files_are_kept_for_a_year_under_an_address_of_their_content(
    app: APIFlask,
) -> None:
    client = app.test_client()
    page = client.get("/").text
    address = re.search(r'href="(/static/css/remelt\.css\?v=[0-9a-f]{12})"', page)
    assert address is not None

    with client.get(address[1]) as kept, client.get("/static/css/remelt.css") as plain:
        assert "immutable" in kept.headers["Cache-Control"]
        assert "immutable" not in plain.headers["Cache-Control"]


def test_the_language_switch_leads_only_to_addresses_of_ours(yard: FlaskClient) -> None:
    token = fill(yard, "/account/settings")["csrf_token"]
    for to, expected in (
        ("/runs?kind=melt", "/runs?kind=melt"),
        ("//evil.example/x", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
    ):
        form = {"csrf_token": token, "locale": "en", "to": to}
        answer = yard.post("/account/language", data=form)
        assert answer.location == expected
    form = {"csrf_token": token, "locale": "xx", "to": "/"}
    assert yard.post("/account/language", data=form).status_code == 422
