"""Bundles: what it takes to check a label offline, in one document (``ledger.bundle``).

A *public* bundle shows the entries of label and claim, and of what ended them, with the
keys that signed them; the evidence stands in it by leaf hashes with proofs. A *full*
bundle shows the evidence too, to the last weighing. Both are written as they are read,
so that a long history needs no memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy.orm import Session

from app.queries.cosigned import find_newest_over
from app.queries.evidence import (
    chunks,
    count_unreadable,
    ending_entries,
    evidence_cone,
    registrations,
)
from app.queries.facts import Reader
from app.queries.proof_tiles import load_tiles
from app.queries.verdicts import (
    LabelCase,
    entries_by_index,
    find_label,
)
from app.services.archive import policy_text
from app.services.errors import Conflict, Forbidden, Unauthenticated, refuse
from app.services.genesis import get_trust_root
from labels.codes import code_sha256
from ledger import Bundle, BundleEntry, Policy, format_bundle, prove_inclusion

BundleKind = Literal["public", "full"]
MOST_PUBLIC = 1_000
MOST_FULL = 50_000


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """What goes into a bundle.

    Attributes:
        head: The bundle without its entries.
        size: Of the log under its checkpoint.
        indexes: Of its entries, ascending.
        shown: Those that stand in it with their note.
    """

    head: Bundle
    size: int
    indexes: tuple[int, ...]
    shown: frozenset[int]


def plan_bundle(
    session: Session,
    code: str,
    kind: BundleKind,
    reader: Reader,
    policy: Policy | None = None,
) -> BundlePlan | None:
    """What a bundle about the label with this code holds; None for no such label.

    Of a history with more than 1,000 entries, a public bundle names the nearest. Its
    checkpoint is the newest that the witnesses have cosigned; where they have not come
    to label and claim, the newest of the log, which a verifier takes for no more.

    Args:
        session: To read in.
        code: Of the label.
        kind: How much it shows.
        reader: Who asks.
        policy: Of the log; None where nobody witnesses it.

    Raises:
        Conflict: Label or claim are not yet under a checkpoint.
        Unauthenticated: Nobody known asks for a full bundle.
        Forbidden: Entries behind the label are not for the reader.
        Refused: More than 50,000 entries stand behind the label.
    """
    found = find_label(session, code_sha256(code))
    if found is None:
        return None
    case, _ = found
    about = {case.label_index}
    if case.claim_index is not None:
        about.add(case.claim_index)
    checkpoint = find_newest_over(session, policy, max(about))
    if checkpoint is None:
        raise Conflict(
            "this was recorded a moment ago and is not yet under a signed checkpoint: "
            "try again in a second"
        )
    ends = ending_entries(session, case.code_sha256, case.claim_index)
    full = kind == "full"
    if full and not reader.everything and reader.organisation_id is None:
        raise Unauthenticated(
            "the full bundle is for those who may read the entries: send a token"
        )
    cone = evidence_cone(session, about | ends, MOST_FULL if full else MOST_PUBLIC)
    if full:
        _check_full(session, reader, cone.indexes, truncated=cone.truncated)
        known = registrations(session, cone.organisations, cone.facilities)
        shown = {0, *known, *cone.indexes}
    else:
        shown = {0, *registrations(session, {case.issuer.code}), *about, *ends}
    under = {index for index in shown | set(cone.indexes) if index < checkpoint.size}
    return BundlePlan(
        head=_head(session, case, kind, checkpoint.note, policy),
        size=checkpoint.size,
        indexes=tuple(sorted(under)),
        shown=frozenset(shown),
    )


def _check_full(
    session: Session, reader: Reader, indexes: list[int], *, truncated: bool
) -> None:
    if truncated:
        raise refuse(
            "kind",
            "more than {most} entries stand behind this label: ask the operator for "
            "the archive of the log",
            most=MOST_FULL,
        )
    if hidden := count_unreadable(session, reader, indexes):
        raise Forbidden(
            "{hidden} of the {total} entries behind this label are not for you to "
            "read: an auditor can",
            hidden=hidden,
            total=len(indexes),
        )


def _head(
    session: Session,
    case: LabelCase,
    kind: BundleKind,
    checkpoint: bytes,
    policy: Policy | None,
) -> Bundle:
    subject = {"label_sha256": case.code_sha256.hex(), "lot": case.lot.code}
    if case.claim is not None:
        subject["claim"] = case.claim["code"]
    return Bundle(
        kind=kind,
        subject=subject,
        policy=policy_text(session, policy),
        genesis=bytes.fromhex(get_trust_root(session).leaf_hash),
        checkpoint=checkpoint,
        entries=(),
    )


def write_bundle(session: Session, plan: BundlePlan) -> Iterator[str]:
    """The JSON text of a bundle, piece by piece."""
    start, end = json.dumps(format_bundle(plan.head), ensure_ascii=False), "]}"
    yield start.removesuffix(end)
    between = ""
    for chunk in chunks(plan.indexes):
        tiles = load_tiles(session, chunk, plan.size)
        stored = entries_by_index(session, chunk)
        entries = tuple(
            BundleEntry(
                index=index,
                leaf=stored[index].leaf_hash,
                proof=tuple(prove_inclusion(tiles, index, plan.size)),
                note=stored[index].note if index in plan.shown else None,
            )
            for index in chunk
        )
        for entry in format_bundle(replace(plan.head, entries=entries))["entries"]:
            yield between + json.dumps(entry, ensure_ascii=False)
            between = ",\n"
    yield end
