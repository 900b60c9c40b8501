"""Statements: the supply of recycled metal by period, metal and province, at a vintage.

A statement is a function of (log, vintage, method version, editions of the national
series): no clock goes in. Its vintage is a log size that has a checkpoint, so that two
people who name the same checkpoint get the same number to the last gram.

Method ``recycled-supply/1``: recycled and unknown metal counts once, when it leaves
scrap as metal (supply records); primary metal counts when a lot of it comes in from
outside, opening stock excepted. A period belongs to Asia/Shanghai.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast, get_args

from sqlalchemy.orm import Session

from app.export.codelists import CODELISTS, TOTAL
from app.export.tables import CheckpointRef
from app.models import CheckpointRow
from app.queries.errors import NotFound
from app.queries.log import find_checkpoint, get_checkpoint, get_origin
from app.queries.statements import (
    SupplyFilter,
    SupplySum,
    near_vintages,
    newest_instant,
    sum_primary,
    sum_supply,
)
from app.services.access import Actor
from app.services.errors import Conflict, FieldFault, Refused
from app.services.national import national_series
from app.services.rules import month_of, provinces
from app.services.supply_shares import (
    Coverage,
    ShareFinding,
    SupplyTotals,
    coverage,
    find_share,
)

METHOD = "recycled-supply/1"
PeriodKind = Literal["month", "quarter", "year"]
PERIOD_KINDS: tuple[PeriodKind, ...] = get_args(PeriodKind)
_PERIOD = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])|-?[Qq]([1-4]))?", re.ASCII)
_CLASSES = ("post_consumer_elv", "post_consumer", "pre_consumer", "unknown", "primary")
_RECYCLED = frozenset(_CLASSES[:3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the log.

    Attributes:
        by: Length of a period.
        metal: Symbol; None for every metal, each in lines of its own.
        province: GB/T 2260 code; None for the whole country.
        by_province: Whether each province gets lines of its own.
        first: The first period, or any month of it; None from the beginning.
        last: The last period, or any month of it; None to the end.
        vintage: A log size that has a checkpoint; None for the newest.
    """

    by: PeriodKind = "quarter"
    metal: str | None = None
    province: str | None = None
    by_province: bool = False
    first: str | None = None
    last: str | None = None
    vintage: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One period, metal and region.

    Attributes:
        period: ``YYYY-MM``, ``YYYYQn`` or ``YYYY``.
        metal: Symbol.
        province: GB/T 2260 code; empty for the whole of what was asked.
        totals: By origin class, in grams.
        direct_use_g: Of the recycled metal, what fabricators melted straight into
            products.
        imported_g: Of the recycled metal, what came from imported scrap.
        provisional: The log had not gone past the period at this vintage.
        coverage: Against the nation; None where lines are not of the whole country.
    """

    period: str
    metal: str
    province: str
    totals: SupplyTotals
    direct_use_g: int
    imported_g: int
    provisional: bool
    coverage: Coverage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An answered question.

    Attributes:
        question: With its vintage, and its bounds as whole periods.
        checkpoint: The vintage.
        signed_at: When the checkpoint was signed.
        sums: What was added up, by period, sorted.
        lines: By metal, province, then period.
    """

    question: Question
    checkpoint: CheckpointRef
    signed_at: datetime
    sums: tuple[SupplySum, ...]
    lines: tuple[Line, ...]

    @property
    def editions(self) -> dict[str, str]:
        """National figure -> edition, of every coverage in it."""
        found: dict[str, str] = {}
        for line in self.lines:
            if line.coverage is not None:
                found |= line.coverage.editions
        return found

    @property
    def filters(self) -> dict[str, str]:
        """What was asked, as an export names it."""
        asked = self.question
        region = "by province" if asked.by_province else asked.province
        return {
            "period": asked.by,
            "metal": asked.metal or "all",
            "province": region or "all",
            "from": asked.first or "beginning",
            "to": asked.last or "end",
        }


