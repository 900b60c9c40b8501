"""Organisations and the keys that they sign with."""

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
    Code,
    Json,
    RowId,
    UtcDateTime,
)


class OrganisationRow(Base):
    """A legal body, registered by the registrar."""

    __tablename__ = "organisation"
    __table_args__ = (UniqueConstraint("code"), FACT)

    id: Mapped[RowId]
    code: Mapped[Code]
    name_zh: Mapped[str | None] = mapped_column(Text)
    name_en: Mapped[str | None] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(Json)
    uscc: Mapped[str | None] = mapped_column(Text)
    control_group: Mapped[str | None] = mapped_column(Text)


class SigningKeyRow(Base):
    """A public key of an organisation, valid from the index of its entry on."""

    __tablename__ = "signing_key"
    __table_args__ = (
        UniqueConstraint("key_name"),
        UniqueConstraint("public_key"),
        FACT,
    )

    id: Mapped[RowId]
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id"), index=True
    )
    number: Mapped[int] = mapped_column(Integer)
    key_name: Mapped[str] = mapped_column(Text)
    vkey: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    held_by: Mapped[str] = mapped_column(Text)
    next_digest: Mapped[str | None] = mapped_column(Text)


class SigningKeyEndRow(Base):
    """The entry up to which, and with which, a key was valid.

    ``replaced_by_id``: the key that it was rotated to; None: it was revoked.
    """

    __tablename__ = "signing_key_end"
    __table_args__ = (UniqueConstraint("signing_key_id"), FACT)

    id: Mapped[RowId]
    signing_key_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("signing_key.id")
    )
    replaced_by_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("signing_key.id")
    )
    reason: Mapped[str | None] = mapped_column(Text)


class SealedKeyRow(Base):
    """A private key that the platform keeps for an organisation, encrypted.

    The key-encryption key is not in the database, nor in its backup.
    """

    __tablename__ = "sealed_key"
    __table_args__ = (OPERATIONAL,)

    key_name: Mapped[str] = mapped_column(Text, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DisclosureRow(Base):
    """The value behind one salted digest of an entry; may be erased.

    ``sealed`` is the disclosure as issued (RFC 9901; the digest is over these bytes),
    under the key of that number of the organisation that stated the entry. ``text``
    is the same in plain: rows of an older release, until they are sealed.
    """

    __tablename__ = "disclosure"
    __table_args__ = (OPERATIONAL,)

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    entry_index: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("log_entry.entry_index"), index=True
    )
    name: Mapped[str] = mapped_column(Text)
    text: Mapped[str | None] = mapped_column(Text)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_number: Mapped[int | None] = mapped_column(BigInteger, index=True)


class DisclosureKeyRow(Base):
    """A key of an organisation, under which some of its private values are kept.

    One for what was stated at once. Sealed under the key-encryption key, and left out
    of the backup of the database: whoever destroys it erases the values in every
    backup. ``sealed`` is then empty. ``condemned_at``: a value under it was erased;
    those that stay move to another key, and this one is destroyed.
    """

    __tablename__ = "disclosure_key"
    __table_args__ = (OPERATIONAL,)

    org: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False
    )
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    condemned_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    destroyed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DisclosureGrantRow(Base):
    """Private values of an entry, shown to one organisation for a limited time.

    ``names``: which fields; None: all that the entry has.
    """

    __tablename__ = "disclosure_grant"
    __table_args__ = (
        Index("ix_disclosure_grant_to_organisation_id", "to_organisation_id"),
        OPERATIONAL,
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    )
    entry_index: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("log_entry.entry_index"), index=True
    )
    names: Mapped[list[str] | None] = mapped_column(Json)
    to_organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id")
    )
    granted_by_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ErasureRow(Base):
    """A private value that was erased, by its digest."""

    __tablename__ = "erasure"
    __table_args__ = (UniqueConstraint("digest"), FACT)

    id: Mapped[RowId]
    erased_index: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("log_entry.entry_index"), index=True
    )
    digest: Mapped[str] = mapped_column(Text)
    basis: Mapped[str] = mapped_column(Text)
