"""What the names in a file stand for: lots, facilities, transfers, scales.

A name has to mean the same when the file is handed in again, or its rows would become
other facts. So a yard's own number is looked up among the lots that were made at its
facilities or ever received there, not among those that it holds today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.intake.drafts import (
    Draft,
    FacilityRef,
    LotRef,
    NewCode,
    TransferRef,
    UsualScale,
    printed_code,
)
from app.intake.faults import N_
from app.models import (
    FacilityRow,
    LotAliasRow,
    LotBalanceRow,
    LotRow,
    ScaleRow,
    TransferOutcomeRow,
    TransferRow,
)
from app.services.journal import chunks
from app.services.work import VOIDED
from labels.codes import BadCode, parse_code

MAKING = frozenset({"lot.sourced"})
"""Types whose facts name no lot that is there already."""
UNREGISTERED_SCALE = "0"
"""Named where a facility has no scale: what it weighs cannot be claimed."""


class UnknownName(Exception):
    """A name in a file stands for nothing, or for several things.

    Args:
        message: English, the end of a sentence, with ``{name}`` fields.
        ref: The reference, to be found in its draft.
        values: What goes into the fields.
    """

    def __init__(self, message: str, ref: object, **values: str) -> None:
        super().__init__(message.format(**values))
        self.message = message
        self.ref = ref
        self.values = values


class ImportNames:
    """Names of one file of one organisation; ``app.intake.drafts.Names``.

    Attributes:
        session: Of the transaction at hand; set anew for each.
    """

    def __init__(self, session: Session, organisation_id: int) -> None:
        self.session = session
        self._organisation_id = organisation_id
        self._own_sites = [
            row.id
            for row in session.execute(
                select(FacilityRow.id).where(
                    FacilityRow.organisation_id == organisation_id
                )
            )
        ]
        # Tuples: the collector passes over those of text, and there are many
        self._made_lots: dict[str, tuple[str, ...]] = {}
        self._made_transfers: dict[tuple[str, str], str] = {}
        self._known_lots: dict[str, set[str]] = {}
        self._facilities: dict[str, str] = {}
        self._owners: dict[str, int] = {}
        self._transfers: dict[tuple[str, str], str] = {}
        self._scales: dict[str, list[tuple[int, str]]] = {}

    def prepare(self, drafts: Iterable[Draft]) -> None:
        """Look up the own numbers of many drafts at once."""
        asked = {
            ref.text
            for draft in drafts
            if draft.type not in MAKING
            for ref in _refs(draft.data)
            if isinstance(ref, LotRef) and ref.code is None
        }
        for chunk in chunks(sorted(asked - self._known_lots.keys())):
            for number in chunk:
                self._known_lots[number] = set()
            for number, code in self.session.execute(self._lots_called(chunk)):
                self._known_lots[number].add(code)

    def learn(self, draft: Draft, data: dict[str, Any]) -> None:
        """What a draft makes may be named by the rows behind it.

        A file of sourced lots names no other lots: a million of them are not kept.

        Args:
            draft: As the file states it.
            data: The same with codes in place of names.
        """
        match draft.type:
            case "run.recorded":
                for flow, made in zip(
                    draft.data["outputs"], data["outputs"], strict=True
                ):
                    self._learn_lot(flow["lot"], made["lot"])
            case "transfer.dispatched":
                new: NewCode = draft.data["transfer"]
                self._made_transfers[new.text, data["from"]] = data["transfer"]

    def _learn_lot(self, new: NewCode, code: str) -> None:
        if printed_code(new.text) is None:
            self._made_lots[new.text] = (*self._made_lots.get(new.text, ()), code)

    def lot(self, ref: LotRef) -> str:
        """The code of a lot.

        Raises:
            UnknownName: No lot of the organisation has this number, or several have.
        """
        if ref.code is not None:
            return ref.code
        if ref.text not in self._known_lots:
            rows = self.session.execute(self._lots_called([ref.text]))
            self._known_lots[ref.text] = {row.code for row in rows}
        found = self._known_lots[ref.text].union(self._made_lots.get(ref.text, ()))
        if len(found) == 1:
            return next(iter(found))
        if found:
            raise UnknownName(
                N_("several lots have this number: give the code of the one you mean"),
                ref,
            )
        raise UnknownName(
            N_("no lot of yours has this number, and no row above makes one"), ref
        )

    def _lots_called(self, numbers: Iterable[str]) -> Any:  # noqa: ANN401 - a select
        received = (
            select(TransferRow.lot_id)
            .join(TransferOutcomeRow, TransferOutcomeRow.transfer_id == TransferRow.id)
            .where(
                TransferOutcomeRow.accepted,
                TransferRow.to_facility_id.in_(self._own_sites),
            )
        )
        return (
            select(LotAliasRow.value, LotRow.code)
            .join(LotRow, LotRow.id == LotAliasRow.lot_id)
            .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
            .where(
                LotAliasRow.value.in_(list(numbers)),
                LotAliasRow.scheme == "own",
                LotBalanceRow.state != VOIDED,
                or_(
                    LotAliasRow.facility_id.in_(self._own_sites),
                    LotAliasRow.lot_id.in_(received),
                ),
            )
        )

    def facility(self, ref: FacilityRef) -> str:
        """The code of a facility, one's own before others of the same name.

        Raises:
            UnknownName: There is none, or several have this name.
        """
        if (code := self._facilities.get(ref.text)) is None:
            code = self._facilities[ref.text] = self._find_facility(ref)
        return code

    def _find_facility(self, ref: FacilityRef) -> str:
        wanted = [FacilityRow.name_zh == ref.text, FacilityRow.name_en == ref.text]
        with suppress(BadCode):
            wanted.append(FacilityRow.code == parse_code(ref.text))
        rows = self.session.execute(
            select(FacilityRow.code, FacilityRow.organisation_id).where(or_(*wanted))
        ).all()
        own = [row for row in rows if row.organisation_id == self._organisation_id]
        if len(own or rows) == 1:
            return str((own or rows)[0].code)
        if rows:
            raise UnknownName(
                N_("several facilities have this name: give the code"), ref
            )
        raise UnknownName(N_("there is no facility of this name or code"), ref)

    def owner(self, facility: str) -> int | None:
        """Row key of the organisation that a facility belongs to."""
        if facility not in self._owners:
            found = self.session.scalar(
                select(FacilityRow.organisation_id).where(FacilityRow.code == facility)
            )
            if found is None:
                return None
            self._owners[facility] = found
        return self._owners[facility]

    def is_own(self, facility: str) -> bool:
        """Whether a facility is the importing organisation's."""
        return self.owner(facility) == self._organisation_id

    def transfer(self, ref: TransferRef) -> str:
        """The code of a transfer.

        Raises:
            UnknownName: The sender has dispatched none of this number, or several.
        """
        if (code := printed_code(ref.text)) is not None:
            return code
        key = (ref.text, self.facility(ref.sender))
        if key in self._made_transfers:
            return self._made_transfers[key]
        if key not in self._transfers:
            self._transfers[key] = self._find_transfer(ref, key[1])
        return self._transfers[key]

    def _find_transfer(self, ref: TransferRef, sender: str) -> str:
        rows = self.session.execute(
            select(TransferRow.code, TransferRow.lot_id, LotBalanceRow.transfer_id)
            .add_columns(TransferRow.id)
            .join(FacilityRow, FacilityRow.id == TransferRow.from_facility_id)
            .join(LotBalanceRow, LotBalanceRow.lot_id == TransferRow.lot_id)
            .where(TransferRow.own_number == ref.text, FacilityRow.code == sender)
        ).all()
        if len(rows) > 1:
            named = {
                row.id
                for row in self.session.execute(
                    select(LotRow.id)
                    .outerjoin(LotAliasRow, LotAliasRow.lot_id == LotRow.id)
                    .where(
                        LotRow.id.in_([row.lot_id for row in rows]),
                        or_(
                            LotRow.code == (ref.lot.code or ""),
                            LotAliasRow.value == ref.lot.text,
                        ),
                    )
                )
            }
            rows = [row for row in rows if row.lot_id in named]
        if len(rows) == 1:
            return str(rows[0].code)
        if rows:
            raise UnknownName(
                N_(
                    "the sender has dispatched several under this number: give the code"
                ),
                ref,
            )
        raise UnknownName(
            N_("the sender has dispatched nothing under this number"), ref
        )

    def scale(self, ref: UsualScale) -> str:
        """The weakest scale of a facility that bears the load; else the strongest."""
        code = self.facility(ref.facility)
        if code not in self._scales:
            rows = self.session.execute(
                select(ScaleRow.max_g, ScaleRow.code)
                .join(FacilityRow, FacilityRow.id == ScaleRow.facility_id)
                .where(FacilityRow.code == code)
                .order_by(ScaleRow.max_g, ScaleRow.code)
            )
            self._scales[code] = [(row.max_g, row.code) for row in rows]
        scales = self._scales[code]
        if not scales:
            return UNREGISTERED_SCALE
        return next((name for most, name in scales if most >= ref.net_g), scales[-1][1])


def path_of(value: object, ref: object, path: str = "data") -> str:
    """Where in a draft's data a reference stands; ``data`` where it does not.

    A reference inside another one is found at the outer one.
    """
    for way, one in _walk(value, path):
        if one is ref or _holds(one, ref):
            return way
    return "data"


def _holds(outer: object, ref: object) -> bool:
    if isinstance(outer, TransferRef):
        return ref is outer.sender or ref is outer.lot
    return isinstance(outer, UsualScale) and ref is outer.facility


def _refs(value: object) -> Iterator[object]:
    return (one for _, one in _walk(value, ""))


def _walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Every value that is no list and no object, with its path."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _walk(one, f"{path}.{name}")
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from _walk(one, f"{path}.{n}")
    else:
        yield path, value
