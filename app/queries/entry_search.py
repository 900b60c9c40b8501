"""Finding entries: by lot, organisation, type and time, page by page in log order.

A page begins where the last one ended (an entry index, never an offset), and reads
through an index of the database whatever is asked, so that the millionth entry is found
as fast as the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Select, func, or_, select, union
from sqlalchemy.orm import Session

from app.models import (
    EntryPartyRow,
    LogEntryRow,
    LotRow,
    OrganisationRow,
    VoidingRow,
    entry_of,
)
from app.queries.evidence import chunks
from app.queries.facts import EntryView, Reader
from app.queries.lot_pages import entries_about
from ledger import parse_entry

MOST_ORGANISATIONS = 20
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class EntryQuestion:
    """Which entries are looked for; what is None narrows nothing.

    Attributes:
        lot: Code of a lot that they are about.
        organisations: Codes of who may have stated them; empty: nobody has.
        fact_type: Their type.
        since: They happened then or later.
        until: They happened before.
    """

    lot: str | None = None
    organisations: tuple[str, ...] | None = None
    fact_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def narrows(self) -> bool:
        """Whether anything is asked at all."""
        return self != EntryQuestion()


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A page of entries, the newest first.

    Attributes:
        entries: Those that the reader may read and asked for.
        older: There are more in front of the last one.
        newer: There are more behind the first one.
    """

    entries: list[EntryView]
    older: bool
    newer: bool


def find_organisations(session: Session, text: str) -> tuple[str, ...]:
    """Codes of organisations that bear a code, or a name with a text in it."""
    like = f"%{_escaped(text)}%"
    wanted = (
        select(OrganisationRow.code)
        .where(
            or_(
                OrganisationRow.code == text,
                OrganisationRow.name_zh.ilike(like, escape="\\"),
                OrganisationRow.name_en.ilike(like, escape="\\"),
            )
        )
        .order_by(OrganisationRow.id)
        .limit(MOST_ORGANISATIONS)
    )
    return tuple(session.scalars(wanted))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


class EntrySearch:
    """One question about the entries that somebody may read.

    Args:
        session: One consistent view.
        reader: Who asks.
        question: What for.
    """

    def __init__(
        self, session: Session, reader: Reader, question: EntryQuestion
    ) -> None:
        self._session, self._reader, self._question = session, reader, question

    def page(
        self, *, limit: int, before: int | None = None, after: int | None = None
    ) -> EntryPage:
        """A page of entries, the newest first.

        Args:
            limit: Most entries on the page.
            before: Only those in front of this index, the nearest first.
            after: Only those behind it, the nearest first; not with ``before``.
        """
        found = self._find(limit + 1, before, after)
        more = len(found) > limit
        views = _views(self._session, sorted(found[:limit], reverse=True))
        if after is not None:
            return EntryPage(views, older=True, newer=more)
        return EntryPage(views, older=more, newer=before is not None)

    def count(self, page: EntryPage) -> int:
        """How many there are; counted to ``MOST_COUNTED`` + 1 and no further.

        Args:
            page: One of the search: where it is all there is, it is counted.
        """
        if not page.older and not page.newer:
            return len(page.entries)
        if self._reader.everything and not self._question.narrows:
            newest = self._session.scalar(select(func.max(LogEntryRow.entry_index)))
            return 0 if newest is None else newest + 1
        return len(self._find(MOST_COUNTED + 1, None, None))

    def batches(self, size: int) -> Iterator[list[EntryView]]:
        """All of them, so many at a time, the newest first."""
        before: int | None = None
        while True:
            page = self.page(limit=size, before=before)
            yield page.entries
            if not page.older:
                return
            before = page.entries[-1].entry_index

    def exact_count(self) -> int:
        """How many there are, all counted."""
        if self._stretch is None:
            return 0
        conditions = _conditions(self._question, *self._stretch)
        if self._question.lot is not None:
            lot = self._question.lot
            return len(self._about_lot(lot, conditions, None, rising=False))
        pieces = [
            one.where(*conditions) for one in _sources(self._reader, self._question)
        ]
        if not pieces:
            return 0
        whole = pieces[0] if len(pieces) == 1 else union(*pieces)
        counted = select(func.count()).select_from(whole.subquery())
        return self._session.scalar(counted) or 0

    @cached_property
    def _stretch(self) -> tuple[int, int | None] | None:
        """Where in the log the days lie that are asked for; None: nowhere.

        First index, and the one behind the last. Facts are logged about when they
        happen, so that days narrow what is looked through.
        """
        question, times = self._question, _times(self._question)
        # A sum: of a bare column, databases walk the log from its end to find the least
        index = LogEntryRow.entry_index + 0
        first, end = 0, None
        if question.since is not None and self._is_later(question.since):
            low = self._session.scalar(select(func.min(index)).where(*times))
            if low is None:
                return None
            first = low
        if question.until is not None:
            high = self._session.scalar(select(func.max(index)).where(*times))
            if high is None:
                return None
            end = high + 1
        return first, end

    def _is_later(self, since: datetime) -> bool:
        """Whether something happened before a moment."""
        earliest = self._session.scalar(select(func.min(LogEntryRow.at)))
        return earliest is not None and earliest < since

    def _find(self, limit: int, before: int | None, after: int | None) -> list[int]:
        """Indexes, newest first; with ``after``, oldest first."""
        if self._stretch is None:
            return []
        first, end = self._stretch
        if after is not None:
            first = max(first, after + 1)
        if before is not None:
            end = before if end is None else min(end, before)
        if end is not None and end <= first:
            return []
        conditions = _conditions(self._question, first, end)
        rising = after is not None
        if self._question.lot is not None:
            return self._about_lot(self._question.lot, conditions, limit, rising)
        index = LogEntryRow.entry_index
        order = index if rising else index.desc()
        pieces = [
            one.where(*conditions).order_by(order).limit(limit)
            for one in _sources(self._reader, self._question)
        ]
        if not pieces:
            return []
        if len(pieces) == 1:
            return list(self._session.scalars(pieces[0]))
        # Each piece walks its own index from the right end, and stops after a page
        column = (
            union(*(select(one.subquery()) for one in pieces)).subquery().c.entry_index
        )
        whole = select(column).order_by(column if rising else column.desc())
        return list(self._session.scalars(whole.limit(limit)))

    def _about_lot(
        self, code: str, conditions: Sequence[Any], limit: int | None, rising: bool
    ) -> list[int]:
        key = self._session.scalar(select(LotRow.id).where(LotRow.code == code))
        if key is None:
            return []
        found: set[int] = set()
        for chunk in chunks(sorted(entries_about(self._session, [key]))):
            for source in _sources(self._reader, self._question):
                wanted = source.where(LogEntryRow.entry_index.in_(chunk), *conditions)
                found.update(self._session.scalars(wanted))
        return sorted(found, reverse=not rising)[:limit]


