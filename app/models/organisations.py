"""Organisations and the keys that they sign with."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
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

    ``text`` is the disclosure as issued (RFC 9901): the digest is over these bytes.
    """

    __tablename__ = "disclosure"
    __table_args__ = (OPERATIONAL,)

    digest: Mapped[str] = mapped_column(Text, primary_key=True)
    entry_index: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("log_entry.entry_index"), index=True
    )
    name: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
