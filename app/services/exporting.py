"""What an organisation has stated, as rows of the templates that read it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.intake.templates import Language, get_template
from app.intake.writing import TransferParts, cells_of, rows_of
from app.models import (
    FacilityRow,
    LogEntryRow,
    LotAliasRow,
    LotRow,
    TransferRow,
    VoidingRow,
)
from app.services.disclosures import Looker
from app.services.facts import parse_at
from labels.codes import format_code
from ledger import parse_entry

CHUNK = 500


@dataclass(slots=True)
class RowExport:
    """Rows of one template, read as they are written.

    Attributes:
        session: For reading only.
        org: Code of the organisation.
        template: Id of the template.
        language: Of heads and words.
        open_private: Opens the organisation's private values.
        facts: How many facts were written so far.
        left_out: Facts with fields that the template has no column for, by field.
    """

    session: Session
    org: str
    template: str
    language: Language
    open_private: Looker
    facts: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def heads(self) -> list[str]:
        """The first row."""
        columns = get_template(self.template).columns
        return [column.head(self.language) for column in columns]

    def rows(self) -> Iterator[Sequence[str]]:
        """The others, in the order of the log."""
        names = _Names(self.session)
        kinds = get_template(self.template).fact.split("|")
        after = -1
        while True:
            entries = self.session.execute(
                select(LogEntryRow.entry_index, LogEntryRow.note)
                .outerjoin(
                    VoidingRow, VoidingRow.voided_index == LogEntryRow.entry_index
                )
                .where(
                    LogEntryRow.org == self.org,
                    LogEntryRow.type.in_(kinds),
                    LogEntryRow.entry_index > after,
                    VoidingRow.id.is_(None),
                )
                .order_by(LogEntryRow.entry_index)
                .limit(CHUNK)
            ).all()
            if not entries:
                return
            indexes = [row.entry_index for row in entries]
            private = self.open_private(self.session, indexes)
            for index, note in entries:
                fact = parse_entry(note).fact
                written = rows_of(
                    fact["type"],
                    parse_at(fact["at"]),
                    fact["data"],
                    names=names,
                    language=self.language,
                    private=private.get(index, {}),
                )
                self.facts += 1
                for path in written.left_out:
                    self.left_out[path] = self.left_out.get(path, 0) + 1
                yield from cells_of(self.template, written.rows)
            after = entries[-1].entry_index


def count_facts(session: Session, org: str, template: str) -> int:
    """How many facts an export will hold."""
    kinds = get_template(template).fact.split("|")
    return (
        session.scalar(
            select(func.count())
            .select_from(LogEntryRow)
            .outerjoin(VoidingRow, VoidingRow.voided_index == LogEntryRow.entry_index)
            .where(
                LogEntryRow.org == org,
                LogEntryRow.type.in_(kinds),
                VoidingRow.id.is_(None),
            )
        )
        or 0
    )


class _Names:
    """What files call lots, facilities and transfers; each is looked up once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lots: dict[str, str] = {}
        self._facilities: dict[str, str] = {}
        self._transfers: dict[str, TransferParts] = {}

    def lot(self, code: str) -> str:
        """The own number of a lot where it has one, else its printed code."""
        if code not in self._lots:
            number = self._session.scalar(
                select(LotAliasRow.value)
                .join(LotRow, LotRow.id == LotAliasRow.lot_id)
                .where(LotRow.code == code, LotAliasRow.scheme == "own")
                .order_by(LotAliasRow.id)
                .limit(1)
            )
            self._lots[code] = number or format_code(code)
        return self._lots[code]

    def facility(self, code: str) -> str:
        """The name of a facility where no other has it, else its code."""
        if code not in self._facilities:
            row = self._session.execute(
                select(FacilityRow.name_zh, FacilityRow.name_en).where(
                    FacilityRow.code == code
                )
            ).one()
            name = row.name_zh or row.name_en
            same = self._session.scalar(
                select(func.count())
                .select_from(FacilityRow)
                .where((FacilityRow.name_zh == name) | (FacilityRow.name_en == name))
            )
            unique = name is not None and same == 1
            self._facilities[code] = str(name) if unique else format_code(code)
        return self._facilities[code]

    def transfer(self, code: str) -> TransferParts:
        """What a transfer is about."""
        if code not in self._transfers:
            row = self._session.execute(
                select(
                    TransferRow.own_number,
                    LotRow.code,
                    TransferRow.from_facility_id,
                    TransferRow.to_facility_id,
                )
                .join(LotRow, LotRow.id == TransferRow.lot_id)
                .where(TransferRow.code == code)
            ).one()
            sites = {
                key: site
                for key, site in self._session.execute(
                    select(FacilityRow.id, FacilityRow.code).where(
                        FacilityRow.id.in_([row.from_facility_id, row.to_facility_id])
                    )
                )
            }
            self._transfers[code] = TransferParts(
                number=row.own_number or format_code(code),
                lot=row.code,
                sender=sites[row.from_facility_id],
                receiver=sites[row.to_facility_id],
            )
        return self._transfers[code]
