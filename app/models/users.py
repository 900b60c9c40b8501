"""Who may sign in, and the tokens that programs of theirs carry.

The mixins of Flask-Security carry behaviour only; the columns are all ours. None of
these rows follows from the log: people can be forgotten.
"""

from __future__ import annotations

from datetime import datetime

from flask_security import RoleMixin, UserMixin
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import OPERATIONAL, Base, Hash, Instant, Json, UtcDateTime

user_role = Table(
    "user_role",
    Base.metadata,
    Column("user_id", ForeignKey("user.id"), primary_key=True),
    Column("role_id", ForeignKey("role.id"), primary_key=True),
    info=OPERATIONAL["info"],
)


class RoleRow(Base, RoleMixin):
    """A role, by its name in ``services.access.ROLES``."""

    __tablename__ = "role"
    __table_args__ = (UniqueConstraint("name"), OPERATIONAL)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(Text)


class UserRow(Base, UserMixin):
    """A person who signs in. A new ``fs_uniquifier`` ends all sessions of theirs.

    ``organisation_id`` is empty for those who belong to none: auditors, statisticians,
    the registrar. ``locale`` is empty until the person chose a language.
    """

    __tablename__ = "user"
    __table_args__ = (
        UniqueConstraint("email"),
        UniqueConstraint("fs_uniquifier"),
        CheckConstraint("unit IN ('kg', 't')", name="unit_known"),
        OPERATIONAL,
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    password: Mapped[str | None] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(Boolean)
    fs_uniquifier: Mapped[str] = mapped_column(Text)
    organisation_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("organisation.id"), index=True
    )
    locale: Mapped[str | None] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text, default="kg")
    created_at: Mapped[Instant]
    roles: Mapped[list[RoleRow]] = relationship(  # type: ignore[assignment]
        secondary=user_role,  # narrower than the mixin's list[RoleMixin]
        lazy="selectin",
    )


class TokenRow(Base):
    """A personal API token: only its digest is kept, and the prefix that names it."""

    __tablename__ = "token"
    __table_args__ = (UniqueConstraint("digest"), OPERATIONAL)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int] = mapped_column(Integer, ForeignKey("user.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(Json)
    digest: Mapped[Hash] = mapped_column(LargeBinary(32))
    prefix: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
