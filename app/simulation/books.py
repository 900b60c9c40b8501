"""What each party writes down: facts as rows of the templates, month by month.

The rows of a month are kept in the order in which they have to be imported: by stage
(metal goes from lower to higher ones), within a stage by facility, and within a
facility receipts before own lots, those before runs, runs before dispatches, and
deliveries last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.intake.templates import Language
from app.intake.writing import TransferParts, rows_of
from app.simulation.network import Facility

STEPS = ("received", "sourced", "runs", "sent", "deliveries")
TEMPLATES = {
    "received": "transfers",
    "sourced": "sourced",
    "runs": "runs",
    "sent": "transfers",
    "deliveries": "deliveries",
}
STEP_OF = {
    "transfer.accepted": "received",
    "lot.sourced": "sourced",
    "run.recorded": "runs",
    "transfer.dispatched": "sent",
    "lot.delivered": "deliveries",
}
LANGUAGE: Language = "zh"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one file.

    Attributes:
        month: The month that it reports, ``YYYY-MM``.
        facility: Whose it is.
        step: One of STEPS.
        rows: Text by column id.
        facts: How many facts they state.
    """

    month: str
    facility: Facility
    step: str
    rows: list[Mapping[str, str]]
    facts: int

    @property
    def template(self) -> str:
        """Id of the template."""
        return TEMPLATES[self.step]


class Names:
    """Files of the simulation name everything by own numbers and names."""

    def __init__(self) -> None:
        self.transfers: dict[str, TransferParts] = {}

    def lot(self, code: str) -> str:
        """A lot stands under its own number from the start."""
        return code

    def facility(self, code: str) -> str:
        """A facility stands under its name from the start."""
        return code

    def transfer(self, code: str) -> TransferParts:
        """What a transfer is about."""
        return self.transfers[code]


class Books:
    """Collects the rows of a month."""

    def __init__(self) -> None:
        self._names = Names()
        self._rows: dict[tuple[str, str], list[Mapping[str, str]]] = {}
        self._facts: dict[tuple[str, str], int] = {}
        self._facilities: dict[str, Facility] = {}

    def write(
        self,
        facility: Facility,
        fact_type: str,
        at: datetime,
        data: Mapping[str, Any],
        private: Mapping[str, str] | None = None,
    ) -> None:
        """One fact of a facility.

        Args:
            facility: Where it happened.
            fact_type: One of STEP_OF.
            at: When.
            data: As in the entry, with own numbers and names in place of codes.
            private: Values that go into disclosures.
        """
        if fact_type == "transfer.dispatched":
            number = data["transfer"]
            self._names.transfers[number] = TransferParts(
                number, data["lot"], data["from"], data["to"]
            )
        written = rows_of(
            fact_type,
            at,
            data,
            names=self._names,
            language=LANGUAGE,
            private=private,
        )
        if fact_type == "transfer.accepted":
            del self._names.transfers[data["transfer"]]
        key = (facility.role, STEP_OF[fact_type])
        self._facilities[facility.role] = facility
        self._rows.setdefault(key, []).extend(written.rows)
        self._facts[key] = self._facts.get(key, 0) + 1

    def close_month(self, month: str) -> Iterator[Sheet]:
        """The files of a month, in the order of their import; the books are empty."""
        order = sorted(
            self._rows,
            key=lambda key: (
                self._facilities[key[0]].stage,
                key[0],
                STEPS.index(key[1]),
            ),
        )
        for role, step in order:
            yield Sheet(
                month,
                self._facilities[role],
                step,
                self._rows.pop((role, step)),
                self._facts.pop((role, step)),
            )
