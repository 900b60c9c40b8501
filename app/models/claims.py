"""Claims and what became of them."""

from __future__ import annotations

from datetime import date

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import (
    FACT,
    PROJECTION,
    Base,
    Code,
    EntryIndex,
    Grams,
    Instant,
    RowId,
)


class ClaimRow(Base):
    """A statement of recycled content about a stretch of one lot, in net marks."""

    __tablename__ = "claim"
    __table_args__ = (
        UniqueConstraint("code"),
        Index("ix_claim_lot_id", "lot_id"),
        Index("ix_claim_organisation_id", "organisation_id"),
        CheckConstraint("from_g < to_g", name="stretch_not_empty"),
        FACT,
    )

    id: Mapped[RowId]
    code: Mapped[Code]
    lot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("lot.id"))
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id")
    )
    from_g: Mapped[Grams]
    to_g: Mapped[Grams]
    claimed_g: Mapped[Grams]
    share_ppm: Mapped[int] = mapped_column(Integer)
    elv_ppm: Mapped[int] = mapped_column(Integer)
    post_ppm: Mapped[int] = mapped_column(Integer)
    pre_ppm: Mapped[int] = mapped_column(Integer)
    upper_ppm: Mapped[int] = mapped_column(Integer)
    model: Mapped[str] = mapped_column(Text)
    rule_set: Mapped[str] = mapped_column(Text)
    boundary_text: Mapped[str] = mapped_column(Text)
    method: Mapped[str] = mapped_column(Text)
    valid_until: Mapped[date | None] = mapped_column(Date)
    issued_at: Mapped[Instant]


class ClaimWithdrawalRow(Base):
    """A claim that its holder took back."""

    __tablename__ = "claim_withdrawal"
    __table_args__ = (UniqueConstraint("claim_id"), FACT)

    id: Mapped[RowId]
    claim_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("claim.id"))
    reason: Mapped[str] = mapped_column(Text)


class ClaimStateRow(Base):
    """Whether a claim is active, affected, corrected, consumed or withdrawn."""

    __tablename__ = "claim_state"
    __table_args__ = (PROJECTION,)

    claim_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("claim.id"), primary_key=True, autoincrement=False
    )
    as_of_index: Mapped[EntryIndex]
    state: Mapped[str] = mapped_column(Text)
