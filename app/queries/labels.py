"""Reading labels: which were printed for what, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    ClaimRow,
    ClaimStateRow,
    LabelCodeRow,
    LabelRow,
    LabelVoidingRow,
    LotBalanceRow,
    LotRow,
    OrganisationRow,
)
from app.models.base import ROWS_PER_ENTRY, entry_of
from app.queries.errors import NotFound

_MAKER = aliased(OrganisationRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSubject:
    """What a label speaks of: a lot, or the claimed part of one.

    Attributes:
        lot: Code of the lot.
        claim: Code of the claim; None where nothing is claimed.
        claim_state: Of the claim; None without one.
        material: Code of the lot's material.
        net_g: What the label speaks of: the claimed stretch, or the whole lot.
        share_ppm: Recycled share of the claim; None without one.
        model: Custody model of the claim; None without one.
        maker_zh: Chinese name of who made the lot.
        maker_en: English name.
        made_at: When the lot was made.
    """

    lot: str
    claim: str | None
    claim_state: str | None
    material: str
    net_g: int
    share_ppm: int | None
    model: str | None
    maker_zh: str | None
    maker_en: str | None
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintRun(LabelSubject):
    """Labels that were issued together: one entry of the log.

    Attributes:
        entry_index: The entry that issued them.
        organisation_id: Row key of who issued them.
        format: For which they were issued.
        issued_at: When.
        count: How many.
        voided: How many of them were declared void.
    """

    entry_index: int
    organisation_id: int
    format: str
    issued_at: datetime
    count: int
    voided: int


@dataclass(frozen=True, slots=True)
class IssuedLabel:
    """One label.

    Attributes:
        code_sha256: What the log knows of it.
        code: As printed; None where it is not kept here.
        voided_because: The reason; None while it is good.
        voided_index: The entry that says so.
    """

    code_sha256: bytes
    code: str | None
    voided_because: str | None
    voided_index: int | None


def list_print_runs(
    session: Session,
    *,
    organisation_id: int | None,
    everything: bool,
    text: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[PrintRun]:
    """What an organisation has issued, or all for an auditor; newest first."""
    wanted = _readable(_runs(), organisation_id, everything=everything)
    if text:
        wanted = wanted.where(_names(text))
    if before is not None:
        wanted = wanted.where(LabelRow.id < before * ROWS_PER_ENTRY)
    rows = session.execute(wanted.order_by(LabelRow.id.desc()).limit(limit)).all()
    return _print_runs(session, rows)


def count_print_runs(
    session: Session,
    *,
    organisation_id: int | None,
    everything: bool,
    text: str | None = None,
) -> int:
    """How many there are, or how many the text finds."""
    wanted = select(func.count()).select_from(LabelRow).where(_first_of_entry())
    if text:
        wanted = (
            wanted.join(LotRow, LotRow.id == LabelRow.lot_id)
            .outerjoin(ClaimRow, ClaimRow.id == LabelRow.claim_id)
            .where(_names(text))
        )
    if not everything:
        wanted = wanted.where(LabelRow.organisation_id == organisation_id)
    return session.scalar(wanted) or 0


def get_print_run(
    session: Session, entry_index: int, *, organisation_id: int | None, everything: bool
) -> PrintRun:
    """The labels of one entry.

    Raises:
        NotFound: It issued none, or none of the caller's.
    """
    wanted = _readable(_runs(), organisation_id, everything=everything)
    rows = session.execute(
        wanted.where(LabelRow.id == entry_index * ROWS_PER_ENTRY)
    ).all()
    if not rows:
        raise NotFound("entry {index} has issued no labels", index=entry_index)
    return _print_runs(session, rows)[0]


def get_subject(
    session: Session, *, lot: str | None, claim: str | None, organisation_id: int | None
) -> LabelSubject:
    """What labels for a lot or a claim would speak of.

    Raises:
        NotFound: The organisation holds no such lot, or has no such claim.
    """
    wanted = select(
        ClaimRow,
        ClaimStateRow.state,
        LotRow.code,
        LotRow.material,
        LotRow.net_g,
        LotRow.made_at,
        _MAKER.name_zh,
        _MAKER.name_en,
    )
    if claim is not None:
        wanted = (
            wanted.select_from(ClaimRow)
            .join(LotRow, LotRow.id == ClaimRow.lot_id)
            .join(ClaimStateRow, ClaimStateRow.claim_id == ClaimRow.id)
            .where(ClaimRow.code == claim, ClaimRow.organisation_id == organisation_id)
        )
    else:
        wanted = (
            wanted.select_from(LotRow)
            .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
            .outerjoin(ClaimRow, false())
            .outerjoin(ClaimStateRow, false())
            .where(LotRow.code == lot, LotBalanceRow.organisation_id == organisation_id)
        )
    row = session.execute(
        wanted.join(_MAKER, _MAKER.id == LotRow.organisation_id)
    ).first()
    if row is None:
        raise NotFound("no such code: {text}", text=claim or lot)
    return LabelSubject(**_subject(row))


def list_labels(session: Session, entry_index: int) -> list[IssuedLabel]:
    """The labels of an entry, in their order."""
    low = entry_index * ROWS_PER_ENTRY
    rows = session.execute(
        select(
            LabelRow.code_sha256,
            LabelCodeRow.code,
            LabelVoidingRow.reason,
            LabelVoidingRow.id,
        )
        .outerjoin(LabelCodeRow, LabelCodeRow.code_sha256 == LabelRow.code_sha256)
        .outerjoin(LabelVoidingRow, LabelVoidingRow.label_id == LabelRow.id)
        .where(LabelRow.id >= low, LabelRow.id < low + ROWS_PER_ENTRY)
        .order_by(LabelRow.id)
    )
    return [
        IssuedLabel(digest, code, reason, None if key is None else entry_of(key))
        for digest, code, reason, key in rows
    ]


def _names(text: str) -> Any:  # noqa: ANN401 - a clause
    return or_(
        LotRow.code.contains(text.upper(), autoescape=True),
        ClaimRow.code.contains(text.upper(), autoescape=True),
    )


def _first_of_entry() -> Any:  # noqa: ANN401 - a clause
    return LabelRow.id % ROWS_PER_ENTRY == 0


def _runs() -> Any:  # noqa: ANN401 - a select
    return (
        select(LabelRow, ClaimRow, ClaimStateRow.state)
        .add_columns(
            LotRow.code,
            LotRow.material,
            LotRow.net_g,
            LotRow.made_at,
            _MAKER.name_zh,
            _MAKER.name_en,
        )
        .join(LotRow, LotRow.id == LabelRow.lot_id)
        .join(_MAKER, _MAKER.id == LotRow.organisation_id)
        .outerjoin(ClaimRow, ClaimRow.id == LabelRow.claim_id)
        .outerjoin(ClaimStateRow, ClaimStateRow.claim_id == ClaimRow.id)
        .where(_first_of_entry())
    )


def _readable(wanted: Any, organisation_id: int | None, *, everything: bool) -> Any:  # noqa: ANN401 - a select
    if everything:
        return wanted
    return wanted.where(LabelRow.organisation_id == organisation_id)


def _print_runs(session: Session, rows: Sequence[Any]) -> list[PrintRun]:
    found = []
    counts = _counts(session, [row.LabelRow.id for row in rows])
    for row in rows:
        label = row.LabelRow
        count, voided = counts[label.id]
        found.append(
            PrintRun(
                entry_index=entry_of(label.id),
                organisation_id=label.organisation_id,
                format=label.format,
                issued_at=label.issued_at,
                count=count,
                voided=voided,
                **_subject(row),
            )
        )
    return found


def _subject(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row
    claim = row.ClaimRow
    return {
        "lot": row.code,
        "claim": None if claim is None else claim.code,
        "claim_state": row.state,
        "material": row.material,
        "net_g": row.net_g if claim is None else claim.to_g - claim.from_g,
        "share_ppm": None if claim is None else claim.share_ppm,
        "model": None if claim is None else claim.model,
        "maker_zh": row.name_zh,
        "maker_en": row.name_en,
        "made_at": row.made_at,
    }


def _counts(session: Session, firsts: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Labels and voided ones of each entry, by the key of its first label."""
    first_of = (LabelRow.id - LabelRow.id % ROWS_PER_ENTRY).label("first")
    rows = session.execute(
        select(first_of, func.count(LabelRow.id), func.count(LabelVoidingRow.id))
        .select_from(LabelRow)
        .outerjoin(LabelVoidingRow, LabelVoidingRow.label_id == LabelRow.id)
        .where(
            or_(
                false(),
                *(
                    and_(LabelRow.id >= first, LabelRow.id < first + ROWS_PER_ENTRY)
                    for first in firsts
                ),
            )
        )
        .group_by(first_of)
    )
    return {first: (count, voided) for first, count, voided in rows}
