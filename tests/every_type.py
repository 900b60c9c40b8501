"""A log that holds an entry of every type of fact."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import select

from app.models import DisclosureRow, LogEntryRow
from app.services.access import Actor
from app.services.fact_ids import new_fact_id
from app.services.recording import OwnEntry, record_mixed
from app.services.registration import Registration, register_organisation
from labels.codes import code_sha256, new_code
from ledger import Signer, key_name, parse_entry, prove_possession, sign_entry
from tests.labelled import SMELTER, YARD, grow_chain, label, labelled_claim
from tests.world import REGISTRAR, World, code_of

OWNER = code_of("示例自持")
CANARY = "示例供方-CANARY-7731"
HOSTILE = '示例 <script>alert("1")</script> & Co'


def every_type(world: World) -> dict[str, int]:
    """Post facts until every type is there; gives the newest entry of each."""
    grow_chain(world)
    _lots(world)
    _labels(world)
    _keys(world)
    with world.reading() as session:
        rows = session.execute(
            select(LogEntryRow.type, LogEntryRow.entry_index).order_by(
                LogEntryRow.entry_index
            )
        )
        return {row.type: row.entry_index for row in rows}


def _lots(world: World) -> None:
    yard, scale = code_of("FAC-Y"), {"scale": "FAC-Y-W1"}
    fact_id = new_fact_id(world.now)
    lot = world.sourced(
        YARD,
        yard,
        weighing={"net_g": 9_000_000, "gross_g": 9_500_000, "tare_g": 500_000, **scale},
        moisture_ppm=12_345,
        alias=[{"scheme": "own", "value": HOSTILE}],
        radiation_check={"passed": True, "on": "2026-03-01"},
    )
    assay = {
        "lot": lot,
        "laboratory": HOSTILE,
        "method": "OES",
        "elements_ppm": {"Al": 940_000, "Si": 12_500},
    }
    world.state("lot.assayed", YARD, assay)
    wrong = world.sourced(
        YARD,
        yard,
        weighing={"net_g": 8_000_000, **scale},
        source="imported",
        imported={
            "hs_code": "7602000090",
            "country": "JP",
            "declared_on": "2026-02-27",
        },
    )
    _private(world, yard)
    with world.reading() as session:
        last = session.scalars(
            select(LogEntryRow.fact_id)
            .where(LogEntryRow.type == "lot.sourced")
            .order_by(LogEntryRow.entry_index.desc())
            .offset(1)
            .limit(1)
        ).one()
    assert wrong
    correction = {"corrects": last, "action": "void", "reason": "示例：重复登记"}
    world.state("entry.corrected", YARD, correction, fact_id=fact_id)
    _refused(world, lot)


def _private(world: World, facility: str) -> None:
    """A lot with something confidential, of which one value is erased."""
    fact_id = new_fact_id(world.now)
    data = {
        "lot": new_code(),
        "facility": facility,
        "material": "AL-SCRAP-MIXED",
        "source": "collected",
        "origin_class": "post_consumer",
        "weighing": {"net_g": 7_000_000, "scale": "FAC-Y-W1"},
        "metal": "Al",
        "content_ppm": 950_000,
        "content_basis": "declared",
    }
    private = {"supplier": CANARY, "vehicle": "粤A-CANARY"}
    receipt = world.state("lot.sourced", YARD, data, fact_id=fact_id, private=private)
    with world.reading() as session:
        digest = session.scalars(
            select(DisclosureRow.digest).where(
                DisclosureRow.entry_index == receipt.entry_index,
                DisclosureRow.name == "vehicle",
            )
        ).one()
    erasure = {"of": fact_id, "digests": [digest], "basis": "示例：应本人要求"}
    world.state("disclosure.erased", YARD, erasure)


def _refused(world: World, lot: str) -> None:
    transfer = new_code()
    dispatch = {
        "transfer": transfer,
        "lot": lot,
        "from": code_of("FAC-Y"),
        "to": code_of("FAC-S"),
        "weighing": {"net_g": 9_000_000, "scale": "FAC-Y-W1"},
        "transport": {"mode": "road", "km": 120},
    }
    world.state("transfer.dispatched", YARD, dispatch)
    refusal = {"transfer": transfer, "reason": "示例：含水过高"}
    world.state("transfer.refused", SMELTER, refusal)
    world.state("lot.delivered", YARD, {"lot": lot, "net_g": 1_000_000, "to": "sold"})


def _labels(world: World) -> None:
    made = labelled_claim(world)
    assert made.claim is not None
    code = label(world, lot=made.lot)
    voiding = {"code_sha256": code_sha256(code).hex(), "reason": "示例：破损"}
    world.state("label.voided", SMELTER, voiding)
    withdrawal = {"claim": made.claim, "reason": "示例：证据不足"}
    world.state("claim.withdrawn", SMELTER, withdrawal)


def _keys(world: World) -> None:
    """An organisation that holds its own keys: one rotated, one revoked."""
    first, second, third = (_signer(world, number) for number in (1, 2, 3))
    register_organisation(
        world.doors,
        world.keyring,
        REGISTRAR,
        Registration(
            data={"code": OWNER, "name_zh": "示例自持", "roles": ["recycler"]},
            private={},
            vkey=first.vkey,
            proof=prove_possession(OWNER, first),
            next_digest=hashlib.sha256(second.public_key).hexdigest(),
        ),
        world.now,
    )
    old = first.verifier.key_id.hex()
    _send(world, "key.rotated", {"old": old, "vkey": second.vkey}, second)
    proof = prove_possession(OWNER, third)
    key = {"vkey": third.vkey, "held_by": "organisation", "proof": proof}
    _send(world, "key.registered", key, second)
    gone = {"key_id": third.verifier.key_id.hex(), "reason": "示例：手机丢失"}
    _send(world, "key.revoked", gone, second)


def _signer(world: World, number: int) -> Signer:
    name = key_name(world.root.origin, OWNER, number)
    return Signer.from_bytes(name, bytes([number]) * 32)


def _send(world: World, kind: str, data: dict[str, Any], key: Signer) -> None:
    fact = world.fact(kind, OWNER, data)
    envelope: dict[str, Any] = {
        "at": fact.at_text,
        "data": dict(fact.data),
        "id": new_fact_id(world.now),
        "org": OWNER,
        "parents": [],
        "sd": [],
        "seen": None,
        "type": kind,
        "v": 1,
    }
    entry = parse_entry(sign_entry(envelope, [key]))
    actor = Actor(2, 0, OWNER, frozenset({"manager"}))
    own = OwnEntry(entry, fact.data, ())
    record_mixed(world.doors, world.keyring, actor, [own], world.now)
