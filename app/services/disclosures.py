"""Private values: who is shown them, and how they go.

Every reader of a private value comes by here. Shown are values to members of the
organisation that stated them, and to an organisation to which it has shown them, until
the end that it named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from app.models import (
    DisclosureGrantRow,
    DisclosureKeyRow,
    DisclosureRow,
    LogEntryRow,
)
from app.services.data_keys import (
    DataKey,
    Unreadable,
    make_data_key,
    open_data_key,
)
from app.services.journal import chunks
from app.services.keys import KeyRing
from ledger import NotCanonical, parse_disclosure

BATCH = 500
Opener = Callable[[], AbstractContextManager[Session]]
Values = Mapping[int, Mapping[str, str]]


class Safe:
    """Opens private values; each key is opened once."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring
        self._keys: dict[tuple[str, int], DataKey] = {}

    def text_of(self, row: Row[Any]) -> str:
        """The disclosure text of a row of ``rows_of``.

        Raises:
            Unreadable: Its key was destroyed or is not here, or it does not open.
        """
        if row.sealed is None or row.key_number is None:
            if row.text is None:
                raise Unreadable("there is no value")
            return str(row.text)
        place = (row.org, row.key_number)
        key = self._keys.get(place)
        if key is None:
            if row.key_sealed is None:
                raise Unreadable("its key was destroyed, or is not in this database")
            key = open_data_key(self._keyring, *place, row.key_sealed)
            self._keys[place] = key
        return key.open(row.digest, row.sealed)


def rows_of(session: Session, *conditions: Any) -> Iterator[Row[Any]]:  # noqa: ANN401 - as SQLAlchemy has them
    """Kept values with their keys, in log order."""
    wanted = (
        select(
            DisclosureRow.digest,
            DisclosureRow.entry_index,
            DisclosureRow.name,
            DisclosureRow.text,
            DisclosureRow.sealed,
            DisclosureRow.key_number,
            LogEntryRow.org,
            DisclosureKeyRow.sealed.label("key_sealed"),
        )
        .join(LogEntryRow, LogEntryRow.entry_index == DisclosureRow.entry_index)
        .outerjoin(
            DisclosureKeyRow,
            (DisclosureKeyRow.org == LogEntryRow.org)
            & (DisclosureKeyRow.number == DisclosureRow.key_number),
        )
        .where(*conditions)
        .order_by(DisclosureRow.entry_index, DisclosureRow.digest)
        .execution_options(yield_per=BATCH)
    )
    found: Iterable[Row[Any]] = session.execute(wanted)
    yield from found


@dataclass(frozen=True, slots=True)
class Looker:
    """Who wants to see private values, and when.

    Attributes:
        keyring: Opens the keys.
        organisation_id: Whose member it is; None: nobody's.
        organisation_code: Its code.
        now: For what is shown until some moment.
    """

    keyring: KeyRing
    organisation_id: int | None
    organisation_code: str | None
    now: datetime

    def __call__(self, session: Session, indexes: Sequence[int]) -> Values:
        """Entry -> field -> value, of what it may see.

        A value that cannot be opened is left out: ``remelt ledger verify`` names it.
        """
        if self.organisation_code is None or not indexes:
            return {}
        shown: dict[int, dict[str, str]] = {}
        safe = Safe(self.keyring)
        for some in chunks(sorted(set(indexes))):
            granted = self._granted(session, some)
            for row in rows_of(session, DisclosureRow.entry_index.in_(some)):
                names = granted.get(row.entry_index, frozenset())
                own = row.org == self.organisation_code
                if not own and names is not None and row.name not in names:
                    continue
                try:
                    one = parse_disclosure(safe.text_of(row))
                except (Unreadable, NotCanonical):
                    continue
                shown.setdefault(row.entry_index, {})[one.name] = one.value
        return shown

    def _granted(
        self, session: Session, indexes: Sequence[int]
    ) -> dict[int, frozenset[str] | None]:
        """Entry -> fields that are shown to it now; None: all of them."""
        found: dict[int, frozenset[str] | None] = {}
        if self.organisation_id is None:
            return found
        rows = session.execute(
            select(DisclosureGrantRow.entry_index, DisclosureGrantRow.names).where(
                DisclosureGrantRow.entry_index.in_(indexes),
                DisclosureGrantRow.to_organisation_id == self.organisation_id,
                DisclosureGrantRow.until_at > self.now,
                DisclosureGrantRow.ended_at.is_(None),
            )
        )
        for index, names in rows:
            before = found.get(index, frozenset())
            whole = names is None or before is None
            found[index] = None if whole else frozenset((*before, *names))  # type: ignore[misc]
        return found


