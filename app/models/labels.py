"""Labels: physical prints, known to the log by the digest of their code only."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import FACT, OPERATIONAL, Base, Hash, Instant, RowId


class LabelRow(Base):
    """One printed label, for a lot or a claim."""

    __tablename__ = "label"
    __table_args__ = (
        UniqueConstraint("code_sha256"),
        Index("ix_label_lot_id", "lot_id"),
        Index("ix_label_claim_id", "claim_id"),
        FACT,
    )

    id: Mapped[RowId]
    code_sha256: Mapped[Hash]
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id")
    )
    lot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("lot.id"))
    claim_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("claim.id"))
    format: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[Instant]


class LabelVoidingRow(Base):
    """A label that its holder declared void."""

    __tablename__ = "label_voiding"
    __table_args__ = (UniqueConstraint("label_id"), FACT)

    id: Mapped[RowId]
    label_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("label.id"))
    reason: Mapped[str] = mapped_column(Text)


class LabelCodeRow(Base):
    """The code behind a label's digest, kept so that its holder can print it again."""

    __tablename__ = "label_code"
    __table_args__ = (OPERATIONAL,)

    code_sha256: Mapped[Hash] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(Text)
