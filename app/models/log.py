"""The log: its entries, its head, its checkpoints, and the roots of its full tiles."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import (
    FACT,
    OPERATIONAL,
    Base,
    EntryIndex,
    Hash,
    Instant,
    RowId,
    UtcDateTime,
)


class LogEntryRow(Base):
    """One leaf of the log: the whole signed note, as hashed.

    ``request_digest`` is a keyed digest of the request that made the entry: the same
    request under the same id is answered again, another one is refused.
    """

    __tablename__ = "log_entry"
    __table_args__ = (
        UniqueConstraint("org", "fact_id"),
        UniqueConstraint("leaf_hash"),
        Index("ix_log_entry_type_entry_index", "type", "entry_index"),
        Index("ix_log_entry_org_entry_index", "org", "entry_index", "type"),
        Index("ix_log_entry_at_entry_index", "at", "entry_index"),
        FACT,
    )

    entry_index: Mapped[RowId]
    leaf_hash: Mapped[Hash]
    note: Mapped[bytes] = mapped_column(LargeBinary)
    type: Mapped[str] = mapped_column(Text)
    org: Mapped[str] = mapped_column(Text)
    fact_id: Mapped[str] = mapped_column(Text)
    at: Mapped[Instant]
    request_digest: Mapped[Hash]


class EntryPartyRow(Base):
    """An organisation that an entry concerns beside the one that signed it."""

    __tablename__ = "entry_party"
    __table_args__ = (
        Index(
            "ix_entry_party_organisation_id_entry_index",
            "organisation_id",
            "entry_index",
        ),
        FACT,
    )

    entry_index: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("log_entry.entry_index"), primary_key=True
    )
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id"), primary_key=True
    )


class VoidingRow(Base):
    """An entry that a correction took back, in whole."""

    __tablename__ = "voiding"
    __table_args__ = (UniqueConstraint("voided_index"), FACT)

    id: Mapped[RowId]
    voided_index: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("log_entry.entry_index")
    )
    reason: Mapped[str] = mapped_column(Text)


class CheckpointRow(Base):
    """A signed (origin, size, root). A second root for a size cannot be stored."""

    __tablename__ = "checkpoint"
    __table_args__ = (FACT,)

    size: Mapped[RowId]
    root: Mapped[Hash]
    note: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[Instant]


class CosignatureRow(Base):
    """A witness's line below the checkpoint of one size.

    ``witness`` is its name in the policy, ``line`` the signature line with its end.
    """

    __tablename__ = "cosignature"
    __table_args__ = (FACT,)

    size: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("checkpoint.size"), primary_key=True
    )
    witness: Mapped[str] = mapped_column(Text, primary_key=True)
    line: Mapped[str] = mapped_column(Text)
    cosigned_at: Mapped[Instant]


class WitnessRow(Base):
    """What a witness of the policy last said: state, its size, and what went wrong."""

    __tablename__ = "witness"
    __table_args__ = (OPERATIONAL,)

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    size: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    tried_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LogHeadRow(Base):
    """Size and right edge of the tree: one row, rewritten by every append."""

    __tablename__ = "log_head"
    __table_args__ = (OPERATIONAL,)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    size: Mapped[EntryIndex]
    frontier: Mapped[bytes] = mapped_column(LargeBinary)


class LogTileRow(Base):
    """The root of one full tile: the hash that stands for it one level up."""

    __tablename__ = "log_tile"
    __table_args__ = (OPERATIONAL,)

    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    tile_index: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False
    )
    root: Mapped[Hash]


class SignerRow(Base):
    """When the signer last looked, and what it last signed: one row."""

    __tablename__ = "signer"
    __table_args__ = (OPERATIONAL,)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    alive_at: Mapped[datetime] = mapped_column(UtcDateTime)
    size: Mapped[EntryIndex]