def tidy(reading: Opener, transaction: Opener, keyring: KeyRing, now: datetime) -> int:
    """Destroy the keys of what was erased; called again and again, it costs a look.

    What else is under a condemned key moves to a fresh one first, in the same
    transaction. Killed at any point, the next call goes on.

    Returns:
        How many keys were destroyed.
    """
    with reading() as session:
        condemned = session.execute(
            select(DisclosureKeyRow.org, DisclosureKeyRow.number).where(
                DisclosureKeyRow.condemned_at.is_not(None),
                DisclosureKeyRow.destroyed_at.is_(None),
            )
        ).all()
    for org, number in condemned:
        with transaction() as session:
            _destroy_key(session, keyring, org, number, now)
    return len(condemned)


def seal_plain(
    reading: Opener, transaction: Opener, keyring: KeyRing, now: datetime
) -> int:
    """Seal what an older release kept in plain; once, as a server starts.

    Returns:
        How many values were sealed.
    """
    with reading() as session:
        wanted = select(DisclosureRow.digest).where(DisclosureRow.text.is_not(None))
        if session.execute(wanted.limit(1)).first() is None:
            return 0
    sealed = 0
    while some := _seal_plain(transaction, keyring, now):
        sealed += some
    return sealed


def _destroy_key(
    session: Session, keyring: KeyRing, org: str, number: int, now: datetime
) -> None:
    safe, fresh = Safe(keyring), None
    kept = rows_of(session, LogEntryRow.org == org, DisclosureRow.key_number == number)
    for row in list(kept):
        try:
            text = safe.text_of(row)
        except Unreadable:
            continue  # nobody reads it with the key either
        fresh = fresh or make_data_key(keyring, org)
        _move(session, row.digest, text, fresh)
    if fresh is not None:
        _keep(session, fresh, now)
    session.execute(
        update(DisclosureKeyRow)
        .where(DisclosureKeyRow.org == org, DisclosureKeyRow.number == number)
        .values(sealed=None, destroyed_at=now)
    )


def _seal_plain(transaction: Opener, keyring: KeyRing, now: datetime) -> int:
    """Seal some of the values that an older release kept in plain."""
    with transaction() as session:
        some = session.execute(
            select(DisclosureRow.digest, DisclosureRow.text, LogEntryRow.org)
            .join(LogEntryRow, LogEntryRow.entry_index == DisclosureRow.entry_index)
            .where(DisclosureRow.text.is_not(None))
            .limit(BATCH)
        ).all()
        keys: dict[str, DataKey] = {}
        for digest, text, org in some:
            if org not in keys:
                keys[org] = make_data_key(keyring, org)
            _move(session, digest, str(text), keys[org])
        for key in keys.values():
            _keep(session, key, now)
    return len(some)


def _move(session: Session, digest: str, text: str, key: DataKey) -> None:
    session.execute(
        update(DisclosureRow)
        .where(DisclosureRow.digest == digest)
        .values(sealed=key.seal(digest, text), key_number=key.number, text=None)
    )


def _keep(session: Session, key: DataKey, now: datetime) -> None:
    session.add(
        DisclosureKeyRow(
            org=key.org, number=key.number, sealed=key.sealed, created_at=now
        )
    )
    session.flush()


def kept_digests(session: Session, index: int) -> dict[str, str]:
    """Field -> digest of the values of an entry that are kept here."""
    rows = session.execute(
        select(DisclosureRow.name, DisclosureRow.digest).where(
            DisclosureRow.entry_index == index
        )
    )
    return {name: digest for name, digest in rows}
