"""Reading lots: what they are made of, where they are, what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    CELL_COLUMNS,
    UNCOUNTED_COLUMNS,
    FacilityRow,
    LotAliasRow,
    LotBalanceRow,
    LotRevisionRow,
    LotRow,
    OrganisationRow,
)
from app.queries.errors import NotFound
from graph import (
    Lot,
    LotKind,
    Position,
    Shares,
    as_unknown,
    free_stretches,
    read,
    shares,
)


@dataclass(frozen=True, slots=True)
class LotView:
    """A lot with its balance.

    Attributes:
        id: Row key.
        lot: As made, with the composition in force.
        position: Which marks of it are given away.
        shares: As it reads where it is; None without metal.
        left_g: Net grams that nobody has taken.
        left_metal_g: Metal in them.
        state: held, in_transit, quarantined or voided.
        claim_block: Why it cannot be claimed, if so.
        holder: Code of the organisation that holds it.
        maker: Code of the organisation that made it.
        facility: Code of the facility where it is.
        facility_id: Row key of that facility.
        province: Of that facility.
        made_at: When it was made.
        since_at: Since when it is where it is.
        source: How it came in; None for what a run made.
        run_id: The run that made it; None for what came in.
        own_numbers: Its other names.
    """

    id: int
    lot: Lot
    position: Position
    shares: Shares | None
    left_g: int
    left_metal_g: int
    state: str
    claim_block: str | None
    holder: str
    maker: str
    facility: str
    facility_id: int
    province: str
    made_at: datetime
    since_at: datetime
    source: str | None
    run_id: int | None
    own_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LotFilter:
    """What a list of lots is narrowed to; None does not narrow.

    Attributes:
        text: A part of the code or of another name.
        material: Code of the material.
        state: Of the balance.
        facility: Code of the facility where it is.
        since: Made at or after.
        until: Made before.
        open_only: Something is left.
    """

    text: str | None = None
    material: str | None = None
    state: str | None = None
    facility: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    open_only: bool = False


def lot_value(row: Any, made: Any) -> Lot:  # noqa: ANN401 - any row with these columns
    """The lot that a row describes; ``made`` is the row or revision in force."""
    uncounted: tuple[int, ...] | None = tuple(
        getattr(made, name) for name in UNCOUNTED_COLUMNS
    )
    if uncounted is not None and uncounted[0] is None:
        uncounted = None
    return Lot(
        code=row.code,
        kind=LotKind(row.kind),
        material=row.material,
        metal=row.metal,
        net_g=row.net_g,
        metal_g=made.metal_g,
        cells=tuple(getattr(made, name) for name in CELL_COLUMNS),
        uncounted=uncounted,
    )


def position_value(row: Any) -> Position:  # noqa: ANN401 - any row with these columns
    """The position that a balance row holds."""
    return Position(
        goes_on_g=row.goes_on_g,
        placed_to_g=row.placed_to_g,
        gaps=tuple((start, to) for start, to in row.gaps),
        internal_as_unknown=row.internal_as_unknown,
        claimed=tuple((start, to) for start, to in row.claimed),
    )


def get_lot(
    session: Session, code: str, *, organisation_id: int | None, everything: bool
) -> LotView:
    """A lot that the caller holds, made, or may read as an auditor.

    Raises:
        NotFound: There is none, or the caller may not see it: the answer is the same.
    """
    row = session.execute(
        _lots(organisation_id, everything=everything).where(LotRow.code == code)
    ).first()
    if row is None:
        raise NotFound(f"no lot {code}")
    return _views(session, [row])[0]


def list_lots(
    session: Session,
    narrowed: LotFilter,
    *,
    organisation_id: int | None,
    everything: bool,
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> list[LotView]:
    """Lots, newest first, with keys below ``before``.

    With ``after`` those next above that key, newest first too.
    """
    wanted = _narrow(_lots(organisation_id, everything=everything), narrowed)
    if after is not None:
        wanted = wanted.where(LotRow.id > after).order_by(LotRow.id)
        return _views(session, session.execute(wanted.limit(limit)).all()[::-1])
    if before is not None:
        wanted = wanted.where(LotRow.id < before)
    rows = session.execute(wanted.order_by(LotRow.id.desc()).limit(limit)).all()
    return _views(session, rows)


def count_lots(
    session: Session,
    narrowed: LotFilter,
    *,
    organisation_id: int | None,
    everything: bool,
) -> int:
    """How many lots a list has, all its pages together."""
    wanted = _narrow(_lots(organisation_id, everything=everything), narrowed)
    ids = wanted.with_only_columns(LotRow.id).subquery()
    return session.scalar(select(func.count()).select_from(ids)) or 0


def _lots(organisation_id: int | None, *, everything: bool) -> Any:  # noqa: ANN401
    wanted = (
        select(
            LotRow,
            LotBalanceRow,
            FacilityRow.code.label("facility"),
            FacilityRow.province,
            OrganisationRow.code.label("holder"),
        )
        .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
        .join(FacilityRow, FacilityRow.id == LotBalanceRow.facility_id)
        .join(OrganisationRow, OrganisationRow.id == LotBalanceRow.organisation_id)
    )
    if everything:
        return wanted
    return wanted.where(
        (LotBalanceRow.organisation_id == organisation_id)
        | (LotRow.organisation_id == organisation_id)
    )


def _narrow(wanted: Any, narrowed: LotFilter) -> Any:  # noqa: ANN401 - a select
    if narrowed.text:
        code = narrowed.text.replace("-", "").replace(" ", "").upper()
        named = select(LotAliasRow.lot_id).where(
            LotAliasRow.value.icontains(narrowed.text, autoescape=True)
        )
        wanted = wanted.where(
            LotRow.code.contains(code, autoescape=True) | LotRow.id.in_(named)
        )
    if narrowed.material:
        wanted = wanted.where(LotRow.material == narrowed.material)
    if narrowed.state:
        wanted = wanted.where(LotBalanceRow.state == narrowed.state)
    if narrowed.facility:
        wanted = wanted.where(FacilityRow.code == narrowed.facility)
    if narrowed.since:
        wanted = wanted.where(LotRow.made_at >= narrowed.since)
    if narrowed.until:
        wanted = wanted.where(LotRow.made_at < narrowed.until)
    if narrowed.open_only:
        wanted = wanted.where(LotBalanceRow.left_g > 0)
    return wanted


def _views(session: Session, rows: Sequence[Any]) -> list[LotView]:
    revisions = _revisions(session, rows)
    names = _names(session, [row.LotRow.id for row in rows])
    makers = _makers(session, {row.LotRow.organisation_id for row in rows})
    views = []
    for row in rows:
        made, balance = row.LotRow, row.LotBalanceRow
        lot = lot_value(made, revisions.get(balance.revision_id, made))
        position = position_value(balance)
        left = read(
            lot,
            free_stretches(position),
            internal_as_unknown=position.internal_as_unknown,
        )
        reads = as_unknown(lot.cells) if position.internal_as_unknown else lot.cells
        voided = balance.state == "voided"
        views.append(
            LotView(
                id=made.id,
                lot=lot,
                position=position,
                shares=shares(reads),
                left_g=0 if voided else left.net_g,
                left_metal_g=0 if voided else left.metal_g,
                state=balance.state,
                claim_block=balance.claim_block,
                holder=row.holder,
                maker=makers[made.organisation_id],
                facility=row.facility,
                facility_id=balance.facility_id,
                province=row.province,
                made_at=made.made_at,
                since_at=balance.since_at,
                source=made.source,
                run_id=made.run_id,
                own_numbers=tuple(names.get(made.id, ())),
            )
        )
    return views


def _revisions(session: Session, rows: Sequence[Any]) -> dict[int, LotRevisionRow]:
    wanted = [
        row.LotBalanceRow.revision_id
        for row in rows
        if row.LotBalanceRow.revision_id is not None
    ]
    if not wanted:
        return {}
    found = session.scalars(select(LotRevisionRow).where(LotRevisionRow.id.in_(wanted)))
    return {row.id: row for row in found}


def _names(session: Session, lot_ids: Sequence[int]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    if lot_ids:
        found = session.execute(
            select(LotAliasRow.lot_id, LotAliasRow.value)
            .where(LotAliasRow.lot_id.in_(lot_ids))
            .order_by(LotAliasRow.id)
        )
        for lot_id, value in found:
            names.setdefault(lot_id, []).append(value)
    return names


def _makers(session: Session, ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    found = session.execute(
        select(OrganisationRow.id, OrganisationRow.code).where(
            OrganisationRow.id.in_(ids)
        )
    )
    return {row.id: row.code for row in found}


def lots_by_id(session: Session, ids: Sequence[int]) -> dict[int, LotView]:
    """Lots of a trace, by key, whoever holds them."""
    views: dict[int, LotView] = {}
    for start in range(0, len(ids), 500):
        rows = session.execute(
            _lots(None, everything=True).where(LotRow.id.in_(ids[start : start + 500]))
        ).all()
        views.update((view.id, view) for view in _views(session, rows))
    return views
