"""Every verdict about a label, and how each changed row flips it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from app.queries.verdicts import steps_of
from app.services.claim_composing import withdraw_claim
from app.services.errors import Refused
from app.services.fact_ids import new_fact_id
from app.services.verdicts import Verdict, judge_label
from labels.codes import code_sha256, new_code
from ledger import leaf_hash
from tests.labelled import (
    PROFILE,
    SMELTER,
    YARD,
    Labelled,
    claim_lot,
    grow_chain,
    label,
    labelled_claim,
    lose_evidence,
    person,
)
from tests.world import World, code_of

CHECKS = ["checkpoint", "entries", "inclusion", "signatures", "figures"]


@pytest.fixture
def chain(world: World) -> World:
    """The golden chain up to its profile."""
    grow_chain(world)
    return world


@pytest.fixture
def claimed(chain: World) -> Labelled:
    """A label for a claim on the profile, under a checkpoint."""
    made = labelled_claim(chain, valid_until=date(2027, 3, 31))
    chain.checkpoint()
    return made


def judge(world: World, code: str, **later: int) -> Verdict:
    with world.reading() as session:
        verdict = judge_label(session, code, world.now + timedelta(**later))
    assert verdict is not None
    return verdict


def outcome(verdict: Verdict) -> tuple[str, str]:
    return verdict.kind.value, verdict.cause


def passed(verdict: Verdict) -> list[tuple[str, bool | None]]:
    return [(check.name, check.passed) for check in verdict.checks]


def withdraw(world: World, claim: str) -> None:
    withdraw_claim(
        world.doors,
        world.keyring,
        person(world, SMELTER),
        claim=claim,
        reason="客户退货",
        fact_id=new_fact_id(world.now),
        now=world.now,
    )


def void_label(world: World, code: str) -> None:
    data = {"code_sha256": code_sha256(code).hex(), "reason": "标签破损"}
    world.state("label.voided", SMELTER, data)


def set_state(world: World, claim: str, state: str) -> None:
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE claim_state SET state = :state WHERE claim_id = "
                "(SELECT id FROM claim WHERE code = :code)"
            ),
            {"state": state, "code": claim},
        )


def test_a_claim_under_a_checkpoint_is_valid(chain: World, claimed: Labelled) -> None:
    verdict = judge(chain, claimed.code)

    assert outcome(verdict) == ("valid", "")
    assert passed(verdict) == [(name, True) for name in CHECKS]
    assert verdict.claim is not None
    assert verdict.claim["share_ppm"] == 872_188
    assert verdict.case.issuer.name_zh == "示例 ORG-S"
    assert {one.held_by for one in verdict.signatures} == {"platform"}
    assert len(verdict.proven) == len(verdict.signatures) == 3


def test_an_unknown_code_has_no_verdict(chain: World, claimed: Labelled) -> None:
    with chain.reading() as session:
        assert judge_label(session, new_code(), chain.now) is None


def test_a_claim_recorded_a_moment_ago_cannot_be_verified_yet(chain: World) -> None:
    chain.checkpoint()
    made = labelled_claim(chain)

    verdict = judge(chain, made.code)

    assert outcome(verdict) == ("pending", "")
    assert dict(passed(verdict)) == dict.fromkeys(CHECKS, True) | {"inclusion": None}
    chain.checkpoint()
    assert outcome(judge(chain, made.code)) == ("valid", "")


def test_before_the_first_checkpoint_nothing_can_be_verified(chain: World) -> None:
    made = labelled_claim(chain)

    verdict = judge(chain, made.code)

    assert outcome(verdict) == ("pending", "")
    assert verdict.checkpoint is None


@pytest.mark.parametrize("covered", [True, False])
def test_a_void_label_is_revoked(
    chain: World, claimed: Labelled, covered: bool
) -> None:
    void_label(chain, claimed.code)
    if covered:
        chain.checkpoint()

    verdict = judge(chain, claimed.code)

    assert outcome(verdict) == ("revoked", "voided")
    assert verdict.reason == "标签破损"


@pytest.mark.parametrize("covered", [True, False])
def test_a_withdrawn_claim_is_revoked(
    chain: World, claimed: Labelled, covered: bool
) -> None:
    assert claimed.claim is not None
    withdraw(chain, claimed.claim)
    if covered:
        chain.checkpoint()

    verdict = judge(chain, claimed.code)

    assert outcome(verdict) == ("revoked", "withdrawn")
    assert verdict.reason == "客户退货"


def test_a_withdrawal_counts_even_where_a_row_says_active(
    chain: World, claimed: Labelled
) -> None:
    assert claimed.claim is not None
    withdraw(chain, claimed.claim)
    set_state(chain, claimed.claim, "active")

    assert outcome(judge(chain, claimed.code)) == ("revoked", "withdrawn")


def test_a_claim_whose_metal_went_into_a_run_is_revoked(
    chain: World, claimed: Labelled
) -> None:
    assert claimed.claim is not None
    set_state(chain, claimed.claim, "consumed")

    assert outcome(judge(chain, claimed.code)) == ("revoked", "consumed")


def test_a_claim_holds_to_the_end_of_its_last_day_in_shanghai(
    chain: World, claimed: Labelled
) -> None:
    # now is 16:00 of 23 November 2026 in Shanghai; 31 March 2027 ends 128.33 days on
    assert outcome(judge(chain, claimed.code, hours=128 * 24 + 7)) == ("valid", "")
    assert outcome(judge(chain, claimed.code, hours=128 * 24 + 9)) == (
        "revoked",
        "expired",
    )


@pytest.mark.parametrize("state", ["affected", "corrected"])
def test_a_corrected_claim_tells_the_old_and_the_new_value(
    chain: World, claimed: Labelled, state: str
) -> None:
    assert claimed.claim is not None
    lose_evidence(chain, PROFILE, 2_211_391)
    set_state(chain, claimed.claim, state)

    verdict = judge(chain, claimed.code)

    assert outcome(verdict) == ("corrected", state)
    assert verdict.claim is not None
    assert verdict.claim["share_ppm"] == 872_188
    assert verdict.case.lot_shares is not None
    # a tenth of 22 113 907 g less
    assert verdict.case.lot_shares.share_ppm == 772_188


def test_a_label_of_a_lot_makes_no_claim(chain: World) -> None:
    code = label(chain, lot=PROFILE)
    assert outcome(judge(chain, code)) == ("pending", "")
    chain.checkpoint()

    verdict = judge(chain, code)

    assert outcome(verdict) == ("no_claim", "")
    assert verdict.claim is None
    assert verdict.case.lot.material == "AL-6063-T5-PROFILE"


def test_a_lot_that_another_organisation_labels_names_both(chain: World) -> None:
    scrap = code_of("L-SHRED")
    code = label(chain, lot=scrap)
    chain.checkpoint()

    verdict = judge(chain, code)

    assert outcome(verdict) == ("no_claim", "")
    assert verdict.case.issuer.code == SMELTER
    assert verdict.case.maker.code == code_of("ORG-P")


# What somebody with the database in hand might change, and the check that finds it


def unguard(world: World, table: str) -> None:
    """Take the triggers off a table, as its owner can."""
    with world.engine.begin() as connection:
        if world.engine.dialect.name == "sqlite":
            for change in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER {table}_refuses_{change}")
        else:
            connection.exec_driver_sql(
                f"DROP TRIGGER {table}_refuses_change ON {table}"
            )


def change(world: World, table: str, sql: str, **values: Any) -> None:
    unguard(world, table)
    with world.engine.begin() as connection:
        assert connection.execute(text(sql), values).rowcount


@pytest.mark.parametrize(
    ("table", "sql", "check"),
    [
        ("claim", "UPDATE claim SET share_ppm = 999999", "figures"),
        ("claim", "UPDATE claim SET upper_ppm = 872188", "figures"),
        ("claim", "UPDATE claim SET elv_ppm = 0", "figures"),
        ("claim", "UPDATE claim SET claimed_g = claimed_g + 1", "figures"),
        ("claim", "UPDATE claim SET from_g = 0", "figures"),
        ("claim", "UPDATE claim SET model = 'segregated'", "figures"),
        ("claim", "UPDATE claim SET boundary_text = 'x'", "figures"),
        ("claim", "UPDATE claim SET valid_until = NULL", "figures"),
        (
            "claim",
            "UPDATE claim SET organisation_id = (SELECT min(id) FROM organisation), "
            "code = '000000000000'",
            "figures",
        ),
        (
            "label",
            "UPDATE label SET organisation_id = (SELECT min(id) FROM organisation)",
            "figures",
        ),
        ("label", "UPDATE label SET claim_id = NULL", "figures"),
        ("lot", "UPDATE lot SET material = 'CU-ROD'", "figures"),
        ("lot", "UPDATE lot SET net_g = net_g + 1", "figures"),
        (
            "lot",
            "UPDATE lot SET post_domestic_g = 0, post_imported_g = 0",
            "figures",
        ),
        (
            "lot",
            "UPDATE lot SET primary_domestic_g = primary_domestic_g + post_domestic_g,"
            " post_domestic_g = 0",
            "figures",
        ),
        ("log_entry", "UPDATE log_entry SET leaf_hash = request_digest", "entries"),
        ("signing_key", "DELETE FROM signing_key", "signatures"),
        (
            "checkpoint",
            "UPDATE checkpoint SET root = (SELECT leaf_hash FROM log_entry "
            "WHERE entry_index = 0)",
            "checkpoint",
        ),
        ("checkpoint", "UPDATE checkpoint SET size = size + 1", "checkpoint"),
    ],
)
def test_a_changed_row_flips_the_verdict(
    chain: World, claimed: Labelled, table: str, sql: str, check: str
) -> None:
    if table == "signing_key":
        unguard(chain, "signing_key")
        with chain.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM sealed_key")
            connection.exec_driver_sql(sql)
    else:
        change(chain, table, sql)

    verdict = judge(chain, claimed.code)

    assert outcome(verdict) == ("unverifiable", check)
    assert next(one for one in verdict.checks if one.name == check).found


@pytest.mark.parametrize("kind", ["claim.issued", "label.issued", "run.recorded"])
def test_a_rewritten_entry_is_found_even_with_its_hash_rewritten(
    chain: World, claimed: Labelled, kind: str
) -> None:
    unguard(chain, "log_entry")
    with chain.engine.begin() as connection:
        index, note = connection.execute(
            text(
                "SELECT entry_index, note FROM log_entry WHERE type = :kind "
                "ORDER BY entry_index DESC LIMIT 1"
            ),
            {"kind": kind},
        ).one()
        forged = bytes(note).replace(b"872188", b"992188").replace(b"2026", b"2025")
        connection.execute(
            text(
                "UPDATE log_entry SET note = :note, leaf_hash = :hash "
                "WHERE entry_index = :index"
            ),
            {"note": forged, "hash": leaf_hash(forged), "index": index},
        )

    verdict = judge(chain, claimed.code)

    failed = [one.name for one in verdict.checks if one.passed is False]
    assert outcome(verdict) == ("unverifiable", "inclusion")
    assert "signatures" in failed


def test_a_label_pinned_on_another_claim_is_found(
    chain: World, claimed: Labelled
) -> None:
    other = claim_lot(chain, net_g=1_000_000).code
    chain.checkpoint()
    change(
        chain,
        "label",
        "UPDATE label SET claim_id = (SELECT id FROM claim WHERE code = :code)",
        code=other,
    )

    assert outcome(judge(chain, claimed.code)) == ("unverifiable", "figures")


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that run inside."""
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not statement.startswith(("BEGIN", "SET", "SHOW")):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_a_verdict_costs_a_fixed_number_of_queries(
    world: World,
) -> None:
    org = world.register("yard")
    scales = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
    site = world.facility(org, "gate", scales=scales)
    shallow = labelled_claim(world, lot=world.sourced(org, site), org=org, net_g=None)
    grow_chain(world)
    deep = labelled_claim(world)
    world.checkpoint()
    counts = []

    for made in (shallow, deep, deep):
        with counted(world.engine) as statements:
            judge(world, made.code)
        counts.append(len(statements))

    assert counts[0] == counts[1] <= 5
    assert counts[2] < counts[1]  # proofs that were found good are kept


def test_the_steps_name_stage_province_and_material_and_nobody(
    chain: World, claimed: Labelled
) -> None:
    with chain.reading() as session:
        verdict = judge_label(session, claimed.code, chain.now)
        assert verdict is not None
        steps = steps_of(session, verdict.case.lot_index * 1024, 2000)

    kinds = {step.kind for step in steps}
    assert kinds == {"sourced", "shred", "melt", "extrude"}
    assert {step.province for step in steps} == {"440000"}
    assert ("shred", "440000", "AL-SHRED", 38_402_117) in steps


def test_a_yard_does_not_speak_for_the_smelter(chain: World) -> None:
    claim = claim_lot(chain).code
    with pytest.raises(Refused, match="no claim of yours"):
        label(chain, org=YARD, claim=claim)
