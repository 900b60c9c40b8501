"""A small log in memory, built with the ledger alone: no database, fixed keys."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ledger import (
    Bundle,
    BundleEntry,
    Checkpoint,
    LeafTiles,
    Policy,
    PolicyLog,
    PolicyWitness,
    Signer,
    Witness,
    add_lines,
    disclose,
    format_bundle,
    format_policy,
    key_name,
    leaf_hash,
    pad_digests,
    prove_inclusion,
    prove_possession,
    root_of,
    sign_checkpoint,
    sign_entry,
)

ORIGIN = "example.org/log"
OPERATOR = "0PERATR00001"
YARD = "YARD00000001"
SMELTER = "SMELTER00001"
LABEL_SHA256 = hashlib.sha256(b"LABEL0000001").hexdigest()


def seed_of(text: str) -> bytes:
    """A private key that follows from a text: for tests only."""
    return hashlib.sha256(text.encode()).digest()


def signer_of(org: str, number: int = 1) -> Signer:
    """The organisation's key of that number."""
    name = key_name(ORIGIN, org, number)
    return Signer.from_bytes(name, seed_of(name))


LOG_KEY = Signer.from_bytes(ORIGIN, seed_of("log"))
REGISTRAR = signer_of(OPERATOR)
WITNESS = Witness.from_bytes("example.net/witness", seed_of("witness"))


def key_fact(org: str, signer: Signer, **more: str) -> dict[str, Any]:
    """Data of ``key.registered``."""
    return {
        "vkey": signer.vkey,
        "held_by": "organisation",
        "proof": prove_possession(org, signer),
        **more,
    }


def envelope(
    fact_type: str,
    org: str,
    data: dict[str, Any],
    *,
    number: int = 0,
    parents: Sequence[str] = (),
    sd: Sequence[str] = (),
    seen: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A whole fact; ``number`` makes its id."""
    return {
        "at": "2026-03-05T08:30:00Z",
        "data": data,
        "id": f"019ca6cd-5340-7001-8001-{number:012x}",
        "org": org,
        "parents": sorted(parents),
        "sd": list(sd),
        "seen": seen,
        "type": fact_type,
        "v": 1,
    }


class SmallLog:
    """Notes in order, founded by the registrar's first entry."""

    def __init__(self) -> None:
        self.notes: list[bytes] = []
        self.add(
            "log.genesis",
            OPERATOR,
            {
                "origin": ORIGIN,
                "log_vkey": LOG_KEY.vkey,
                "registrar_vkey": REGISTRAR.vkey,
                "schema_sha256": hashlib.sha256(b"").hexdigest(),
            },
            REGISTRAR,
        )

    def add(
        self,
        fact_type: str,
        org: str,
        data: dict[str, Any],
        signer: Signer,
        **more: Any,
    ) -> str:
        """Append a fact; give its leaf hash."""
        fact = envelope(fact_type, org, data, number=len(self.notes), **more)
        self.notes.append(sign_entry(fact, [signer]))
        return leaf_hash(self.notes[-1]).hex()

    def register(self, org: str, **more: str) -> None:
        """Register an organisation and its first key."""
        data = {"code": org, "name_zh": f"示例 {org}", "roles": ["recycler"]}
        self.add("organisation.registered", OPERATOR, data, REGISTRAR)
        self.add(
            "key.registered", org, key_fact(org, signer_of(org), **more), REGISTRAR
        )

    @property
    def leaves(self) -> list[bytes]:
        """The leaf hashes."""
        return [leaf_hash(note) for note in self.notes]

    def checkpoint(self) -> bytes:
        """The log's state, signed by the log and cosigned by the witness."""
        head = Checkpoint(ORIGIN, len(self.notes), root_of(self.leaves))
        note = sign_checkpoint(head, [LOG_KEY])
        return add_lines(note, [WITNESS.cosign(note, 1_772_700_000)])

    def entries(
        self, shown: set[int], disclosures: dict[int, list[str]] | None = None
    ) -> tuple[BundleEntry, ...]:
        """Every entry with its proof; those in ``shown`` with their notes."""
        leaves, size = self.leaves, len(self.notes)
        tiles = LeafTiles(leaves)
        return tuple(
            BundleEntry(
                index,
                leaves[index],
                tuple(prove_inclusion(tiles, index, size)),
                self.notes[index] if index in shown else None,
                tuple((disclosures or {}).get(index, ())),
            )
            for index in range(size)
        )


POLICY = Policy(
    (PolicyLog(LOG_KEY.vkey, "https://example.org/log"),),
    (PolicyWitness("w1", WITNESS.vkey),),
    (),
    "w1",
)


def claim_log() -> tuple[SmallLog, str]:
    """Two organisations, a lot, a run, a claim and its label; and a disclosure."""
    log = SmallLog()
    log.register(YARD)
    log.register(SMELTER)
    ticket = disclose("ticket", "示例磅单 42", salt="c2FsdHNhbHRzYWx0c2FsdA")
    sourced = log.add(
        "lot.sourced",
        YARD,
        {"lot": "L0T000000001", "weighing": {"net_g": 12_480_000}},
        signer_of(YARD),
        sd=pad_digests([ticket.digest], 1),
    )
    run = log.add(
        "run.recorded",
        SMELTER,
        {
            "run": "RUN000000001",
            "inputs": [{"lot": "L0T000000001", "net_g": 12_480_000}],
            "outputs": [{"lot": "L0T000000002", "net_g": 12_000_000}],
        },
        signer_of(SMELTER),
        parents=[sourced],
        seen={"size": 2, "root": root_of(log.leaves[:2]).hex()},
    )
    claim = log.add(
        "claim.issued",
        SMELTER,
        {"claim": "CLA1M0000001", "lot": "L0T000000002", "share_ppm": 950_000},
        signer_of(SMELTER),
        parents=[run],
    )
    log.add(
        "label.issued",
        SMELTER,
        {"claim": "CLA1M0000001", "codes_sha256": [LABEL_SHA256], "format": "round"},
        signer_of(SMELTER),
        parents=[claim],
    )
    return log, ticket.text


def claim_bundle(kind: str = "full") -> dict[str, Any]:
    """The bundle of that claim; a public one hides the lot and the run."""
    log, ticket = claim_log()
    hidden = set() if kind == "full" else {5, 6}
    shown = set(range(len(log.notes))) - hidden
    return format_bundle(
        Bundle(
            kind=kind,
            subject={
                "claim": "CLA1M0000001",
                "label_sha256": LABEL_SHA256,
                "lot": "L0T000000002",
            },
            policy=format_policy(POLICY),
            genesis=log.leaves[0],
            checkpoint=log.checkpoint(),
            entries=log.entries(shown, {5: [ticket]} if kind == "full" else None),
        )
    )


GENESIS = leaf_hash(SmallLog().notes[0]).hex()
