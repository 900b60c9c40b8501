"""Statements through the API and the command line, for those who may have them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient, FlaskCliRunner

from app.cli.statements import cli
from app.services.access import ROLES
from app.services.tokens import make_token
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, post, set_up
from tests.integration.test_statements import INGOT_G, RECYCLED_G
from tests.people import add_person, close, make_app
from tests.world import World, code_of

READERS = ("auditor", "statistician", "registrar")


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    set_up(world)
    for item in golden()["facts"][:CHAIN_FACTS]:
        post(world, item)
    world.checkpoint()
    app = make_app(world.engine, tmp_path)
    yield app
    close(app)


def client_of(
    app: APIFlask, world: World, role: str, scope: str = "statistics"
) -> FlaskClient:
    organisation = code_of("ORG-S") if role in ("recycler", "manager") else None
    user = add_person(app, f"{role}@example.org", role, organisation=organisation)
    with world.transaction() as session:
        _, token = make_token(
            session,
            user,
            name="test",
            scopes=(scope,),
            expires_at=world.now + timedelta(days=300),
            now=world.now,
        )
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def test_each_role_gets_statements_or_is_refused_as_the_matrix_says(
    app: APIFlask, world: World
) -> None:
    for role in ROLES:
        answer = client_of(app, world, role).get("/api/v1/statements/shares")
        assert answer.status_code == (200 if role in READERS else 403), role
    assert app.test_client().get("/api/v1/statements/shares").status_code == 401


def test_a_token_for_reading_does_not_open_statistics(
    app: APIFlask, world: World
) -> None:
    client = client_of(app, world, "auditor", "read")

    assert client.get("/api/v1/statements/shares").status_code == 403


def test_json_holds_every_row_and_what_it_rests_on(app: APIFlask, world: World) -> None:
    client = client_of(app, world, "statistician")

    found = client.get("/api/v1/statements/shares?by=year&metal=Al").json

    assert found["row_count"] == len(found["rows"]) == 1
    assert found["rows"][0]["recycled_g"] == RECYCLED_G
    assert found["rows"][0]["primary_g"] == INGOT_G
    meta = {one["key"]: one["value"] for one in found["meta"]}
    assert meta["method"] == "recycled-supply/1"
    assert int(meta["vintage"]) == int(meta["log_size"]) > CHAIN_FACTS


def test_files_come_whole_and_are_named_after_their_vintage(
    app: APIFlask, world: World
) -> None:
    client = client_of(app, world, "statistician")

    zipped = client.get("/api/v1/statements/sums?format=csv")
    sdmx = client.get("/api/v1/statements/observations?format=sdmx")
    sheet = client.get("/api/v1/statements/shares?format=xlsx&language=zh")

    with zipfile.ZipFile(io.BytesIO(zipped.data)) as archive:
        assert archive.testzip() is None
        assert "vintage=" in archive.read("README.txt").decode()
    assert "recycled-supply-sums-" in zipped.headers["Content-Disposition"]
    assert sdmx.data.startswith(b"STRUCTURE,STRUCTURE_ID,ACTION,")
    assert sheet.data[:2] == b"PK"


SENSELESS = {
    "shares?by=week": (422, "by"),
    "shares?from=yesterday": (422, "from"),
    "shares?metal=Xx": (422, "metal"),
    "shares?province=999999": (422, "province"),
    "shares?vintage=1.5": (422, "vintage"),
    "shares?vintage=1": (404, "nearest"),
    "shares?format=pdf": (422, "format"),
    "shares?format=sdmx": (422, "observations"),
    "shares?colour=red": (422, "colour"),
    "everything": (404, "everything"),
}


def test_a_question_that_makes_no_sense_names_its_field(
    app: APIFlask, world: World
) -> None:
    client = client_of(app, world, "statistician")

    for address, (status, said) in SENSELESS.items():
        answer = client.get(f"/api/v1/statements/{address}")

        assert answer.status_code == status, answer.text
        assert said in answer.text


def test_a_recycler_reads_national_figures_too(app: APIFlask, world: World) -> None:
    client = client_of(app, world, "recycler", "read")

    found = client.get("/api/v1/national/ratios").json

    assert found["row_count"] == len(found["rows"]) > 20
    assert client.get("/api/v1/national/nothing").status_code == 404


def run(app: APIFlask, *command: str) -> str:
    result = FlaskCliRunner(app).invoke(cli, list(command))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_line_shows_and_writes_the_same_figures(
    app: APIFlask, tmp_path: Path
) -> None:
    shown = run(app, "make", "--by", "year", "--metal", "Al")
    as_json = json.loads(run(app, "make", "--by", "year", "--metal", "Al", "--json"))
    path = run(app, "export", "shares", "--by", "year", "--out", str(tmp_path)).strip()
    run(app, "export", "targets", "--format", "xlsx", "--out", str(tmp_path / "t.xlsx"))

    assert f"{RECYCLED_G + INGOT_G} g" in shown
    assert as_json["rows"][0]["recycled_g"] == RECYCLED_G
    assert Path(path).name.startswith("recycled-supply-shares-")
    assert zipfile.ZipFile(path).testzip() is None
    assert (tmp_path / "t.xlsx").read_bytes()[:2] == b"PK"
    assert not list(tmp_path.glob(".*.part"))
