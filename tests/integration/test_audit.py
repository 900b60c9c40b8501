"""The local audit passes the golden chain, and names whatever was changed in it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import bindparam, select, text

from app.models import LotRow
from app.models.base import entry_of
from app.queries.columns import ConnectionSource, open_arrow
from app.queries.log import get_head
from app.queries.prepared import Prepared
from app.services import auditing
from app.services.auditing import audit_committed, audit_material, audit_window
from app.services.differences import Difference
from tests.golden import golden
from tests.golden_world import CHAIN_FACTS, post, set_up
from tests.integration.test_log import disarm
from tests.world import World


@pytest.fixture
def chain(world: World) -> World:
    set_up(world)
    for item in golden()["facts"][:CHAIN_FACTS]:
        post(world, item)
    return world


def audited(world: World) -> list[Difference]:
    """Both ways to read the rows have to find the same."""
    with world.reading() as session:
        found = audit_material(session)
        size = get_head(session).size
    assert audit_committed(world.engine.url, size) == found
    return found


def test_the_golden_chain_passes(chain: World) -> None:
    done: list[int] = []

    with chain.reading() as session:
        assert audit_material(session, done.append) == []

    assert done[-1] > CHAIN_FACTS


def test_windows_of_any_width_find_the_same(chain: World) -> None:
    with chain.reading() as session:
        source = ConnectionSource(session.connection())
        size = 60
        for width in (1, 7, size):
            for first in range(0, size, width):
                found = audit_window(source, first, first + width)
                assert found == []


def test_processes_find_together_what_one_finds(
    chain: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "WINDOW", 5)
    monkeypatch.setattr(auditing, "WINDOWS_A_PROCESS", 1)
    disarm(chain.engine, "taking")
    with chain.engine.begin() as connection:
        connection.execute(text("UPDATE taking SET metal_g = metal_g + 1"))
    done: list[int] = []

    found = audited(chain)
    with chain.reading() as session:
        size = get_head(session).size
    apart = audit_committed(chain.engine.url, size, done.append, processes=2)

    assert apart == found
    assert len(found) > 10
    assert done[-1] == size


def test_a_column_that_is_not_all_whole_numbers_is_refused(chain: World) -> None:
    lots = LotRow.__table__.c
    window = (lots.id >= bindparam("low")) & (lots.id < bindparam("high"))
    with open_arrow(chain.engine.url) as source:
        for column in (lots.code, lots.run_id):
            with pytest.raises(TypeError, match="found"):
                source.table(Prepared(select(column).where(window)), 0, 2**60, 1)


@pytest.mark.parametrize(
    ("table", "change", "where", "field"),
    [
        ("lot", "post_domestic_g = post_domestic_g - 1", "run_id IS NOT NULL", "cells"),
        ("lot", "metal_g = metal_g + 1", "run_id IS NULL", "cells"),
        ("lot", "pool_from_g = pool_from_g + 1", "pool_from_g > 0", "cells"),
        ("taking", "from_g = from_g + 1", "from_g > 0", "cells"),
        ("taking", "post_domestic_g = post_domestic_g + 1", "1 = 1", "cells"),
        (
            "taking",
            "uncounted_post_domestic_g = uncounted_post_domestic_g + 1",
            "1 = 1",
            "cells",
        ),
        (
            "taking",
            "lot_id = (SELECT max(id) FROM lot)",
            "run_id IS NOT NULL",
            "lot_id",
        ),
        (
            "process_run",
            "metal_loss_g = metal_loss_g + 1",
            "1 = 1",
            "metal_loss_g",
        ),
        ("process_run", "metal_in_g = metal_in_g + 1", "1 = 1", "metal_in_g"),
        ("process_run", "gain_unknown_g = gain_unknown_g + 1", "1 = 1", "metal_loss_g"),
        ("run_flow", "net_g = net_g + 1", "net_g > 0", "net_g"),
        ("run_flow", "metal_g = metal_g - 1", "net_g < 0", "net_g"),
    ],
)
def test_a_changed_row_is_named(
    chain: World, table: str, change: str, where: str, field: str
) -> None:
    key = "run_id" if table == "run_flow" else "id"
    disarm(chain.engine, table)
    with chain.engine.begin() as connection:
        row: Any = connection.execute(
            text(f"SELECT min({key}) FROM {table} WHERE {where}")
        ).scalar_one()
        connection.execute(text(f"UPDATE {table} SET {change} WHERE {key} = {row}"))

    found = {(one.entry_index, one.table, one.field) for one in audited(chain)}

    assert (entry_of(row), table, field) in found


def test_a_stretch_given_twice_is_found(chain: World) -> None:
    disarm(chain.engine, "taking")
    with chain.engine.begin() as connection:
        key, lot = connection.execute(
            text(
                "SELECT max(id), lot_id FROM taking"
                " WHERE from_g > 0 AND further IS NULL"
                " GROUP BY lot_id ORDER BY 1 LIMIT 1"
            )
        ).one()
        connection.execute(
            text(
                "UPDATE taking SET from_g = 0, to_g = net_g"
                f" WHERE id = {key} AND lot_id = {lot}"
            )
        )

    fields = {(one.table, one.field) for one in audited(chain)}

    assert ("taking", "from_g") in fields