def make_statement(session: Session, actor: Actor, question: Question) -> Statement:
    """Answer a question from the entries below its vintage.

    Args:
        session: One consistent view.
        actor: Who asks.
        question: What is asked.

    Raises:
        Forbidden: The actor may not see what single companies could be read from.
        NotFound: The vintage has no checkpoint; the nearest ones are named.
        Conflict: No checkpoint was signed yet.
        Refused: A field of the question makes no sense; every fault is listed.
    """
    actor.require("make-statement")
    asked = _checked(question)
    row = resolve_vintage(session, asked.vintage)
    asked = replace(asked, vintage=row.size)
    wanted = SupplyFilter(
        first_month=None if asked.first is None else _months(asked.first)[0],
        last_month=None if asked.last is None else _months(asked.last)[1],
        metal=asked.metal,
        province=asked.province,
        by_province=asked.by_province,
    )
    sums = _by_period(
        [
            *sum_supply(session, row.size, wanted),
            *sum_primary(session, row.size, wanted),
        ],
        asked.by,
    )
    reached = month_of(newest_instant(session, row.size))
    return Statement(
        question=asked,
        checkpoint=CheckpointRef(
            origin=get_origin(session),
            size=row.size,
            root=row.root.hex(),
        ),
        signed_at=row.signed_at,
        sums=sums,
        lines=tuple(_lines(sums, asked, reached)),
    )


def resolve_vintage(session: Session, vintage: int | None) -> CheckpointRow:
    """The checkpoint of a vintage, or the newest.

    Raises:
        NotFound: There is none at this size; the nearest ones are named.
        Conflict: No checkpoint was signed yet.
    """
    if vintage is None:
        if (newest := find_checkpoint(session)) is None:
            raise Conflict("no checkpoint was signed yet: there is no vintage to name")
        return newest
    try:
        return get_checkpoint(session, vintage)
    except NotFound:
        near = " and ".join(map(str, near_vintages(session, vintage)))
        raise NotFound(
            "no checkpoint was signed at size {vintage}: the nearest are {near}",
            vintage=vintage,
            near=near or "none",
        ) from None


def find_newest(statement: Statement, metal: str | None = None) -> ShareFinding | None:
    """What a page says first: share and coverage of the newest period with supply.

    A period that is over comes before one that is still going on.

    Args:
        statement: Of the whole country or a province, not by province.
        metal: Symbol; None for the metal of which most was recorded.
    """
    lines = [line for line in statement.lines if line.totals.total_g > 0]
    if metal is None:
        weight: dict[str, int] = {}
        for line in lines:
            weight[line.metal] = weight.get(line.metal, 0) + line.totals.total_g
        metal = max(weight, key=lambda one: weight[one], default=None)
    lines = [line for line in lines if line.metal == metal]
    if not lines:
        return None
    newest = max(lines, key=lambda line: (not line.provisional, line.period))
    return find_share(
        national_series(),
        newest.totals,
        metal=newest.metal,
        period=newest.period,
        vintage=statement.checkpoint.size,
    )


def parse_question(given: Mapping[str, str]) -> Question:
    """A question as an address or a command writes it.

    Args:
        given: Any of ``by``, ``metal``, ``province`` (a code, or ``each``), ``from``,
            ``to``, ``vintage``; what is empty or missing is not asked for.

    Raises:
        Refused: A field makes no sense; every fault is listed.
    """
    faults = []
    by, vintage = given.get("by") or "quarter", given.get("vintage") or None
    if by not in PERIOD_KINDS:
        faults.append(
            FieldFault(
                None,
                "by",
                "found {found!r}, expected month, quarter or year",
                {"found": by[:40]},
            )
        )
    if vintage is not None and not re.fullmatch(r"[0-9]{1,15}", vintage):
        faults.append(
            FieldFault(
                None,
                "vintage",
                "found {found!r}, expected the size of a checkpoint",
                {"found": vintage[:40]},
            )
        )
    if faults:
        raise Refused(faults)
    province = given.get("province") or None
    each = province == "each"
    return _checked(
        Question(
            by=cast("PeriodKind", by),
            metal=given.get("metal") or None,
            province=None if each else province,
            by_province=each,
            first=given.get("from") or None,
            last=given.get("to") or None,
            vintage=None if vintage is None else int(vintage),
        )
    )


