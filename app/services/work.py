"""The working set of a use case: what a batch of facts touches, loaded once, locked.

A batch is posted in four steps: load and lock what it names, take the log lock, let
each fact's handler check and change the working set, write all rows at once. So a
fact costs no query of its own, and a handler that refuses leaves nothing behind: it
checks everything before it changes anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam
from sqlalchemy.orm import Session

from app.models import (
    CELL_COLUMNS,
    UNCOUNTED_COLUMNS,
    Base,
    ClaimStateRow,
    EntryPartyRow,
    LotBalanceRow,
    MonthClosureRow,
)
from app.queries.prepared import insert_rows
from app.services.errors import refuse
from app.services.generating import GeneratingRun
from graph import Lot, Position, free_g, is_untouched

HELD, IN_TRANSIT, VOIDED, QUARANTINED = "held", "in_transit", "voided", "quarantined"


@dataclass(frozen=True, slots=True)
class Organisation:
    """A registered organisation."""

    id: int
    code: str
    control_group: str | None


@dataclass(frozen=True, slots=True)
class Scale:
    """A registered scale, masses in grams."""

    code: str
    e_g: int
    max_g: int
    certificate_until: date | None


@dataclass(frozen=True, slots=True)
class Facility:
    """A registered facility with its scales by code."""

    id: int
    code: str
    organisation_id: int
    kind: str
    province: str
    boundary_code: str
    control_group: str | None
    scales: Mapping[str, Scale]


@dataclass(slots=True)
class LotState:
    """A lot with its place in the world; a handler changes it, ``write`` stores it."""

    id: int
    lot: Lot
    position: Position
    organisation_id: int
    facility_id: int
    state: str
    since_at: datetime
    made_by_id: int
    source: str | None
    run_id: int | None
    claim_block: str | None
    revision_id: int | None = None
    transfer_id: int | None = None
    received_index: int | None = None
    claims: tuple[int, ...] = ()
    sourcing: Mapping[str, Any] | None = None

    @property
    def untouched(self) -> bool:
        """Nothing of it is taken, and nothing is claimed."""
        return is_untouched(self.position)


@dataclass(slots=True)
class TransferState:
    """A transfer and whether it has ended."""

    id: int
    code: str
    lot: str
    from_facility: Facility
    to_facility: Facility
    net_g: int
    error_squared: int
    dispatched_at: datetime
    ended: bool


@dataclass(slots=True)
class ClaimState:
    """A claim and its state."""

    id: int
    code: str
    lot: str
    organisation_id: int
    from_g: int
    to_g: int
    share_ppm: int
    state: str


class Work:
    """What a batch touches. Dictionaries are by code; new things join them at once."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.connection = session.connection()
        self.now = now
        self.organisations: dict[str, Organisation] = {}
        self.facilities: dict[str, Facility] = {}
        self.facilities_by_id: dict[int, Facility] = {}
        self.lots: dict[str, LotState] = {}
        self.taken_codes: set[str] = set()
        self.transfers: dict[str, TransferState] = {}
        self.claims: dict[str, ClaimState] = {}
        self.claims_of_lot: dict[str, list[ClaimState]] = defaultdict(list)
        self.facilities_with_runs: set[int] = set()
        self.own_numbers: set[tuple[int, str]] = set()
        self.run_codes: set[str] = set()
        self.runs_of_batch: dict[int, GeneratingRun] = {}
        self.label_digests: set[bytes] = set()
        self.voided_labels: set[int] = set()
        self.voided: set[int] = set()
        self.keys: dict[int, list[Any]] = {}
        self.ended_keys: dict[str, int] = {}
        self.erased: set[str] = set()
        self.month_closures: dict[tuple[int, str, str], dict[str, int]] = {}
        self._rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._positions: dict[tuple[str, int], int] = defaultdict(int)
        self._touched: dict[str, int] = {}
        self._new: set[str] = set()
        self._claim_states: dict[int, tuple[int, str]] = {}
        self._new_claims: set[int] = set()
        self._touched_months: dict[tuple[int, str, str], int] = {}

    def add_row(self, table: type[Base], row: dict[str, Any]) -> None:
        """A row to be written with the batch."""
        self._rows[table.__tablename__].append(row)

    def next_position(self, table: str, index: int) -> int:
        """The next free position among the rows that an entry makes in a table."""
        position = self._positions[table, index]
        self._positions[table, index] = position + 1
        return position

    def party(self, index: int, organisation_id: int) -> None:
        """The entry concerns this organisation too."""
        self.add_row(
            EntryPartyRow,
            {"entry_index": index, "organisation_id": organisation_id},
        )

    def organisation(self, code: str) -> Organisation:
        """The organisation that states a fact.

        Raises:
            Refused: It is not registered.
        """
        if (organisation := self.organisations.get(code)) is None:
            raise refuse(
                "org", "found {code}, which is no registered organisation", code=code
            )
        return organisation

    def remember_facility(self, facility: Facility) -> None:
        """A facility, by code and by key."""
        self.facilities[facility.code] = facility
        self.facilities_by_id[facility.id] = facility

    def facility(self, code: str, field: str) -> Facility:
        """A facility that a fact names.

        Raises:
            Refused: It is not registered.
        """
        if (facility := self.facilities.get(code)) is None:
            raise refuse(
                field, "found {code}, which is no registered facility", code=code
            )
        return facility

    def own_facility(
        self, code: str, organisation: Organisation, field: str
    ) -> Facility:
        """A facility of the organisation that states the fact.

        Raises:
            Refused: It is not registered, or belongs to another organisation.
        """
        facility = self.facility(code, field)
        if facility.organisation_id != organisation.id:
            raise refuse(
                field,
                "found {code}, which belongs to another organisation",
                code=code,
            )
        return facility

    def held_lot(self, code: str, organisation: Organisation, field: str) -> LotState:
        """A lot that the organisation holds and can take from.

        Raises:
            Refused: It does not exist for this organisation, is on its way, was
                taken back, or is in quarantine.
        """
        state = self.lots.get(code)
        if state is None or state.organisation_id != organisation.id:
            raise refuse(
                field, "found {code}, which is no lot that you hold", code=code
            )
        if state.state == IN_TRANSIT:
            raise refuse(
                field,
                "lot {code} is on its way: nothing can be taken from it",
                code=code,
            )
        if state.state == QUARANTINED:
            raise refuse(
                field,
                "lot {code} is in quarantine: its radiation check failed",
                code=code,
            )
        if state.state != HELD:
            raise refuse(field, "lot {code} was taken back", code=code)
        return state

    def new_code(self, code: str, field: str) -> None:
        """Refuse a code that stands for something already.

        Raises:
            Refused: It does.
        """
        if code in self.taken_codes or code in self.lots:
            raise refuse(field, "the code {code} is in use already", code=code)

    def add_lot(self, state: LotState, index: int) -> None:
        """A lot that this batch makes."""
        self.lots[state.lot.code] = state
        self._new.add(state.lot.code)
        self._touched[state.lot.code] = index

    def touch(self, state: LotState, index: int) -> None:
        """A lot whose balance changes with this entry."""
        self._touched[state.lot.code] = index

    def set_claim(self, claim: ClaimState, state: str, index: int) -> None:
        """A claim whose state changes with this entry."""
        claim.state = state
        self._claim_states[claim.id] = (index, state)

    def add_claim(self, claim: ClaimState, index: int) -> None:
        """A claim that this batch issues."""
        self.claims[claim.code] = claim
        self.claims_of_lot[claim.lot].append(claim)
        self._new_claims.add(claim.id)
        self._claim_states[claim.id] = (index, claim.state)

    def add_to_month(
        self, key: tuple[int, str, str], changes: Mapping[str, int], index: int
    ) -> None:
        """Add to the closure sums of a facility, material and month."""
        sums = self.month_closures.setdefault(key, dict.fromkeys(changes, 0))
        for name, change in changes.items():
            sums[name] = sums.get(name, 0) + change
        self._touched_months[key] = index

    def write(self) -> None:
        """Write every row of the batch, parents before children."""
        for table in _tables():
            if rows := self._rows.pop(table.name, None):
                insert_rows(self.connection, table, rows)
        self._write_balances()
        self._write_claim_states()
        self._write_months()

    def _write_balances(self) -> None:
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        for code, index in self._touched.items():
            row = balance_row(self.lots[code], index)
            (new if code in self._new else changed).append(row)
        write_projection(self.connection, LotBalanceRow, ("lot_id",), new, changed)
        self._touched.clear()
        self._new.clear()

    def _write_claim_states(self) -> None:

        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        for claim_id, (index, state) in self._claim_states.items():
            row = {"claim_id": claim_id, "as_of_index": index, "state": state}
            (new if claim_id in self._new_claims else changed).append(row)
        write_projection(self.connection, ClaimStateRow, ("claim_id",), new, changed)
        self._claim_states.clear()
        self._new_claims.clear()

    def _write_months(self) -> None:

        rows = [
            {
                "facility_id": key[0],
                "material": key[1],
                "month": key[2],
                "as_of_index": index,
                **self.month_closures[key],
            }
            for key, index in self._touched_months.items()
        ]
        table: Any = MonthClosureRow.__table__
        keys = [(row["facility_id"], row["material"], row["month"]) for row in rows]
        for key in keys:
            self.connection.execute(
                table.delete().where(
                    table.c.facility_id == key[0],
                    table.c.material == key[1],
                    table.c.month == key[2],
                )
            )
        insert_rows(self.connection, table, rows)
        self._touched_months.clear()


