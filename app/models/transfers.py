"""Transfers: a lot changes hands, each side weighs."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import FACT, Base, Code, Grams, Instant, RowId


class TransferRow(Base):
    """A lot on its way from one facility to another.

    ``error_squared`` is the square of what the sender's scale can miss, in g².
    """

    __tablename__ = "transfer"
    __table_args__ = (
        UniqueConstraint("code"),
        Index("ix_transfer_lot_id", "lot_id"),
        Index("ix_transfer_to_facility_id", "to_facility_id"),
        Index("ix_transfer_from_facility_id", "from_facility_id"),
        FACT,
    )

    id: Mapped[RowId]
    code: Mapped[Code]
    own_number: Mapped[str | None] = mapped_column(Text)
    lot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("lot.id"))
    from_facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    to_facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    net_g: Mapped[Grams]
    error_squared: Mapped[Grams]
    mode: Mapped[str | None] = mapped_column(Text)
    km: Mapped[int | None] = mapped_column(Integer)
    dispatched_at: Mapped[Instant]


class TransferOutcomeRow(Base):
    """How a transfer ended: accepted with the receiver's weight, or refused.

    ``goes_on_g`` is the smallest of book, dispatched and received weight; what lies
    behind it is lost in transit.
    """

    __tablename__ = "transfer_outcome"
    __table_args__ = (UniqueConstraint("transfer_id"), FACT)

    id: Mapped[RowId]
    transfer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("transfer.id"))
    accepted: Mapped[bool] = mapped_column(Boolean)
    net_g: Mapped[int | None] = mapped_column(BigInteger)
    goes_on_g: Mapped[int | None] = mapped_column(BigInteger)
    lost_metal_g: Mapped[int | None] = mapped_column(BigInteger)
    within_tolerance: Mapped[bool | None] = mapped_column(Boolean)
    reason: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[Instant]
