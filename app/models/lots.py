"""Lots, what is taken from them, and what is left."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Text,
    UniqueConstraint,
    text,
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
    Json,
    RowId,
    UtcDateTime,
)

ORIGINS = ("elv", "post", "pre", "internal", "primary", "unknown")
CELL_COLUMNS = tuple(
    f"{origin}_{part}_g" for origin in ORIGINS for part in ("domestic", "imported")
)
UNCOUNTED_COLUMNS = tuple(
    f"uncounted_{origin}_{part}_g"
    for origin in ("elv", "post", "pre", "unknown")
    for part in ("domestic", "imported")
)

BRINGS_PRIMARY = "run_id IS NULL AND primary_domestic_g + primary_imported_g > 0"
"""Lots that brought primary metal in from outside: no run made them."""


class CompositionMixin:
    """Twelve cells that sum to the metal, and eight of a return not yet counted.

    The cells are the origin classes of design section 6, each domestic and imported;
    the uncounted grams are null on whatever is not a return.
    """

    elv_domestic_g: Mapped[Grams]
    elv_imported_g: Mapped[Grams]
    post_domestic_g: Mapped[Grams]
    post_imported_g: Mapped[Grams]
    pre_domestic_g: Mapped[Grams]
    pre_imported_g: Mapped[Grams]
    internal_domestic_g: Mapped[Grams]
    internal_imported_g: Mapped[Grams]
    primary_domestic_g: Mapped[Grams]
    primary_imported_g: Mapped[Grams]
    unknown_domestic_g: Mapped[Grams]
    unknown_imported_g: Mapped[Grams]
    uncounted_elv_domestic_g: Mapped[int | None] = mapped_column(BigInteger)
    uncounted_elv_imported_g: Mapped[int | None] = mapped_column(BigInteger)
    uncounted_post_domestic_g: Mapped[int | None] = mapped_column(BigInteger)
    uncounted_post_imported_g: Mapped[int | None] = mapped_column(BigInteger)
    uncounted_pre_domestic_g: Mapped[int | None] = mapped_column(BigInteger)
    uncounted_pre_imported_g: Mapped[int | None] = mapped_column(BigInteger)
    uncounted_unknown_domestic_g: Mapped[int | None] = mapped_column(BigInteger)
    uncounted_unknown_imported_g: Mapped[int | None] = mapped_column(BigInteger)


class LotRow(Base, CompositionMixin):
    """A weighed quantity as it was made: the ruler that it keeps for life.

    ``pool_from_g`` is where, in the metal of its run's pool, its stretch begins.
    ``claim_block`` says why the lot can never be claimed, where that is known when
    it is made (a weighing under 20 divisions, an expired scale); else null.
    """

    __tablename__ = "lot"
    __table_args__ = (
        UniqueConstraint("code"),
        Index("ix_lot_run_id", "run_id"),
        Index("ix_lot_facility_id", "facility_id"),
        # The few lots that brought primary metal in: statements sum them
        Index(
            "ix_lot_primary",
            "made_at",
            sqlite_where=text(BRINGS_PRIMARY),
            postgresql_where=text(BRINGS_PRIMARY),
        ),
        FACT,
    )

    id: Mapped[RowId]
    code: Mapped[Code]
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id")
    )
    facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    kind: Mapped[str] = mapped_column(Text)
    material: Mapped[str] = mapped_column(Text)
    metal: Mapped[str] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)
    made_at: Mapped[Instant]
    run_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("process_run.id"))
    pool_from_g: Mapped[int | None] = mapped_column(BigInteger)
    claim_block: Mapped[str | None] = mapped_column(Text)
    net_g: Mapped[Grams]
    metal_g: Mapped[Grams]


class LotRevisionRow(Base, CompositionMixin):
    """Metal and composition of a lot from this entry on (an assay)."""

    __tablename__ = "lot_revision"
    __table_args__ = (Index("ix_lot_revision_lot_id", "lot_id"), FACT)

    id: Mapped[RowId]
    lot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("lot.id"))
    metal_g: Mapped[Grams]


class LotAliasRow(Base):
    """Another name of a lot: the yard's own number, GTIN and batch, VAA, Handle."""

    __tablename__ = "lot_alias"
    __table_args__ = (
        Index("ix_lot_alias_value", "value"),
        Index("ix_lot_alias_lot_id", "lot_id"),
        FACT,
    )

    id: Mapped[RowId]
    lot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("lot.id"))
    facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    scheme: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)


class TakingRow(Base, CompositionMixin):
    """What one fact takes from one lot: its stretch of the ruler and what lies on it.

    ``from_g`` and ``to_g`` are net marks of the lot; ``further`` lists more stretches
    where the free marks were not in one piece, null otherwise.
    """

    __tablename__ = "taking"
    __table_args__ = (
        Index("ix_taking_lot_id", "lot_id"),
        Index("ix_taking_run_id", "run_id"),
        FACT,
    )

    id: Mapped[RowId]
    lot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("lot.id"))
    run_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("process_run.id"))
    from_g: Mapped[Grams]
    to_g: Mapped[Grams]
    further: Mapped[list[list[int]] | None] = mapped_column(Json)
    net_g: Mapped[Grams]
    metal_g: Mapped[Grams]


class DeliveryRow(Base):
    """Grams of a lot that left the ledger: sold, exported, landfilled, consumed."""

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_lot_id", "lot_id"), FACT)

    id: Mapped[RowId]
    lot_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("lot.id"))
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id")
    )
    facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    taking_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("taking.id"))
    net_g: Mapped[Grams]
    destination: Mapped[str] = mapped_column(Text)
    category: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[Instant]


class LotBalanceRow(Base):
    """Where a lot is, who holds it, and which marks of it are still free.

    ``goes_on_g``: marks that remain after transfers; ``placed_to_g``: the end of the
    last place ever given; ``gaps``: free stretches below it; ``claimed``: stretches
    under a claim in force; ``internal_as_unknown``: the lot left its boundary.
    ``revision_id`` is the composition in force, null for the one as made.
    """

    __tablename__ = "lot_balance"
    __table_args__ = (
        Index("ix_lot_balance_organisation_id_state", "organisation_id", "state"),
        Index("ix_lot_balance_facility_id", "facility_id"),
        PROJECTION,
    )

    lot_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("lot.id"), primary_key=True, autoincrement=False
    )
    as_of_index: Mapped[EntryIndex]
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id")
    )
    facility_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("facility.id"))
    state: Mapped[str] = mapped_column(Text)
    since_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revision_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("lot_revision.id")
    )
    goes_on_g: Mapped[Grams]
    placed_to_g: Mapped[Grams]
    gaps: Mapped[Any] = mapped_column(Json)
    left_g: Mapped[Grams]
    claimed: Mapped[Any] = mapped_column(Json)
    claimed_g: Mapped[Grams]
    internal_as_unknown: Mapped[bool] = mapped_column(Boolean)
    claim_block: Mapped[str | None] = mapped_column(Text)
    transfer_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("transfer.id")
    )
    received_index: Mapped[int | None] = mapped_column(BigInteger)