@cache
def _tables() -> tuple[Table, ...]:
    """Every table, parents before children."""
    return tuple(Base.metadata.sorted_tables)


def write_projection(
    connection: Connection,
    row_class: type[Base],
    key: tuple[str, ...],
    new: list[dict[str, Any]],
    changed: list[dict[str, Any]],
) -> None:
    """Insert new rows of a projection and replace changed ones."""
    table: Any = row_class.__table__
    if changed:
        condition = [table.c[name] == _bind(name) for name in key]
        values = {name: _bind(name) for name in changed[0] if name not in key}
        connection.execute(
            table.update().where(*condition).values(values),
            [{f"b_{name}": value for name, value in row.items()} for row in changed],
        )
    insert_rows(connection, table, new)


def _bind(name: str) -> Any:  # noqa: ANN401 - SQLAlchemy's own type is not exported

    return bindparam(f"b_{name}")


def balance_row(state: LotState, index: int) -> dict[str, Any]:
    """The projection row of a lot."""
    position = state.position
    left_g = 0 if state.state == VOIDED else free_g(position)
    return {
        "lot_id": state.id,
        "as_of_index": index,
        "organisation_id": state.organisation_id,
        "facility_id": state.facility_id,
        "state": state.state,
        "since_at": state.since_at,
        "revision_id": state.revision_id,
        "goes_on_g": position.goes_on_g,
        "placed_to_g": position.placed_to_g,
        "gaps": [list(gap) for gap in position.gaps],
        "left_g": left_g,
        "claimed": [list(stretch) for stretch in position.claimed],
        "claimed_g": sum(to - start for start, to in position.claimed),
        "internal_as_unknown": position.internal_as_unknown,
        "claim_block": state.claim_block,
        "transfer_id": state.transfer_id,
        "received_index": state.received_index,
    }


_NO_UNCOUNTED: dict[str, int | None] = dict.fromkeys(UNCOUNTED_COLUMNS)


def composition(
    cells: Iterable[int], uncounted: Iterable[int] | None
) -> dict[str, int | None]:
    """Cells and uncounted grams as columns."""
    row: dict[str, int | None] = dict(zip(CELL_COLUMNS, cells, strict=True))
    if uncounted is None:
        return row | _NO_UNCOUNTED
    row.update(zip(UNCOUNTED_COLUMNS, uncounted, strict=True))
    return row
