"""Labels: issued once, printed and read back, declared void, by pages, API and CLI."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pypdfium2
import pytest
import zxingcpp
from apiflask import APIFlask
from flask.testing import FlaskClient
from PIL import Image

from app.errors import localise
from app.queries.labels import (
    get_print_run,
    get_subject,
    list_labels,
    list_print_runs,
)
from app.services.errors import Forbidden, Refused, RepeatMismatch
from app.services.fact_ids import new_fact_id
from app.services.label_issuing import (
    LabelWish,
    content_of,
    issue_labels,
    setting,
    specimen,
)
from app.services.tokens import make_token
from labels.codes import code_sha256, format_code, new_code
from labels.layout import FORMATS, LabelContent, lay_out
from labels.payload import parse_payload
from tests.labelled import PROFILE, SMELTER, YARD, claim_lot, grow_chain, person
from tests.people import add_person, close, csrf_token, make_app, sign_in
from tests.world import World, code_of

BASE = "https://remelt.example"


@pytest.fixture
def chain(world: World) -> World:
    grow_chain(world)
    return world


@pytest.fixture
def app(chain: World, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(chain.engine, tmp_path)
    yield app
    close(app)


@pytest.fixture
def clerk(app: APIFlask) -> FlaskClient:
    add_person(app, "clerk@example.org", "recycler", organisation=SMELTER)
    client = app.test_client()
    sign_in(client, "clerk@example.org")
    return client


def issue(world: World, wish: LabelWish, org: str = SMELTER, *roles: str) -> int:
    return issue_labels(
        world.doors, world.keyring, person(world, org, *roles), wish, BASE, world.now
    ).entry_index


def wish(world: World, **more: object) -> LabelWish:
    plain: dict[str, object] = {
        "fact_id": new_fact_id(world.now),
        "lot": PROFILE,
        "claim": None,
        "count": 3,
        "format": "a4_3x7",
    }
    return LabelWish(**(plain | more))  # type: ignore[arg-type]


def codes_of(world: World, index: int) -> list[str]:
    with world.reading() as session:
        return [one.code or "" for one in list_labels(session, index)]


def scanned(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        images = [page.render(scale=200 / 72).to_pil() for page in document]
    found = [one.text for image in images for one in zxingcpp.read_barcodes(image)]
    return sorted(parse_payload(one) for one in found)


def test_labels_carry_the_share_of_their_claim(chain: World) -> None:
    claim = claim_lot(chain)
    index = issue(chain, wish(chain, lot=None, claim=claim.code))

    with chain.reading() as session:
        run = get_print_run(session, index, organisation_id=None, everything=True)
    content = content_of(run, codes_of(chain, index)[0], BASE)

    assert (run.count, run.voided, run.claim) == (3, 0, claim.code)
    assert run.net_g == 15_000_000
    assert content.net == "15 000 kg"
    assert run.share_ppm is not None
    assert content.share == f"{run.share_ppm // 1000 / 10:.1f} %"
    assert content.basis_en == "controlled blending"


def test_a_label_of_a_lot_says_that_nothing_is_claimed(chain: World) -> None:
    index = issue(chain, wish(chain))
    with chain.reading() as session:
        run = get_print_run(session, index, organisation_id=None, everything=True)

    content = content_of(run, codes_of(chain, index)[0], BASE)

    assert content.share == ""
    assert content.basis_zh == "未作再生含量声明"


def test_a_double_tap_prints_once(chain: World) -> None:
    wanted = wish(chain)
    index = issue(chain, wanted)
    chain.now += timedelta(seconds=7)

    assert issue(chain, wanted) == index
    with pytest.raises(RepeatMismatch):
        issue(chain, wish(chain, fact_id=wanted.fact_id, count=4))
    assert len(set(codes_of(chain, index))) == 3


def test_codes_cannot_be_guessed_from_the_log(chain: World) -> None:
    first = codes_of(chain, issue(chain, wish(chain)))
    second = codes_of(chain, issue(chain, wish(chain)))

    assert not set(first) & set(second)
    with chain.reading() as session:
        listed = list_print_runs(session, organisation_id=None, everything=True)
    assert len(listed) == 2


@pytest.mark.parametrize(
    "more",
    [{"count": 0}, {"count": 501}, {"format": "a5"}, {"lot": code_of("L-S1")}],
)
def test_what_cannot_be_issued_is_refused(
    chain: World, more: dict[str, object]
) -> None:
    with pytest.raises(Refused):
        issue(chain, wish(chain, **more))
    with chain.reading() as session:
        assert not list_print_runs(session, organisation_id=None, everything=True)


def test_who_may_not_issue_labels_is_told(chain: World) -> None:
    with pytest.raises(Forbidden):
        issue(chain, wish(chain), SMELTER, "statistician")
    with pytest.raises(Refused, match="found"):
        issue(chain, wish(chain), YARD)


def test_a_clerk_issues_prints_and_voids(clerk: FlaskClient, chain: World) -> None:
    page = clerk.get(f"/labels/new?lot={PROFILE}&lang=en").text
    fact_id = re.search(r'name="id" value="([^"]+)"', page)
    assert fact_id is not None
    token = csrf_token(clerk, f"/labels/new?lot={PROFILE}")
    form = {
        "csrf_token": token,
        "id": fact_id[1],
        "lot": PROFILE,
        "count": "5",
        "format": "a4_2x5",
    }
    made = clerk.post("/labels", data=form)
    again = clerk.post("/labels", data=form)

    assert made.status_code == 302
    assert made.location == again.location
    shown = clerk.get(made.location)
    index = int(made.location.rpartition("/")[2])
    codes = codes_of(chain, index)
    assert all(format_code(code) in shown.text for code in codes)

    sheet = clerk.get(f"/labels/{index}/sheet.pdf?first=8")
    assert sheet.content_type == "application/pdf"
    assert scanned(sheet.data) == sorted(codes)
    picture = Image.open(io.BytesIO(clerk.get(f"/labels/{index}/2.png").data))
    [found] = zxingcpp.read_barcodes(picture.convert("L"))
    assert parse_payload(found.text) == codes[1]
    assert clerk.get(f"/labels/{index}/2.svg").content_type.startswith("image/svg+xml")

    void = {
        "csrf_token": token,
        "id": new_fact_id(chain.now),
        "label": code_sha256(codes[0]).hex(),
        "reason": "misprint",
    }
    assert clerk.post(f"/labels/{index}/void", data=void).status_code == 302
    assert "misprint" in clerk.get(f"/labels/{index}").text
    rest = clerk.get(f"/labels/{index}/sheet.pdf").data
    assert scanned(rest) == sorted(codes[1:])
    assert clerk.get(f"/labels/{index}/1.png").status_code == 404
    assert clerk.get("/labels?lang=en").text.count("<tr>") == 2


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"count": "many"}, "count"),
        ({"count": "0"}, "count"),
        ({"format": ""}, "format"),
        ({"lot": ""}, "lot"),
        ({"lot": "AAAA"}, "lot"),
    ],
)
def test_a_form_that_does_not_fit_comes_back_with_its_faults(
    clerk: FlaskClient, chain: World, changed: dict[str, str], names: str
) -> None:
    form = {
        "csrf_token": csrf_token(clerk, f"/labels/new?lot={PROFILE}"),
        "id": new_fact_id(chain.now),
        "lot": PROFILE,
        "count": "5",
        "format": "a4_2x5",
    }

    answer = clerk.post("/labels", data=form | changed)

    assert answer.status_code == 422
    assert f'id="{names}-error"' in answer.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("sheet.pdf?format=60x40", 200),
        ("sheet.pdf?first=x", 200),
        ("sheet.pdf?format=a5", 422),
        ("1.svg?format=a5", 422),
        ("1.png?dpi=99999", 200),
        ("1.png?dpi=abc", 200),
        ("9.png", 404),
    ],
)
def test_an_address_that_asks_for_too_much_is_answered_in_words(
    clerk: FlaskClient, chain: World, address: str, status: int
) -> None:
    index = issue(chain, wish(chain))

    answer = clerk.get(f"/labels/{index}/{address}")

    assert answer.status_code == status
    if status == 422:
        assert "a4_3x7" in answer.text


def test_a_size_that_is_not_printed_here_does_not_hide_the_labels(
    clerk: FlaskClient, chain: World
) -> None:
    data = {
        "lot": PROFILE,
        "codes_sha256": [code_sha256(new_code()).hex()],
        "format": "svg",
    }
    chain.state("label.issued", SMELTER, data)
    with chain.reading() as session:
        [run] = list_print_runs(session, organisation_id=None, everything=True)

    page = clerk.get(f"/labels/{run.entry_index}?lang=en")

    assert page.status_code == 200
    assert "not kept here" in page.text


def test_labels_of_a_claim_that_has_ended_are_not_printed_again(
    clerk: FlaskClient, chain: World
) -> None:
    claim = claim_lot(chain)
    index = issue(chain, wish(chain, lot=None, claim=claim.code))
    assert clerk.get(f"/labels/{index}/sheet.pdf").status_code == 200
    withdrawn = {"claim": claim.code, "reason": "misjudged"}
    chain.state("claim.withdrawn", SMELTER, withdrawn)

    page = clerk.get(f"/labels/{index}?lang=en")

    assert "not printed again" in page.text
    assert "sheet.pdf" not in page.text
    for name in ("sheet.pdf", "1.svg", "1.png"):
        assert clerk.get(f"/labels/{index}/{name}").status_code == 422


@pytest.mark.parametrize(
    ("fault", "zh"),
    [
        (lambda: lay_out_named("𠮷田"), "标签字体缺字 𠮷（U+20BB7）"),
        (lambda: lay_out_named("示例" * 80), "此尺寸放不下"),
    ],
)
def test_what_cannot_be_printed_is_told_in_the_language_of_the_page(
    app: APIFlask, fault: Callable[[], None], zh: str
) -> None:
    with pytest.raises(Refused) as caught, setting():
        fault()

    with app.test_request_context("/?lang=zh"):
        assert zh in localise(caught.value.faults[0])


def lay_out_named(maker: str) -> None:
    plain = LabelContent(
        url=f"{BASE}/V/000000000000",
        address="remelt.example/v/0000-0000-0000",
        title_zh="铝锭",
        title_en="Aluminium ingot",
        net="12 kg",
        share="",
        basis_zh="未作再生含量声明",
        basis_en="No recycled-content claim is made",
        lot="0000-0000-0000",
        maker=maker,
        made_on="2026-03-05",
    )
    lay_out(plain, FORMATS["60x40"])


def test_a_preview_shows_the_label_and_issues_nothing(
    clerk: FlaskClient, chain: World
) -> None:
    claim = claim_lot(chain)
    page = clerk.get(f"/labels/new?claim={claim.code}").text
    shown = re.findall(r'src="(/labels/preview.svg[^"]+)"', page)

    pictures = [clerk.get(unescape(one)) for one in shown]

    assert len(pictures) == 4
    assert {one.content_type for one in pictures} == {"image/svg+xml"}
    assert {re.findall(r'width="(\d+\.?\d*)mm"', one.text)[0] for one in pictures} == {
        "70.0",
        "105.0",
        "100.0",
        "60.0",
    }
    for other in (f"lot={code_of('L-S1')}", "lot=AAAA", "claim=AAAA", ""):
        assert clerk.get(f"/labels/preview.svg?{other}").status_code == 404
    assert clerk.get(f"/labels/preview.svg?lot={PROFILE}&format=a5").status_code == 422
    with chain.reading() as session:
        assert not list_print_runs(session, organisation_id=None, everything=True)
        subject = get_subject(
            session,
            lot=None,
            claim=claim.code,
            organisation_id=person(chain, SMELTER).organisation_id,
        )
    content = specimen(subject, BASE)
    index = issue(chain, wish(chain, lot=None, claim=claim.code))
    with chain.reading() as session:
        run = get_print_run(session, index, organisation_id=None, everything=True)
    printed = content_of(run, codes_of(chain, index)[0], BASE)
    same = replace(content, url="", address="", example=False)
    assert same == replace(printed, url="", address="")
    assert content.example
    assert not printed.example


def test_the_list_counts_what_its_filter_finds(
    clerk: FlaskClient, chain: World
) -> None:
    claim = claim_lot(chain)
    issue(chain, wish(chain))
    issue(chain, wish(chain, lot=None, claim=claim.code))

    for text, count in (("", 2), (claim.code, 1), (PROFILE[:5], 2), ("%", 0)):
        page = clerk.get(f"/labels?lang=en&text={quote(text)}").text
        assert page.count('href="/labels/') - page.count('href="/labels/new"') == count
        assert ("1 print run<" in page) == (count == 1)


def test_labels_of_others_are_not_shown(app: APIFlask, chain: World) -> None:
    index = issue(chain, wish(chain))
    add_person(app, "yard@example.org", "recycler", organisation=YARD)
    client = app.test_client()
    sign_in(client, "yard@example.org")

    assert client.get(f"/labels/{index}").status_code == 404
    assert client.get(f"/labels/{index}/sheet.pdf").status_code == 404
    assert "<table" not in client.get("/labels").text


def test_programs_issue_print_and_void(app: APIFlask, chain: World) -> None:
    user = add_person(app, "robot@example.org", "recycler", organisation=SMELTER)
    with chain.transaction() as session:
        _, token = make_token(
            session,
            user,
            name="robot",
            scopes=("read", "claim"),
            expires_at=chain.now + timedelta(days=30),
            now=chain.now,
        )
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    body = {"id": new_fact_id(chain.now), "lot": PROFILE, "count": 2}

    made = client.post("/api/v1/labels", json=body)
    again = client.post("/api/v1/labels", json=body)

    assert made.status_code == 201, made.json
    assert again.json["labels"] == made.json["labels"]
    assert (made.json["repeated"], again.json["repeated"]) == (False, True)
    index, codes = (
        made.json["entry_index"],
        [one["code"] for one in made.json["labels"]],
    )
    assert made.json["labels"][0]["address"].endswith(f"/v/{codes[0]}")
    assert scanned(client.get(f"/api/v1/labels/{index}/sheet.pdf").data) == sorted(
        codes
    )
    void = {"id": new_fact_id(chain.now), "reason": "misprint"}
    ended = client.post(f"/api/v1/labels/{format_code(codes[0])}/void", json=void)
    assert ended.status_code == 201, ended.json
    left = client.get(f"/api/v1/labels/{index}").json["labels"]
    assert [one["voided_because"] for one in left] == ["misprint", None]
    neither = client.post("/api/v1/labels", json={"id": new_fact_id(chain.now)})
    assert neither.status_code == 422


@pytest.mark.parametrize("name", ["labels.pdf", "label.svg", "label.png"])
def test_the_command_writes_a_file(
    app: APIFlask, chain: World, tmp_path: Path, name: str
) -> None:
    from app.cli.labels import cli  # noqa: PLC0415 - beside the runner

    file = tmp_path / name
    run = app.test_cli_runner().invoke

    made = run(cli, ["sheet", str(file), "--lot", PROFILE, "--format", "60x40"])

    assert made.exit_code == 0, made.output
    assert file.stat().st_size > 1000
    again = run(cli, ["sheet", str(file), "--entry", made.output.split()[4]])
    assert again.exit_code == 0, again.output
    both = run(cli, ["sheet", str(file), "--lot", PROFILE, "--entry", "1"])
    assert both.exit_code == 2
    unknown = run(cli, ["sheet", str(tmp_path / "x.gif"), "--lot", PROFILE])
    assert "expected .pdf, .svg or .png" in unknown.output
