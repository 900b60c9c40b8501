"""A code that opens another label than it was issued for is named."""

from __future__ import annotations

from sqlalchemy import insert, update

from app.models import LabelCodeRow
from app.services.label_code_check import check_label_codes
from labels.codes import code_sha256
from tests.labelled import grow_chain, labelled_claim
from tests.world import World


def places(world: World) -> list[tuple[bool, str, str | None]]:
    with world.reading() as session:
        found = list(check_label_codes(session))
    return [(one.entry_index is not None, one.table, one.field) for one in found]


def test_codes_that_were_exchanged_or_invented_are_named(world: World) -> None:
    grow_chain(world)
    made = labelled_claim(world, net_g=1_000_000)
    digest = code_sha256(made.code)
    with world.transaction() as session:
        row = {"code_sha256": digest, "code": made.code}
        session.execute(insert(LabelCodeRow), [row])
    assert places(world) == []
    with world.transaction() as session:
        session.execute(update(LabelCodeRow).values(code="0000000000000"))
    assert (True, "label_code", "code") in places(world)
    with world.transaction() as session:
        row = {"code_sha256": bytes(32), "code": "7K3M9QWX2HTV"}
        session.execute(insert(LabelCodeRow), [row])
    assert (False, "label_code", "code_sha256") in places(world)
