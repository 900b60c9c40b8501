"""Process runs and their flows."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import (
    FACT,
    PROJECTION,
    Base,
    Code,
    EntryIndex,
    Grams,
    Instant,
    Json,
    RowId,
)


class ProcessRunRow(Base):
    """A recorded process run, with what its closure came to.

    ``net_difference_g`` is net in - net out - named losses; ``gain_unknown_g`` the
    metal gain that joined the pool as unknown; ``metal_loss_g`` what remained of it.
    """

    __tablename__ = "process_run"
    __table_args__ = (
        UniqueConstraint("code"),
        Index("ix_process_run_facility_id", "facility_id"),
        FACT,
    )

    id: Mapped[RowId]
    code: Mapped[Code]
    own_number: Mapped[str | None] = mapped_column(Text)
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id")
    )
    facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    kind: Mapped[str] = mapped_column(Text)
    started_at: Mapped[Instant | None]
    ended_at: Mapped[Instant]
    net_in_g: Mapped[Grams]
    net_out_g: Mapped[Grams]
    losses: Mapped[dict[str, int]] = mapped_column(Json)
    gain_g: Mapped[Grams]
    net_difference_g: Mapped[Grams]
    metal_in_g: Mapped[Grams]
    gain_unknown_g: Mapped[Grams]
    metal_loss_g: Mapped[Grams]
    findings: Mapped[list[dict[str, object]]] = mapped_column(Json)


class RunFlowRow(Base):
    """Net grams of one lot in one run: below 0 taken, above 0 made; what traces walk.

    Its metal is stated beside it, never below 0.
    """

    __tablename__ = "run_flow"
    __table_args__ = (Index("ix_run_flow_lot_id", "lot_id", "run_id"), FACT)

    run_id: Mapped[int] = mapped_column(
        BigInteger,
        ForeignKey("process_run.id"),
        primary_key=True,
        autoincrement=False,
    )
    lot_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("lot.id"), primary_key=True, autoincrement=False
    )
    net_g: Mapped[Grams]
    metal_g: Mapped[Grams]


class MonthClosureRow(Base):
    """Differences of a facility, material and month, added up with their sign.

    A lot cut in small weighings buys no tolerance: the sums may not pass the rule.
    """

    __tablename__ = "month_closure"
    __table_args__ = (PROJECTION,)

    facility_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("facility.id"), primary_key=True, autoincrement=False
    )
    material: Mapped[str] = mapped_column(Text, primary_key=True)
    month: Mapped[str] = mapped_column(Text, primary_key=True)
    as_of_index: Mapped[EntryIndex]
    net_in_g: Mapped[Grams]
    net_difference_g: Mapped[Grams]
    metal_in_g: Mapped[Grams]
    gain_unknown_g: Mapped[Grams]
