"""Files that were handed in, and how far their import has come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import OPERATIONAL, Base, Json, UtcDateTime


class ImportRow(Base):
    """One file: ``state`` goes queued, running, then done, refused or failed.

    ``lease_until`` lets another worker take over what a killed one left behind: the
    facts of a file have ids that follow from its rows, so that starting again adds
    nothing twice.

    ``content`` is sealed under ``content_key``, which is sealed under the
    key-encryption key; both are None when the file is kept no longer.
    """

    __tablename__ = "import_file"
    __table_args__ = (
        Index("ix_import_file_organisation_id", "organisation_id"),
        OPERATIONAL,
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("organisation.id")
    )
    user_id: Mapped[int] = mapped_column(Integer)
    template: Mapped[str] = mapped_column(Text)
    mode: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    content_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(Text)
    rows_total: Mapped[int | None] = mapped_column(Integer)
    rows_done: Mapped[int] = mapped_column(Integer)
    facts_posted: Mapped[int] = mapped_column(Integer)
    facts_known: Mapped[int] = mapped_column(Integer)
    faults: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
