"""What the first page of a yard shows: what waits, and what this month came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.models import (
    DeliveryRow,
    FacilityRow,
    LabelRow,
    LotBalanceRow,
    LotRow,
    ProcessRunRow,
    TransferOutcomeRow,
    TransferRow,
    VoidingRow,
)
from app.queries.transfers import INDEX_FACTOR
from labels.codes import code_sha256

WHOLE_PPM = 1_000_000
WEIGHTS_DIFFER = "weights_differ"
PARTS_ONLY = ("split", "repack", "blend", "reclassify")
"""Kinds of runs that lose nothing: they say nothing about a yield."""


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """What an organisation weighed in and out since a moment.

    Attributes:
        sourced_g: Net grams of lots that came in from outside the books.
        received_g: Net grams of transfers accepted from others.
        dispatched_g: Net grams sent to others.
        delivered_g: Net grams that left the books.
        metal_in_g: Metal that went into runs that can lose some.
        metal_out_g: Metal that came out of them.
    """

    sourced_g: int
    received_g: int
    dispatched_g: int
    delivered_g: int
    metal_in_g: int
    metal_out_g: int

    @property
    def in_g(self) -> int:
        """All that came in."""
        return self.sourced_g + self.received_g

    @property
    def out_g(self) -> int:
        """All that went out."""
        return self.dispatched_g + self.delivered_g

    @property
    def yield_ppm(self) -> int | None:
        """Metal yield of the runs; None where nothing went into one."""
        if not self.metal_in_g:
            return None
        return self.metal_out_g * WHOLE_PPM // self.metal_in_g


def count_differing(session: Session, organisation_id: int) -> int:
    """Lots in stock that cannot be claimed, because the two weights do not agree."""
    return session.execute(
        select(func.count())
        .select_from(LotBalanceRow)
        .where(
            LotBalanceRow.organisation_id == organisation_id,
            LotBalanceRow.state == "held",
            LotBalanceRow.left_g > 0,
            LotBalanceRow.claim_block == WEIGHTS_DIFFER,
        )
    ).scalar_one()


def find_labelled_lot(session: Session, label_code: str) -> str | None:
    """Code of the lot that a label of this code was printed for."""
    return session.scalar(
        select(LotRow.code)
        .select_from(LabelRow)
        .join(LotRow, LotRow.id == LabelRow.lot_id)
        .where(LabelRow.code_sha256 == code_sha256(label_code))
        .limit(1)
    )


def month_figures(
    session: Session, organisation_id: int, since: datetime
) -> MonthFigures:
    """What came in and went out at the facilities of an organisation since then."""
    own = select(FacilityRow.id).where(FacilityRow.organisation_id == organisation_id)
    sourced = _sum(
        session,
        LotRow,
        [LotRow.net_g],
        LotRow.organisation_id == organisation_id,
        LotRow.source.is_not(None),
        LotRow.source != "opening",
        LotRow.made_at >= since,
    )
    received = session.execute(
        select(func.coalesce(func.sum(TransferOutcomeRow.net_g), 0))
        .join(TransferRow, TransferRow.id == TransferOutcomeRow.transfer_id)
        .where(
            TransferOutcomeRow.accepted.is_(True),
            TransferOutcomeRow.ended_at >= since,
            TransferRow.to_facility_id.in_(own),
            TransferRow.from_facility_id.not_in(own),
            _stands(TransferOutcomeRow),
        )
    ).scalar_one()
    dispatched = _sum(
        session,
        TransferRow,
        [TransferRow.net_g],
        TransferRow.from_facility_id.in_(own),
        TransferRow.to_facility_id.not_in(own),
        TransferRow.dispatched_at >= since,
        TransferRow.id.not_in(
            select(TransferOutcomeRow.transfer_id).where(
                TransferOutcomeRow.accepted.is_(False) | ~_stands(TransferOutcomeRow)
            )
        ),
    )
    delivered = _sum(
        session,
        DeliveryRow,
        [DeliveryRow.net_g],
        DeliveryRow.organisation_id == organisation_id,
        DeliveryRow.delivered_at >= since,
    )
    metal = _sum(
        session,
        ProcessRunRow,
        [
            ProcessRunRow.metal_in_g,
            ProcessRunRow.gain_unknown_g,
            ProcessRunRow.metal_loss_g,
        ],
        ProcessRunRow.organisation_id == organisation_id,
        ProcessRunRow.ended_at >= since,
        ProcessRunRow.kind.not_in(PARTS_ONLY),
    )
    metal_in, gained, lost = metal
    return MonthFigures(
        sourced_g=sourced[0],
        received_g=int(received or 0),
        dispatched_g=dispatched[0],
        delivered_g=delivered[0],
        metal_in_g=metal_in,
        metal_out_g=metal_in + gained - lost,
    )


def _stands(row: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped class
    """No correction took the entry of this row back."""
    standing: ColumnElement[bool] = (row.id // INDEX_FACTOR).not_in(
        select(VoidingRow.voided_index)
    )
    return standing


def _sum(
    session: Session,
    table: Any,  # noqa: ANN401 - a mapped class
    columns: list[Any],
    *conditions: ColumnElement[bool],
) -> list[int]:
    row = session.execute(
        select(*(func.coalesce(func.sum(one), 0) for one in columns)).where(
            *conditions, _stands(table)
        )
    ).one()
    return [int(one) for one in row]
