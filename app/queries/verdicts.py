"""What a verdict about a label rests on: read in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session, aliased

from app.models import (
    CELL_COLUMNS,
    ROWS_PER_ENTRY,
    CheckpointRow,
    ClaimRow,
    ClaimStateRow,
    ClaimWithdrawalRow,
    FacilityRow,
    LabelRow,
    LabelVoidingRow,
    LogEntryRow,
    LotBalanceRow,
    LotRevisionRow,
    LotRow,
    OrganisationRow,
    ProcessRunRow,
    SigningKeyRow,
    VoidingRow,
    entry_of,
)
from app.queries.lots import lot_value
from graph import Lot, Shares, as_unknown, shares

_ClaimVoiding = aliased(VoidingRow, name="claim_voiding")
_CLAIM = (
    "id",
    "code",
    "from_g",
    "to_g",
    "claimed_g",
    "share_ppm",
    "elv_ppm",
    "post_ppm",
    "pre_ppm",
    "upper_ppm",
    "model",
    "rule_set",
    "boundary_text",
    "method",
    "valid_until",
)
_LOT_COLUMNS = (
    "id",
    "code",
    "kind",
    "material",
    "metal",
    "net_g",
    "metal_g",
    *CELL_COLUMNS,
)


class Named(NamedTuple):
    """An organisation as a page names it."""

    id: int
    code: str
    name_zh: str | None
    name_en: str | None


class StoredEntry(NamedTuple):
    """An entry as it is stored."""

    note: bytes
    leaf_hash: bytes


class StoredCheckpoint(NamedTuple):
    """A checkpoint as it is stored."""

    size: int
    root: bytes
    note: bytes
    signed_at: datetime


class Step(NamedTuple):
    """Grams of one material that one kind of run made in one province.

    ``kind`` is ``sourced`` for what came into the ledger there.
    """

    kind: str
    province: str
    material: str
    net_g: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCase:
    """A label and what stands behind it, as the rows say; nothing is checked yet.

    Attributes:
        code_sha256: Digest of the label's code.
        label_index: Entry that issued the label.
        issued_at: When.
        voided_because: Reason why the label was declared void; None if it was not.
        issuer: Who issued the label.
        maker: Who made the lot.
        lot: As made, with the composition in force.
        lot_id: Its row key.
        lot_index: Entry that made the lot.
        lot_state: Of its balance.
        lot_shares: As the lot reads now; None without metal.
        made_at: When the lot was made.
        started_at: When the run that made it began; None where nobody said.
        run_kind: Kind of that run; None for what came into the ledger.
        province: Where it was made.
        facility_kind: What kind of facility made it.
        claim: Columns of the claim's row; None for a label of a lot.
        claim_index: Entry that issued the claim.
        claim_state: State of the claim.
        claim_ended_because: Reason of a withdrawal or of a correction that took the
            claim back.
        claim_taken_back: A correction took it back.
    """

    code_sha256: bytes
    label_index: int
    issued_at: datetime
    voided_because: str | None
    issuer: Named
    maker: Named
    lot: Lot
    lot_id: int
    lot_index: int
    lot_state: str
    lot_shares: Shares | None
    made_at: datetime
    started_at: datetime | None
    run_kind: str | None
    province: str
    facility_kind: str
    claim: Mapping[str, Any] | None
    claim_index: int | None
    claim_state: str | None
    claim_ended_because: str | None
    claim_taken_back: bool


def find_label(
    session: Session, code_sha256: bytes
) -> tuple[LabelCase, StoredCheckpoint | None] | None:
    """A label with its lot and claim, and the newest checkpoint; two queries.

    Two and not one: planning a join of fourteen tables costs PostgreSQL more than
    running it.

    Args:
        session: To read in.
        code_sha256: Digest of the label's code.
    """
    connection = session.connection()
    label: Any = connection.execute(_LABEL, {"digest": code_sha256}).first()
    if label is None:
        return None
    row: Any = connection.execute(_LOT, {"lot": label.lot_id}).one()
    checkpoint = None
    if row.size is not None:
        checkpoint = StoredCheckpoint(row.size, row.root, row.note, row.signed_at)
    return _case(label, row, code_sha256), checkpoint


def _columns(table: Any, prefix: str, names: Iterable[str]) -> list[Any]:  # noqa: ANN401
    return [getattr(table, name).label(f"{prefix}_{name}") for name in names]


# Statements that stand still are compiled once, and go by the connection: no object
# of the mapper is made for a page that thousands may ask for at once
_LABEL: Any = (
    select(
        LabelRow.id,
        LabelRow.lot_id,
        LabelRow.issued_at,
        LabelVoidingRow.reason.label("voided_because"),
        ClaimStateRow.state.label("claim_state"),
        ClaimWithdrawalRow.reason.label("withdrawn_because"),
        _ClaimVoiding.reason.label("taken_back_because"),
        *_columns(OrganisationRow, "issuer", Named._fields),
        *_columns(ClaimRow, "claim", _CLAIM),
    )
    .join(OrganisationRow, OrganisationRow.id == LabelRow.organisation_id)
    .outerjoin(LabelVoidingRow, LabelVoidingRow.label_id == LabelRow.id)
    .outerjoin(ClaimRow, ClaimRow.id == LabelRow.claim_id)
    .outerjoin(ClaimStateRow, ClaimStateRow.claim_id == ClaimRow.id)
    .outerjoin(ClaimWithdrawalRow, ClaimWithdrawalRow.claim_id == ClaimRow.id)
    .outerjoin(
        _ClaimVoiding,
        _ClaimVoiding.voided_index == ClaimRow.id // ROWS_PER_ENTRY,
    )
    .where(LabelRow.code_sha256 == bindparam("digest"))
)
_LOT: Any = (
    select(
        LotRow.made_at,
        LotBalanceRow.state.label("lot_state"),
        LotBalanceRow.revision_id,
        LotBalanceRow.internal_as_unknown,
        FacilityRow.province,
        FacilityRow.kind.label("facility_kind"),
        ProcessRunRow.kind.label("run_kind"),
        ProcessRunRow.started_at,
        CheckpointRow.size,
        CheckpointRow.root,
        CheckpointRow.note,
        CheckpointRow.signed_at,
        *_columns(LotRow, "lot", _LOT_COLUMNS),
        *_columns(LotRevisionRow, "revision", ("metal_g", *CELL_COLUMNS)),
        *_columns(OrganisationRow, "maker", Named._fields),
    )
    .join(OrganisationRow, OrganisationRow.id == LotRow.organisation_id)
    .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
    .join(FacilityRow, FacilityRow.id == LotRow.facility_id)
    .outerjoin(LotRevisionRow, LotRevisionRow.id == LotBalanceRow.revision_id)
    .outerjoin(ProcessRunRow, ProcessRunRow.id == LotRow.run_id)
    .outerjoin(
        CheckpointRow,
        CheckpointRow.size == select(func.max(CheckpointRow.size)).scalar_subquery(),
    )
    .where(LotRow.id == bindparam("lot"))
)
_ENTRY = (LogEntryRow.entry_index, LogEntryRow.note, LogEntryRow.leaf_hash)
_ENTRIES = select(*_ENTRY).where(
    LogEntryRow.entry_index.in_(bindparam("indexes", expanding=True))
)
_ENTRIES_AND_KEYS = _ENTRIES.union_all(
    select(*_ENTRY)
    .join(SigningKeyRow, SigningKeyRow.id // ROWS_PER_ENTRY == LogEntryRow.entry_index)
    .where(SigningKeyRow.organisation_id.in_(bindparam("ids", expanding=True)))
)


class _Prefixed:
    """The columns of one table out of a joined row."""

    def __init__(self, row: Any, prefix: str) -> None:  # noqa: ANN401 - a row
        self._row, self._prefix = row, prefix

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("uncounted_"):
            return None  # what was counted of returns is no part of a verdict
        return getattr(self._row, f"{self._prefix}_{name}")


def _case(label: Any, row: Any, code_sha256: bytes) -> LabelCase:  # noqa: ANN401
    made = _Prefixed(row, "lot")
    revised = made if row.revision_id is None else _Prefixed(row, "revision")
    lot = lot_value(made, revised)
    reads = as_unknown(lot.cells) if row.internal_as_unknown else lot.cells
    claim = None
    if label.claim_id is not None:
        claim = {name: getattr(label, f"claim_{name}") for name in _CLAIM}
    taken_back = label.taken_back_because
    return LabelCase(
        code_sha256=code_sha256,
        label_index=entry_of(label.id),
        issued_at=label.issued_at,
        voided_because=label.voided_because,
        issuer=Named(*(getattr(label, f"issuer_{name}") for name in Named._fields)),
        maker=Named(*(getattr(row, f"maker_{name}") for name in Named._fields)),
        lot=lot,
        lot_id=row.lot_id,
        lot_index=entry_of(row.lot_id),
        lot_state=row.lot_state,
        lot_shares=shares(reads),
        made_at=row.made_at,
        started_at=row.started_at,
        run_kind=row.run_kind,
        province=row.province,
        facility_kind=row.facility_kind,
        claim=claim,
        claim_index=None if claim is None else entry_of(claim["id"]),
        claim_state=label.claim_state,
        claim_ended_because=taken_back or label.withdrawn_because,
        claim_taken_back=taken_back is not None,
    )


def entries_by_index(
    session: Session, indexes: Iterable[int], keys_of: Iterable[int] = ()
) -> dict[int, StoredEntry]:
    """Entries as they are stored, by index; one query.

    Args:
        session: To read in.
        indexes: Which.
        keys_of: Row keys of organisations whose keys' registrations are wanted too.
    """
    wanted: dict[str, list[int]] = {"indexes": sorted(set(indexes))}
    statement: Any = _ENTRIES
    if ids := sorted(set(keys_of)):
        wanted["ids"], statement = ids, _ENTRIES_AND_KEYS
    rows = session.connection().execute(statement, wanted)
    return {row[0]: StoredEntry(row[1], row[2]) for row in rows}


_STEPS = text(
    """
    WITH RECURSIVE reached(run_id) AS (
        SELECT run_id FROM lot WHERE id = :lot AND run_id IS NOT NULL
        UNION
        SELECT input.run_id FROM reached
        JOIN run_flow AS taken ON taken.run_id = reached.run_id AND taken.net_g < 0
        JOIN lot AS input ON input.id = taken.lot_id
        WHERE input.run_id IS NOT NULL
    ),
    chosen(run_id) AS (SELECT run_id FROM reached LIMIT :runs)
    SELECT 'sourced' AS kind, facility.province, lot.material,
           SUM(-run_flow.net_g) AS net_g
    FROM chosen
    JOIN run_flow ON run_flow.run_id = chosen.run_id AND run_flow.net_g < 0
    JOIN lot ON lot.id = run_flow.lot_id AND lot.run_id IS NULL
    JOIN facility ON facility.id = lot.facility_id
    GROUP BY facility.province, lot.material
    UNION ALL
    SELECT process_run.kind, facility.province, lot.material, SUM(run_flow.net_g)
    FROM chosen
    JOIN process_run ON process_run.id = chosen.run_id
    JOIN run_flow ON run_flow.run_id = chosen.run_id AND run_flow.net_g > 0
    JOIN lot ON lot.id = run_flow.lot_id
        AND lot.kind NOT IN ('by_product', 'return')
    JOIN facility ON facility.id = process_run.facility_id
    GROUP BY process_run.kind, facility.province, lot.material
"""
)


def steps_of(session: Session, lot_id: int, most_runs: int) -> list[Step]:
    """What was done upstream of a lot, by kind, province and material; one query.

    Nothing in it names an organisation, a facility or a single lot. Of a history with
    more than ``most_runs`` runs, so many are looked at.
    """
    rows = session.execute(_STEPS, {"lot": lot_id, "runs": most_runs})
    return [Step(row[0], row[1], row[2], int(row[3])) for row in rows]
