"""Supply records: what the statistics are sums of."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import FACT, Base, EntryIndex, Grams, RowId


class SupplyRecordRow(Base):
    """Metal that left scrap as metal, once; a correction leaves rows of sign -1.

    ``about_index`` is the entry of the run that the row speaks of; ``month`` is that
    of Asia/Shanghai, ``YYYY-MM``.
    """

    __tablename__ = "supply_record"
    __table_args__ = (
        CheckConstraint("sign in (-1, 1)", name="sign"),
        CheckConstraint("metal_g > 0", name="metal_g"),
        Index("ix_supply_record_about_index", "about_index"),
        # Covering, in the order in which statements group: ten million rows are
        # summed in one pass, without a sort and without reading the table
        Index(
            "ix_supply_record_sums",
            "month",
            "metal",
            "origin_class",
            "imported",
            "flow",
            "province",
            "entry_index",
            "sign",
            "metal_g",
        ),
        FACT,
    )

    id: Mapped[RowId]
    entry_index: Mapped[EntryIndex]
    about_index: Mapped[EntryIndex]
    sign: Mapped[int] = mapped_column(Integer)
    month: Mapped[str] = mapped_column(Text)
    province: Mapped[str] = mapped_column(Text)
    metal: Mapped[str] = mapped_column(Text)
    flow: Mapped[str] = mapped_column(Text)
    origin_class: Mapped[str] = mapped_column(Text)
    imported: Mapped[bool] = mapped_column(Boolean)
    facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    metal_g: Mapped[Grams]
