"""Bundles of whole logs that the operator signed, whatever their entries hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger import LeafTiles, Signer, disclose, pad_digests, prove_inclusion
from tests.small_log import (
    LOG_KEY,
    OPERATOR,
    REGISTRAR,
    SMELTER,
    YARD,
    SmallLog,
    claim_bundle,
    signer_of,
)
from tools.corpus_bundles import LOT, ZERO, BundleCases, Document
from tools.corpus_case import Corpus, Expected
from tools.corpus_entries import signed


def bundle_of(log: SmallLog, subject: dict[str, str], left_out: set[int]) -> Document:
    """A full bundle of a whole log, or of most of it."""
    tiles, size = LeafTiles(log.leaves), len(log.notes)
    return {
        **claim_bundle("full"),
        "checkpoint": log.checkpoint().decode(),
        "subject": subject,
        "entries": [
            {
                "index": index,
                "leaf": log.leaves[index].hex(),
                "proof": [one.hex() for one in prove_inclusion(tiles, index, size)],
                "note": note.decode(),
            }
            for index, note in enumerate(log.notes)
            if index not in left_out
        ],
    }


def yard_log() -> SmallLog:
    """One yard, and nothing of it yet."""
    log = SmallLog()
    log.register(YARD)
    return log


def add_logs(corpus: Corpus) -> None:
    """Logs of one yard, each with something else in it."""
    cases = BundleCases(corpus)

    def add(
        what: str,
        must: Expected,
        grow: Callable[[SmallLog], Any],
        subject: dict[str, str] | None = None,
        left_out: set[int] | None = None,
    ) -> None:
        log = yard_log()
        grow(log)
        document = bundle_of(log, subject or {"lot": LOT}, left_out or set())
        cases.add(what, document, must)

    def lot(
        log: SmallLog,
        signer: Signer | None = None,
        **more: Any,  # noqa: ANN401
    ) -> None:
        log.add("lot.sourced", YARD, {"lot": LOT}, signer or signer_of(YARD), **more)

    def raw(text: str) -> Callable[[SmallLog], None]:
        return lambda log: log.notes.append(text.encode())

    add("another log of the same keys", {}, lot)
    add(
        "a lot by the operator",
        {"keys": "signer.not_allowed"},
        lambda log: lot(log, REGISTRAR),
    )
    add(
        "a lot by a stranger",
        {"keys": "key.unknown"},
        lambda log: lot(log, signer_of(SMELTER)),
    )

    def other_signs(log: SmallLog) -> None:
        log.register(SMELTER)
        lot(log, signer_of(SMELTER))

    add("a lot by another organisation", {"keys": "signer.not_allowed"}, other_signs)
    add("registrations left out", {"keys": "key.unknown"}, lot, left_out={2})
    parent = ZERO
    add("a parent of nowhere", _PARENTS, lambda log: lot(log, parents=[parent]))
    seen = {"size": 3, "root": ZERO}
    add("a checkpoint seen", {}, lambda log: lot(log, seen=seen))
    ahead = {**seen, "size": 4}
    add(
        "more seen than there was",
        {"seen": "seen.ahead"},
        lambda log: lot(log, seen=ahead),
    )

    def twice(log: SmallLog) -> None:
        lot(log)
        log.add("lot.sourced", YARD, {"lot": "X", "net_g": [1]}, REGISTRAR)

    add("the last entry by the operator", {"keys": "signer.not_allowed"}, twice)
    add("a note that is no entry", {"entries": "entry.header"}, raw(signed("x\n")))
    add("an entry that is no note", {"entries": "note.malformed"}, raw("x"))
    spaced = signed('remelt/fact@v1\n{ "v":1}\n')
    add("an entry in another spelling", {"entries": "entry.not_canonical"}, raw(spaced))
    add(
        "half an envelope",
        {"entries": "entry.envelope"},
        raw(signed('remelt/fact@v1\n{"v":1}\n')),
    )

    def labelled(data: dict[str, Any]) -> Callable[[SmallLog], None]:
        def grow(log: SmallLog) -> None:
            signer = signer_of(YARD)
            log.add("claim.issued", YARD, {"claim": "C", "lot": LOT}, signer)
            log.add("label.issued", YARD, data, signer)

        return grow

    label = {"claim": "C", "codes_sha256": [ZERO], "format": "round"}
    both = {"claim": "C", "label_sha256": ZERO, "lot": LOT}
    add("a label of a claim", {}, labelled(label), both)
    mixed = {"subject": "subject.mixed"}
    add("a label of another claim", mixed, labelled({**label, "claim": "D"}), both)
    codes = labelled({**label, "codes_sha256": ZERO})
    add("codes that are no list", {"subject": "subject.label"}, codes, both)
    other_lot = labelled({**label, "lot": "X"})
    add("a label of another lot", {"subject": "subject.lot"}, other_lot, both)
    sd = pad_digests([disclose("ticket", "1", salt="c2FsdA").digest], 1)
    add("a value that is not shown", {}, lambda log: lot(log, sd=sd))
    foreign = {"log_vkey": LOG_KEY.vkey, "origin": "example.org/log2"}
    for what, data, must in (
        ("a log key in a list", {"log_vkey": []}, "genesis.log_key"),
        ("no log key", {}, "genesis.log_key"),
        ("a log key of nobody", {"log_vkey": "x"}, "genesis.log_key"),
        ("another origin", foreign, "genesis.origin"),
    ):
        first = SmallLog()
        first.notes.clear()
        first.add("log.genesis", OPERATOR, data, REGISTRAR)
        document = bundle_of(first, {"lot": LOT}, set())
        document["genesis"] = first.leaves[0].hex()
        cases.add(f"founded with {what}", document, {"genesis": must}, genesis=None)


_PARENTS = {"parents": "parents.missing"}
