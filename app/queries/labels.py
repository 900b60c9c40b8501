"""Reading labels: which were printed for what, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    ClaimRow,
    ClaimStateRow,
    LabelCodeRow,
    LabelRow,
    LabelVoidingRow,
    LotRow,
    OrganisationRow,
)
from app.models.base import ROWS_PER_ENTRY, entry_of
from app.queries.errors import NotFound

_MAKER = aliased(OrganisationRow)


@dataclass(frozen=True, slots=True)
class PrintRun:
    """Labels that were issued together: one entry of the log.

    Attributes:
        entry_index: The entry that issued them.
        organisation_id: Row key of who issued them.
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
        format: For which they were issued.
        issued_at: When.
        count: How many.
        voided: How many of them were declared void.
    """

    entry_index: int
    organisation_id: int
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
        part = f"%{text.upper()}%"
        wanted = wanted.where(or_(LotRow.code.like(part), ClaimRow.code.like(part)))
    if before is not None:
        wanted = wanted.where(LabelRow.id < before * ROWS_PER_ENTRY)
    rows = session.execute(wanted.order_by(LabelRow.id.desc()).limit(limit)).all()
    return _print_runs(session, rows)


def count_print_runs(
    session: Session, *, organisation_id: int | None, everything: bool
) -> int:
    """How many there are."""
    wanted = select(func.count()).select_from(LabelRow).where(_first_of_entry())
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
        label, claim = row.LabelRow, row.ClaimRow
        count, voided = counts[label.id]
        found.append(
            PrintRun(
                entry_index=entry_of(label.id),
                organisation_id=label.organisation_id,
                lot=row.code,
                claim=None if claim is None else claim.code,
                claim_state=row.state,
                material=row.material,
                net_g=row.net_g if claim is None else claim.to_g - claim.from_g,
                share_ppm=None if claim is None else claim.share_ppm,
                model=None if claim is None else claim.model,
                maker_zh=row.name_zh,
                maker_en=row.name_en,
                made_at=row.made_at,
                format=label.format,
                issued_at=label.issued_at,
                count=count,
                voided=voided,
            )
        )
    return found


def _counts(session: Session, firsts: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Labels and voided ones of each entry, by the key of its first label."""
    found = {}
    for first in firsts:
        count, voided = session.execute(
            select(func.count(LabelRow.id), func.count(LabelVoidingRow.id))
            .select_from(LabelRow)
            .outerjoin(LabelVoidingRow, LabelVoidingRow.label_id == LabelRow.id)
            .where(and_(LabelRow.id >= first, LabelRow.id < first + ROWS_PER_ENTRY))
        ).one()
        found[first] = (count, voided)
    return found
