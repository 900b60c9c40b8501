"""Files handed in by page, API and command: tried first, then recorded."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from app.db import reading, transaction
from app.models import ImportRow, LogEntryRow
from app.schemas.entries import check_fact
from app.security import doors, keyring, now
from app.services.import_jobs import LEASE, forget_old, work_off
from app.services.tokens import make_token
from tests.people import add_person, close, csrf_token, make_app, sign_in
from tests.world import World

SOURCED = "批号,日期,场所,物料,来源,来源类别,净重(kg),磅秤,金属含量(%)"
GOOD = "{number},2026-03-05,示例 gate,AL-SCRAP-MIXED,回收,消费后,12480,W1,95"
BAD = "{number},2026-03-05,示例 gate,AL-SCRAP-MIXED,回收,消费后,-3,W1,95"


@pytest.fixture
def yard(world: World) -> str:
    org = world.register("yard")
    scales = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
    world.facility(org, "gate", scales=scales)
    return org


@pytest.fixture
def app(world: World, yard: str, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(world.engine, tmp_path)
    yield app
    close(app)


@pytest.fixture
def clerk(app: APIFlask, yard: str) -> FlaskClient:
    add_person(app, "clerk@example.org", "recycler", organisation=yard)
    client = app.test_client()
    sign_in(client, "clerk@example.org")
    return client


def rows(*lines: str) -> bytes:
    listed = [line.format(number=f"A{n}") for n, line in enumerate(lines, 1)]
    return "\n".join([SOURCED, *listed]).encode()


def hand_in(
    client: FlaskClient, content: bytes, template: str = "sourced"
) -> TestResponse:
    form = {
        "csrf_token": csrf_token(client, "/imports"),
        "template": template,
        "file": (io.BytesIO(content), "三月入库.csv"),
    }
    return client.post("/imports", data=form)


def record(client: FlaskClient, place: str, mode: str) -> TestResponse:
    form = {"csrf_token": csrf_token(client, "/imports"), "mode": mode}
    return client.post(f"{place}/record", data=form)


def work(app: APIFlask) -> str | None:
    with app.app_context():
        return work_off(doors(), keyring(), check_fact, now)


def sourced_entries(app: APIFlask) -> int:
    with app.app_context(), reading() as session:
        wanted = select(func.count()).where(LogEntryRow.type == "lot.sourced")
        return session.scalar(wanted) or 0


def test_a_file_is_tried_then_recorded(app: APIFlask, clerk: FlaskClient) -> None:
    place = hand_in(clerk, rows(GOOD, GOOD)).location
    waiting = clerk.get(f"{place}?lang=en").text
    assert 'hx-trigger="every 1s"' in waiting

    assert work(app) is not None
    tried = clerk.get(place).text
    assert "Record 2 facts" in tried
    assert sourced_entries(app) == 0

    assert record(clerk, place, "all").status_code == 302
    work(app)
    assert "Recorded in the ledger." in clerk.get(place).text
    assert sourced_entries(app) == 2
    assert work(app) is None
    assert record(clerk, place, "all").status_code == 409


def test_faults_are_listed_and_the_rest_can_be_recorded(
    app: APIFlask, clerk: FlaskClient
) -> None:
    place = hand_in(clerk, rows(GOOD, BAD, GOOD)).location
    work(app)

    tried = clerk.get(f"{place}?lang=en").text
    assert "Row 3, 净重(kg): found &#39;-3&#39;" in tried
    assert "Record 2 facts without faults" in tried
    faulty = clerk.get(f"{place}/faulty-rows.csv").data.decode("utf-8-sig").splitlines()
    assert len(faulty) == 2
    assert faulty[1].startswith("A2,")
    assert clerk.get(f"{place}/faulty-rows.xlsx").data[:2] == b"PK"

    record(clerk, place, "valid")
    work(app)
    assert sourced_entries(app) == 2
    assert "recorded in part" in clerk.get(place).text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04 broken", "cannot be opened"),
        (b"a,b\n1,2", "Column"),
        (b"\xff\xfe\x00", "The file"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_so(
    app: APIFlask, clerk: FlaskClient, content: bytes, says: str
) -> None:
    place = hand_in(clerk, content).location
    work(app)

    shown = clerk.get(f"{place}?lang=en")

    assert shown.status_code == 200
    assert says in shown.text
    assert sourced_entries(app) == 0


def test_what_is_no_file_or_no_template_comes_back(clerk: FlaskClient) -> None:
    assert hand_in(clerk, b"").status_code == 422
    assert hand_in(clerk, rows(GOOD), template="gold").status_code == 422
    token = {"csrf_token": csrf_token(clerk, "/imports")}
    assert clerk.post("/imports", data=token).status_code == 422


def test_files_of_others_are_not_shown(
    app: APIFlask, clerk: FlaskClient, world: World
) -> None:
    place = hand_in(clerk, rows(GOOD)).location
    other = world.register("other")
    add_person(app, "other@example.org", "recycler", organisation=other)
    add_person(app, "figures@example.org", "statistician")
    stranger, statistician = app.test_client(), app.test_client()
    sign_in(stranger, "other@example.org")
    sign_in(statistician, "figures@example.org")

    assert stranger.get(place).status_code == 404
    assert stranger.get(f"{place}/faulty-rows.csv").status_code == 404
    assert statistician.get("/imports").status_code == 403


def test_what_a_killed_worker_left_is_taken_up_again(
    app: APIFlask, clerk: FlaskClient
) -> None:
    place = hand_in(clerk, rows(GOOD)).location
    with app.app_context(), transaction() as session:
        session.execute(
            update(ImportRow).values(state="running", lease_until=now() + LEASE)
        )
    assert work(app) is None

    with app.app_context(), transaction() as session:
        session.execute(
            update(ImportRow).values(lease_until=now() - timedelta(seconds=1))
        )
    assert work(app) is not None
    assert "Record 1 fact" in clerk.get(f"{place}?lang=en").text


def test_old_files_are_forgotten(app: APIFlask, clerk: FlaskClient) -> None:
    place = hand_in(clerk, rows(GOOD, BAD)).location
    with app.app_context(), transaction() as session:
        assert forget_old(session, now() + timedelta(days=31)) == 0, "it waits"
    work(app)

    with app.app_context(), transaction() as session:
        assert forget_old(session, now() + timedelta(days=6)) == 0
        assert forget_old(session, now() + timedelta(days=8)) == 1
        assert forget_old(session, now() + timedelta(days=8)) == 0
    shown = clerk.get(f"{place}?lang=en").text
    assert "kept no longer" in shown
    assert "Record 1 fact" not in shown
    assert "faulty-rows" not in shown
    assert clerk.get(f"{place}/faulty-rows.csv").status_code == 404
    assert record(clerk, place, "valid").status_code == 409

    with app.app_context(), transaction() as session:
        assert forget_old(session, now() + timedelta(days=31)) == 1
    assert clerk.get(place).status_code == 404


def kept(app: APIFlask) -> list[bytes | None]:
    with app.app_context(), reading() as session:
        return list(session.scalars(select(ImportRow.content)))


def test_a_file_is_sealed_while_it_is_kept_and_goes_when_it_is_recorded(
    app: APIFlask, clerk: FlaskClient
) -> None:
    place = hand_in(clerk, rows(GOOD)).location
    [content] = kept(app)
    assert content is not None
    assert b"AL-SCRAP-MIXED" not in content
    work(app)
    assert kept(app) == [content], "it is needed to be recorded"

    record(clerk, place, "all")
    work(app)

    assert sourced_entries(app) == 1
    assert kept(app) == [None]


def test_a_file_that_cannot_be_read_is_not_kept(
    app: APIFlask, clerk: FlaskClient
) -> None:
    hand_in(clerk, b"a,b\n1,2")
    work(app)
    assert kept(app) == [None]


def test_a_private_cell_is_quoted_in_no_fault(
    app: APIFlask, clerk: FlaskClient
) -> None:
    plate = "示例B" + "9" * 600
    head, row = SOURCED + ",车牌", GOOD.format(number="A1")
    place = hand_in(clerk, f"{head}\n{row},{plate}".encode()).location
    work(app)
    shown = clerk.get(f"{place}?lang=en").text
    assert "Row 2, 车牌:" in shown
    assert "示例B9" not in shown


def test_templates_are_downloaded_in_the_language_of_the_page(
    clerk: FlaskClient,
) -> None:
    chinese = clerk.get("/imports/templates/sourced.csv?lang=zh").data.decode(
        "utf-8-sig"
    )
    english = clerk.get("/imports/templates/runs.csv?lang=en").data.decode("utf-8-sig")

    assert chinese.startswith("批号,")
    assert "own number" in english.lower() or "run" in english.lower()
    assert clerk.get("/imports/templates/sourced.xlsx").data[:2] == b"PK"
    assert clerk.get("/imports/templates/gold.csv").status_code == 404


def test_programs_hand_files_in(app: APIFlask, world: World, yard: str) -> None:
    user = add_person(app, "robot@example.org", "recycler", organisation=yard)
    with world.transaction() as session:
        _, token = make_token(
            session,
            user,
            name="robot",
            scopes=("read", "record"),
            expires_at=world.now + timedelta(days=30),
            now=world.now,
        )
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    sent = {"template": "sourced", "file": (io.BytesIO(rows(GOOD, BAD)), "a.csv")}

    made = client.post("/api/v1/imports", data=sent)
    assert made.status_code == 202, made.json
    job = made.json["id"]
    work(app)
    tried = client.get(f"/api/v1/imports/{job}").json
    assert (tried["state"], tried["facts_posted"]) == ("done", 1)
    assert tried["faults"][0]["row"] == 3
    assert client.get(f"/api/v1/imports/{job}/faulty-rows.csv").data.count(b"\n") == 2
    body = {"mode": "valid"}
    assert client.post(f"/api/v1/imports/{job}/record", json=body).status_code == 202
    work(app)
    assert sourced_entries(app) == 1
    assert client.get("/api/v1/imports/templates/sourced.xlsx").status_code == 200
    assert client.get("/api/v1/imports/nothing").status_code == 404


def test_the_command_imports_and_says_what_is_wrong(
    app: APIFlask, yard: str, tmp_path: Path
) -> None:
    from app.cli.lots import cli  # noqa: PLC0415 - beside the runner

    file, rest = tmp_path / "rows.csv", tmp_path / "rest.csv"
    file.write_bytes(rows(GOOD, BAD))
    run = app.test_cli_runner().invoke
    arguments = ["import", str(file), "--template", "sourced", "--organisation", yard]

    nothing = run(cli, [*arguments, "--quiet"])
    assert nothing.exit_code == 1
    assert "Row 3, 净重(kg): found '-3'" in nothing.output
    assert "nothing is recorded" in nothing.output

    part = run(
        cli, [*arguments, "--mode", "valid", "--faulty-rows", str(rest), "--json"]
    )
    found = json.loads(part.output)
    assert (found["facts_posted"], found["recorded"]) == (1, True)
    assert rest.read_bytes().count(b"\r\n") == 2

    file.write_bytes(rows(GOOD))
    again = run(cli, [*arguments, "--quiet"])
    assert again.exit_code == 0
    assert "0 new facts, 1 in the ledger already" in again.output
    blank = tmp_path / "blank.xlsx"
    assert run(cli, ["template", "sourced", str(blank)]).exit_code == 0
    assert blank.read_bytes()[:2] == b"PK"
