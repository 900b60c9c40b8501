"""What the operator's machines read: /healthz and /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from apiflask import APIFlask
from prometheus_client.parser import text_string_to_metric_families

from app.models import ImportRow
from app.queries.users import get_organisation_id
from app.security import now
from app.services.checkpoints import note_alive
from tests.people import close, make_app
from tests.world import World


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    app = make_app(world.engine, tmp_path)
    yield app
    close(app)


def figures(app: APIFlask) -> dict[tuple[str, str], float]:
    """(name, state) -> value of every figure without other labels."""
    text = app.test_client().get("/metrics").text
    return {
        (sample.name, sample.labels.get("state", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if set(sample.labels) <= {"state"}
    }


def test_appended_entries_and_the_lag_of_the_signer_are_counted(
    app: APIFlask, world: World
) -> None:
    world.checkpoint()
    before = figures(app)
    world.register("yard")
    behind = figures(app)
    world.checkpoint()
    after = figures(app)

    appended = ("remelt_entries_appended_total", "")
    lag = ("remelt_signer_lag_entries", "")
    grown = behind[appended] - before[appended]
    assert grown > 0
    assert (before[lag], behind[lag], after[lag]) == (0, grown, 0)


def test_imports_are_counted_by_state(app: APIFlask, world: World) -> None:
    org = world.register("yard")
    with world.transaction() as session:
        organisation_id = get_organisation_id(session, org)
        for number, state in enumerate(("running", "done", "done")):
            session.add(
                ImportRow(
                    id=f"i{number}",
                    organisation_id=organisation_id,
                    user_id=1,
                    template="sourced",
                    mode="all",
                    file_name="示例.csv",
                    content=b"",
                    state=state,
                    rows_done=0,
                    facts_posted=0,
                    facts_known=0,
                    faults=[],
                    created_at=world.now,
                )
            )

    found = figures(app)

    assert found["remelt_imports", "done"] == 2
    assert found["remelt_imports", "running"] == 1
    assert found["remelt_imports", "failed"] == 0


def test_answers_are_timed_by_rule_and_counted_by_status(app: APIFlask) -> None:
    app.test_client().get("/healthz")
    app.test_client().get("/nowhere")

    text = app.test_client().get("/metrics").text

    assert 'remelt_request_seconds_bucket{le="0.25",rule="/healthz"}' in text
    assert 'remelt_requests_total{method="GET",rule="none",status="404"}' in text


def test_health_is_degraded_only_when_entries_wait_and_nobody_signs(
    app: APIFlask, world: World
) -> None:
    client = app.test_client()
    world.checkpoint()
    assert client.get("/healthz").status_code == 200

    world.register("yard")
    waiting = client.get("/healthz")
    assert waiting.status_code == 503
    assert waiting.json["signer_lag_entries"] > 0

    with world.transaction() as session:
        note_alive(session, now() - timedelta(seconds=5))
    assert client.get("/healthz").status_code == 200
    with world.transaction() as session:
        note_alive(session, now() - timedelta(minutes=5))
    assert client.get("/healthz").status_code == 503
