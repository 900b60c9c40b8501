"""Files of rows into the log: all or nothing, or every row that has no fault.

``import_file`` reads a file as a stream and posts its facts in batches. Handing a file
in again adds nothing: the id of a fact follows from its row.

All or nothing is one transaction: others wait for the log until it ends (about 20 s
for 100,000 rows). A dry run is the same and takes everything back at its end, so that
it can promise what the real one will do. Only the rows that fit are posted in
transactions of ``BATCH`` facts: an import that is interrupted keeps what it has
posted, and goes on from there when the file is handed in again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.intake.drafts import Draft, content_of, data_of, derive_fact_id
from app.intake.facts import read_bound
from app.intake.faults import N_, Fault
from app.intake.heads import Binding, read_heads
from app.intake.reading import Table, open_table
from app.intake.row_reader import Outcome, Rejected
from app.intake.templates import Template, get_template
from app.models import LotRow
from app.services.access import Actor
from app.services.errors import Conflict, FieldFault, Refused
from app.services.facts import Fact
from app.services.import_names import ImportNames, UnknownName, path_of
from app.services.import_shares import fill_shares, needs_shares
from app.services.import_twins import find_twins
from app.services.journal import chunks, find_known
from app.services.keys import KeyRing
from app.services.posting import post_what_fits
from app.services.recording import Doors, require_right
from app.services.repeats import is_repeat
from app.services.signing import pretend_sealed, request_digest_of, seal_facts

BATCH = 500
MAX_REJECTED = 20_000
OTHER_MATERIAL = N_("found {found}, expected {expected}, what this lot is")
OTHER_VALUES = N_(
    "stands in the ledger already, with other confidential values "
    "(supplier, vehicle, ticket, note)"
)
Mode = Literal["all", "valid"]
Check = Callable[[Mapping[str, Any], str], Fact]
"""Closed schema of a fact as a client sends it; raises ``Refused``."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What came of a file.

    Attributes:
        template: Id of its template.
        rows: Rows that held something, below the heads.
        facts_posted: New entries; in a dry run, those that would be.
        facts_known: Facts that stood in the log already.
        left_to_others: Sides of transfers that another organisation states.
        rejected: Rows that became no fact, with their faults.
        recorded: Whether the log holds the facts now: not after a dry run, nor where
            all or nothing came to nothing.
        stopped: More rows than ``MAX_REJECTED`` were faulty; the rest was not read.
        binding: The heads of the file.
    """

    template: str
    rows: int
    facts_posted: int
    facts_known: int
    left_to_others: int
    rejected: tuple[Rejected, ...]
    recorded: bool
    stopped: bool
    binding: Binding

    @property
    def faults(self) -> list[Fault]:
        """Every fault of every row."""
        return [fault for one in self.rejected for fault in one.faults]


@dataclass(frozen=True, slots=True)
class Importer:
    """Who imports, and what is needed for it.

    Attributes:
        doors: Into the database.
        keyring: Signs with the platform's key of the organisation.
        actor: A user of the organisation whose facts these are.
        check: Closed schema of a fact.
        now: The time of the import.
        collect: Told the new facts of a dry run, each with its rows: somebody else
            will sign them.
    """

    doors: Doors
    keyring: KeyRing
    actor: Actor
    check: Check
    now: datetime
    collect: Callable[[tuple[int, ...], Fact], None] | None = None

    @property
    def organisation(self) -> tuple[int, str]:
        """Row key and code of the organisation.

        Raises:
            Conflict: The actor belongs to none.
        """
        actor = self.actor
        if actor.organisation_id is None or actor.organisation_code is None:
            raise Conflict("files are handed in by users of an organisation")
        return actor.organisation_id, actor.organisation_code


class _Undo(Exception):
    """Takes the transaction back; never leaves this module."""


def import_file(
    importer: Importer,
    template_id: str,
    source: BinaryIO,
    *,
    mode: Mode = "all",
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda rows: None,
) -> ImportResult:
    """Import one file.

    Args:
        importer: Who, and with what.
        template_id: Such as ``sourced``.
        source: Can be read from its start.
        mode: ``all``: nothing is recorded where a row has a fault. ``valid``: rows
            without faults are.
        dry_run: Record nothing, find everything.
        progress: Told how many rows are done.

    Raises:
        IntakeError: The file as a whole cannot be read.
        UnknownTemplate: There is no such template.
        Forbidden: The actor may not state such facts.
        NoSigningKey: The organisation keeps its own keys.
    """
    template = get_template(template_id)
    table = open_table(source)
    binding = read_heads(table, template)
    run = _Import(importer, template, binding, dry_run)
    batches = _batches(read_bound(table, template, binding), run)
    if mode == "valid" and not dry_run:
        for batch in batches:
            with importer.doors.transaction() as session:
                run.take(session, batch)
            progress(run.rows)
        return run.result(recorded=run.posted > 0 or run.known > 0)
    try:
        with importer.doors.transaction() as session:
            for batch in batches:
                run.take(session, batch)
                progress(run.rows)
            if dry_run or run.rejected:
                raise _Undo
    except _Undo:
        return run.result(recorded=False)
    return run.result(recorded=True)


def count_rows(source: BinaryIO, template_id: str) -> int:
    """Rows below the heads of a file, read once.

    Raises:
        IntakeError: The file cannot be read.
    """
    template = get_template(template_id)
    table: Table = open_table(source)
    read_heads(table, template)
    return sum(any(cell is not None for cell in row.cells) for row in table.rows)


def _batches(outcomes: Iterator[Outcome], run: _Import) -> Iterator[list[Outcome]]:
    while not run.stopped and (batch := list(islice(outcomes, BATCH))):
        yield batch


@dataclass(slots=True)
class _Import:
    """One file on its way."""

    importer: Importer
    template: Template
    binding: Binding
    dry_run: bool
    rows: int = 0
    posted: int = 0
    known: int = 0
    left_to_others: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    _names: ImportNames | None = None

    @property
    def stopped(self) -> bool:
        return len(self.rejected) > MAX_REJECTED

    def result(self, *, recorded: bool) -> ImportResult:
        return ImportResult(
            template=self.template.id,
            rows=self.rows,
            facts_posted=self.posted,
            facts_known=self.known,
            left_to_others=self.left_to_others,
            rejected=tuple(sorted(self.rejected, key=lambda one: one.rows)),
            recorded=recorded,
            stopped=self.stopped,
            binding=self.binding,
        )

    def take(self, session: Session, batch: Sequence[Outcome]) -> None:
        """Post what of a batch can be posted."""
        organisation_id, org = self.importer.organisation
        if self._names is None:
            self._names = ImportNames(session, organisation_id)
        self._names.session = session
        drafts = []
        rows: set[int] = set()
        for one in batch:
            rows.update(one.rows)
            if isinstance(one, Rejected):
                self.rejected.append(one)
            else:
                drafts.append(one)
        # A row of a transfer can state two facts, in two batches if need be
        self.rows += len(rows)
        self._post(session, self._facts(session, org, drafts))

    def _facts(
        self, session: Session, org: str, drafts: Sequence[Draft]
    ) -> list[tuple[Draft, Fact]]:
        """New drafts as facts; those that stand in the log are counted."""
        named = self._named(org, drafts)
        known = find_known(session, [(org, str(fact_id)) for _, fact_id, _ in named])
        pairs: list[tuple[Draft, Fact]] = []
        for draft, fact_id, data in named:
            entry = known.get((org, str(fact_id)))
            if needs_shares(draft.type, data):
                if entry is not None:
                    # Its metal was worked out from what the lot held then
                    self.known += 1
                    continue
                pending = [fact for _, fact in pairs]
                fill_shares(session, data, pending, self.importer.now)
            request = {
                "id": str(fact_id),
                "type": draft.type,
                "at": draft.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "data": data,
                "private": dict(draft.private),
            }
            try:
                fact = self.importer.check(request, org)
            except Refused as refused:
                self._reject(draft, _causes(refused.faults))
                continue
            require_right(self.importer.actor, fact)
            if entry is None:
                pairs.append((draft, fact))
            elif self.importer.collect or is_repeat(
                session,
                entry[0],
                entry[2],
                request_digest_of(fact, self.importer.keyring),
                fact,
            ):
                self.known += 1
            else:
                self._reject(draft, [("", OTHER_VALUES, {})])
        twins = find_twins(session, [fact for _, fact in pairs])
        self.known += len(twins)
        pairs = [(draft, fact) for draft, fact in pairs if fact.id not in twins]
        return self._of_stated_material(session, pairs)

    def _named(
        self, org: str, drafts: Sequence[Draft]
    ) -> list[tuple[Draft, UUID, dict[str, Any]]]:
        """Drafts with the id of their fact, and their data with codes for names."""
        names = self._names
        if names is None:
            raise RuntimeError("names are looked up before drafts are read")
        names.prepare(drafts)
        found = []
        for draft in drafts:
            try:
                if not _is_own_side(draft, names):
                    self.left_to_others += 1
                    continue
                content = content_of(draft, names)
                fact_id = derive_fact_id(org, draft.template, draft.own_number, content)
                data = data_of(draft, names, fact_id)
            except UnknownName as error:
                path = path_of(draft.data, error.ref)
                self._reject(draft, [(path, error.message, error.values)])
                continue
            names.learn(draft, data)
            found.append((draft, fact_id, data))
        return found

    def _of_stated_material(
        self, session: Session, pairs: list[tuple[Draft, Fact]]
    ) -> list[tuple[Draft, Fact]]:
        """Those whose rows name the materials that the lots are of."""
        asked = {
            fact.data["inputs"][int(path.split(".")[2])]["lot"]
            for draft, fact in pairs
            for path in draft.stated_materials
        }
        known = {
            flow["lot"]: flow["material"]
            for _, fact in pairs
            if fact.type == "run.recorded"
            for flow in fact.data["outputs"]
        }
        for chunk in chunks(sorted(asked)):
            rows = session.execute(
                select(LotRow.code, LotRow.material).where(LotRow.code.in_(chunk))
            )
            known.update((row.code, row.material) for row in rows)
        kept = []
        for draft, fact in pairs:
            causes = []
            for path, stated in draft.stated_materials.items():
                n = int(path.split(".")[2])
                material = known.get(fact.data["inputs"][n]["lot"])
                if material is not None and material != stated:
                    message = OTHER_MATERIAL
                    values = {"found": stated, "expected": material}
                    causes.append((f"{path}.material", message, values))
            if causes:
                self._reject(draft, causes)
            else:
                kept.append((draft, fact))
        return kept

    def _post(self, session: Session, pairs: Sequence[tuple[Draft, Fact]]) -> None:
        if not pairs:
            return
        facts = [fact for _, fact in pairs]
        if self.dry_run:
            # What sealing would refuse is checked apart: whether there is a key
            if self.importer.collect is None:
                self.importer.keyring.signer_of(session, facts[0].org)
            sealed = pretend_sealed(facts)
        else:
            sealed = seal_facts(session, self.importer.keyring, facts)
        outcome = post_what_fits(session, sealed, self.importer.now)
        self.posted += len(outcome.receipts)
        if self.importer.collect is not None:
            for position in sorted(outcome.receipts):
                draft, fact = pairs[position]
                self.importer.collect(draft.rows, fact)
        by_position: dict[int, list[FieldFault]] = {}
        for fault in outcome.faults:
            by_position.setdefault(fault.position or 0, []).append(fault)
        for position, faults in by_position.items():
            self._reject(pairs[position][0], _causes(faults))

    def _reject(
        self, draft: Draft, causes: Iterable[tuple[str, str, Mapping[str, object]]]
    ) -> None:
        faults = []
        for path, message, values in causes:
            row, column = draft.place_of(path)
            if path.endswith(".material"):
                column = "material"
            head = None if column is None else self._head(column)
            shown = {
                name: value if isinstance(value, int) else str(value)
                for name, value in values.items()
            }
            faults.append(Fault(row, head, None, message, shown))
        self.rejected.append(Rejected(draft.rows, tuple(faults)))

    def _head(self, column: str) -> str:
        found = self.binding.head_of(column)
        if found is not None:
            return found
        return self.template.column(column).head(self.binding.language)


def _is_own_side(draft: Draft, names: ImportNames) -> bool:
    """Whether a side of a transfer is the importing organisation's to state."""
    if draft.type == "transfer.dispatched":
        return names.is_own(names.facility(draft.data["from"]))
    if draft.type == "transfer.accepted":
        return names.is_own(names.facility(draft.data["weighing"]["scale"].facility))
    return True


def _causes(
    faults: Iterable[FieldFault],
) -> list[tuple[str, str, Mapping[str, object]]]:
    return [(fault.field, fault.message, fault.values) for fault in faults]
