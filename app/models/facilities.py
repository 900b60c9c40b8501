"""Facilities and their scales."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Date, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import FACT, Base, Code, Grams, RowId


class FacilityRow(Base):
    """A site with a scale; it belongs to one process boundary."""

    __tablename__ = "facility"
    __table_args__ = (UniqueConstraint("code"), FACT)

    id: Mapped[RowId]
    code: Mapped[Code]
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id"), index=True
    )
    kind: Mapped[str] = mapped_column(Text)
    province: Mapped[str] = mapped_column(Text)
    name_zh: Mapped[str | None] = mapped_column(Text)
    name_en: Mapped[str | None] = mapped_column(Text)
    boundary_code: Mapped[str] = mapped_column(Text)
    boundary_text_zh: Mapped[str | None] = mapped_column(Text)
    boundary_text_en: Mapped[str | None] = mapped_column(Text)


class ScaleRow(Base):
    """A scale: division ``e_g``, capacity ``max_g``, and its certificate's end."""

    __tablename__ = "scale"
    __table_args__ = (UniqueConstraint("facility_id", "code"), FACT)

    id: Mapped[RowId]
    facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    code: Mapped[str] = mapped_column(Text)
    scale_class: Mapped[str | None] = mapped_column(Text)
    e_g: Mapped[Grams]
    max_g: Mapped[Grams]
    certificate_until: Mapped[date | None] = mapped_column(Date)
