"""Labels: issued, voided. Handlers of their facts."""

from __future__ import annotations

from sqlalchemy import select

from app.models import LabelRow, LabelVoidingRow, row_id
from app.services.claims import OPEN_STATES
from app.services.errors import refuse
from app.services.facts import Fact
from app.services.work import Work


def post_issued(work: Work, fact: Fact, index: int) -> None:
    """``label.issued``: for a lot, or for a claim; the log sees digests only.

    Raises:
        Refused: The lot or claim is not the organisation's, or a digest is in use.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    claim_id = None
    if "claim" in data:
        claim = work.claims.get(data["claim"])
        if claim is None or claim.organisation_id != organisation.id:
            raise refuse(
                "data.claim",
                "found {code}, which is no claim of yours",
                code=data["claim"],
            )
        if claim.state not in OPEN_STATES:
            raise refuse("data.claim", "claim {code} has ended", code=data["claim"])
        claim_id, lot_id = claim.id, work.lots[claim.lot].id
    else:
        lot_id = work.held_lot(data["lot"], organisation, "data.lot").id
    digests = [bytes.fromhex(digest) for digest in data["codes_sha256"]]
    known = set(
        work.session.scalars(
            select(LabelRow.code_sha256).where(LabelRow.code_sha256.in_(digests))
        )
    ) | (set(digests) & work.label_digests)
    if known:
        raise refuse(
            "data.codes_sha256", "{digest} is in use already", digest=min(known).hex()
        )
    work.label_digests.update(digests)
    for position, digest in enumerate(digests):
        work.add_row(
            LabelRow,
            {
                "id": row_id(index, position),
                "code_sha256": digest,
                "organisation_id": organisation.id,
                "lot_id": lot_id,
                "claim_id": claim_id,
                "format": data["format"],
                "issued_at": fact.at,
            },
        )


def post_voided(work: Work, fact: Fact, index: int) -> None:
    """``label.voided``: the label says so from now on.

    Raises:
        Refused: It is no label of this organisation, or void already.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    row = work.session.execute(
        select(LabelRow.id, LabelRow.organisation_id, LabelVoidingRow.id)
        .outerjoin(LabelVoidingRow, LabelVoidingRow.label_id == LabelRow.id)
        .where(LabelRow.code_sha256 == bytes.fromhex(data["code_sha256"]))
    ).first()
    if row is None or row[1] != organisation.id:
        raise refuse("data.code_sha256", "found the digest of no label of yours")
    if row[2] is not None or row[0] in work.voided_labels:
        raise refuse("data.code_sha256", "the label is void already")
    work.voided_labels.add(row[0])
    work.add_row(
        LabelVoidingRow,
        {"id": row_id(index), "label_id": row[0], "reason": data["reason"]},
    )