def _views(session: Session, indexes: Sequence[int]) -> list[EntryView]:
    """Entries of a list, without what is private about them."""
    notes = {
        row.entry_index: row
        for row in session.execute(
            select(
                LogEntryRow.entry_index, LogEntryRow.leaf_hash, LogEntryRow.note
            ).where(LogEntryRow.entry_index.in_(indexes))
        )
    }
    voided = {
        row.voided_index: entry_of(row.id)
        for row in session.execute(
            select(VoidingRow.voided_index, VoidingRow.id).where(
                VoidingRow.voided_index.in_(indexes)
            )
        )
    }
    found = []
    for index in indexes:
        entry = parse_entry(notes[index].note)
        found.append(
            EntryView(
                entry_index=index,
                leaf_hash=notes[index].leaf_hash.hex(),
                signers=tuple(line.name for line in entry.signatures),
                fact=entry.fact,
                voided_by=voided.get(index),
                private={},
                note=entry.note.decode(),
            )
        )
    return found


def _times(question: EntryQuestion) -> list[Any]:
    found = []
    if question.since is not None:
        found.append(LogEntryRow.at >= question.since)
    if question.until is not None:
        found.append(LogEntryRow.at < question.until)
    return found


def _conditions(question: EntryQuestion, first: int, end: int | None) -> list[Any]:
    found = [LogEntryRow.entry_index >= first, *_times(question)]
    if end is not None:
        found.append(LogEntryRow.entry_index < end)
    if question.fact_type is not None:
        found.append(LogEntryRow.type == question.fact_type)
    return found


def _sources(reader: Reader, question: EntryQuestion) -> list[Select[int]]:
    """Selections that together hold what may be read; each has an index of its own."""
    index, org = LogEntryRow.entry_index, LogEntryRow.org
    codes = question.organisations
    if reader.everything:
        if codes is None:
            return [select(index)]
        return [select(index).where(org == code) for code in codes]
    if reader.organisation_id is None:
        return []
    found = []
    if codes is None or reader.organisation_code in codes:
        found.append(select(index).where(org == reader.organisation_code))
    concerned = (
        select(index)
        .join(EntryPartyRow, EntryPartyRow.entry_index == index)
        .where(EntryPartyRow.organisation_id == reader.organisation_id)
    )
    if codes is None:
        found.append(concerned)
    elif codes:
        found.append(concerned.where(org.in_(codes)))
    return found