def _checked(question: Question) -> Question:
    """The question with its bounds as whole periods.

    Raises:
        Refused: A field makes no sense; every fault is listed.
    """
    faults = []
    bounds: dict[str, str | None] = {}
    for field, text in (("from", question.first), ("to", question.last)):
        bounds[field] = None
        if text is None:
            continue
        if (found := _PERIOD.fullmatch(text)) is None or found[1] < "1900":
            faults.append(
                FieldFault(
                    None,
                    field,
                    "found {found!r}, expected a period such as 2026, 2026Q1, 2026-03",
                    {"found": text[:40]},
                )
            )
            continue
        months = _months(text)
        month = months[0] if field == "from" else months[1]
        bounds[field] = period_of(month, question.by)
    metals = CODELISTS["MATERIAL"].keys() - {TOTAL}
    if question.metal is not None and question.metal not in metals:
        faults.append(
            FieldFault(
                None,
                "metal",
                "found {found!r}, expected the symbol of a metal such as Al or Cu",
                {"found": question.metal[:40]},
            )
        )
    if question.province is not None and question.province not in provinces():
        faults.append(
            FieldFault(
                None,
                "province",
                "found {found!r}, expected a province code of GB/T 2260",
                {"found": question.province[:40]},
            )
        )
    first, last = bounds["from"], bounds["to"]
    if first is not None and last is not None and first > last:
        faults.append(
            FieldFault(
                None,
                "to",
                "found {found!r}, expected {first} or later",
                {"found": last, "first": first},
            )
        )
    if faults:
        raise Refused(faults)
    return replace(question, first=first, last=last)


def _months(period: str) -> tuple[str, str]:
    """The first and the last month of a period.

    >>> _months("2026Q2"), _months("2026")
    (('2026-04', '2026-06'), ('2026-01', '2026-12'))
    """
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise ValueError(f"found period {period!r}")
    year, month, quarter = found.groups()
    if month:
        return f"{year}-{month}", f"{year}-{month}"
    if quarter:
        return f"{year}-{int(quarter) * 3 - 2:02d}", f"{year}-{int(quarter) * 3:02d}"
    return f"{year}-01", f"{year}-12"


def period_of(month: str, by: PeriodKind) -> str:
    """The period that a month lies in.

    >>> period_of("2026-05", "quarter"), period_of("2026-05", "year")
    ('2026Q2', '2026')
    """
    if by == "month":
        return month
    year, number = month.split("-")
    return year if by == "year" else f"{year}Q{(int(number) + 2) // 3}"


def _by_period(sums: Iterable[SupplySum], by: PeriodKind) -> tuple[SupplySum, ...]:
    """The same sums with periods in place of months, those of zero left out."""
    found: dict[tuple[str, str, str, bool, str, str], int] = {}
    for one in sums:
        key = (period_of(one.month, by), *one[1:6])
        found[key] = found.get(key, 0) + one.metal_g
    return tuple(SupplySum(*key, g) for key, g in sorted(found.items()) if g)


def _lines(
    sums: Iterable[SupplySum], question: Question, reached: str
) -> Iterable[Line]:
    grouped: dict[tuple[str, str, str], list[SupplySum]] = {}
    for one in sums:
        key = (one.metal, one.province, one.month)
        grouped.setdefault(key, []).append(one)
    nation = question.province is None and not question.by_province
    for (metal, province, period), group in sorted(grouped.items()):
        grams = dict.fromkeys(_CLASSES, 0)
        for one in group:
            grams[one.origin_class] += one.metal_g
        totals = SupplyTotals(**{f"{name}_g": g for name, g in grams.items()})
        recycled = [one for one in group if one.origin_class in _RECYCLED]
        yield Line(
            period=period,
            metal=metal,
            province=province or question.province or "",
            totals=totals,
            direct_use_g=sum(g.metal_g for g in recycled if g.flow == "direct_use"),
            imported_g=sum(g.metal_g for g in recycled if g.imported),
            provisional=_months(period)[1] >= reached,
            coverage=coverage(national_series(), totals, metal, period)
            if nation
            else None,
        )
