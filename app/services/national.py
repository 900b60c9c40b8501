"""National series in editions, and the national ratios computed from them.

A figure is the digits of the data file as an exact fraction; nothing passes through
a float. A ratio names its formula and the edition of every figure in it. Where the
series lacks a figure, nothing is computed and the ratio says what is missing; where
only a percentage was published, it is shown as published.

Sources: app/data/national_series.csv, app/data/recycled_share.csv. S1 reproduces the
share that the 2022 carbon-peaking plan of the industry speaks of; S3 are the ratios
by metal that CNIA gave in 2025; S2 puts recycled aluminium into the base too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache

from app.data import read_csv
from app.services.rounding import percent_half_up


class Edition(StrEnum):
    """State in which a national figure was published; the first are preferred."""

    FINAL = "final"
    REVISED = "revised"
    PRELIMINARY = "preliminary"
    DERIVED = "derived"
    EXPECTED = "expected"


_RANK = {edition: rank for rank, edition in enumerate(Edition)}


@dataclass(frozen=True, slots=True)
class Bilingual:
    """One sentence in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Term:
    """What one figure of a formula speaks of: a line of the series, over periods."""

    metal: str
    indicator: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure.

    Attributes:
        period: ``YYYY``, a half-year ``YYYYH1`` or a span ``YYYY-YYYY``.
        term: What it speaks of.
        value: In ``unit``, exact.
        unit: ``Mt``, a million tonnes.
        edition: In which state it was published.
        note: What the source or the collector adds.
        evidence: R read, D derived by arithmetic, G general knowledge.
        source: Where it was read.
    """

    period: str
    term: Term
    value: Fraction
    unit: str
    edition: Edition
    note: str
    evidence: str
    source: str

    @property
    def name(self) -> str:
        """Its name among the editions of a statement, such as ``Cu output 2023``."""
        return f"{self.term.metal} {self.term.indicator} {self.period}"


RECYCLED = Term("total4", "recycled_output")
TEN_METALS = Term("ten_metals", "output")
RECYCLED_CU = Term("Cu", "recycled_output")
RECYCLED_AL = Term("Al", "recycled_output")
RECYCLED_REFINED_CU = Term("Cu", "recycled_refined_output")
REFINED_CU = Term("Cu_refined", "output")
PRIMARY_AL = Term("Al_primary", "output")

TERM_LABELS: Mapping[Term, Bilingual] = {
    RECYCLED: Bilingual("再生铜铝铅锌产量", "output of recycled Cu, Al, Pb and Zn"),
    TEN_METALS: Bilingual("十种有色金属产量", "output of the ten non-ferrous metals"),
    RECYCLED_CU: Bilingual("再生铜产量", "output of recycled copper"),
    RECYCLED_AL: Bilingual("再生铝产量", "output of recycled aluminium"),
    RECYCLED_REFINED_CU: Bilingual(
        "再生精炼铜产量", "output of recycled refined copper"
    ),
    REFINED_CU: Bilingual("精炼铜产量", "output of refined copper"),
    PRIMARY_AL: Bilingual("原铝产量", "output of primary aluminium"),
}


class Series:
    """The national figures, by period, term and edition.

    Args:
        figures: In any order.

    Raises:
        ValueError: Two figures stand for the same period, term and edition.
    """

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._by_key: dict[tuple[str, Term], list[Figure]] = {}
        for figure in figures:
            known = self._by_key.setdefault((figure.period, figure.term), [])
            if any(other.edition is figure.edition for other in known):
                raise ValueError(f"two {figure.edition} figures of {figure.name}")
            known.append(figure)
            known.sort(key=lambda one: _RANK[one.edition])

    def find(
        self, period: str, term: Term, edition: Edition | None = None
    ) -> Figure | None:
        """The figure of a period in one edition, or in the best that there is.

        Args:
            period: As the series writes it.
            term: What is asked for.
            edition: None for the best: final, revised, preliminary, derived, expected.
        """
        known = self._by_key.get((period, term), [])
        return next((one for one in known if edition in (None, one.edition)), None)

    def editions(self, period: str, term: Term) -> tuple[Edition, ...]:
        """The editions in which a figure exists, best first."""
        return tuple(one.edition for one in self._by_key.get((period, term), []))

    def periods(self, term: Term) -> list[str]:
        """The periods for which a term has a figure, sorted."""
        return sorted(period for period, known in self._by_key if known == term)


def parse_series(rows: Iterable[Mapping[str, str]]) -> Series:
    """The series of the rows of a data file.

    Args:
        rows: Columns ``period, metal, indicator, value, unit, status, note, evidence,
            source``.

    Raises:
        ValueError: A value is no number, a status no edition, or a unit not Mt.
    """
    return Series(map(_figure, rows))


def _figure(row: Mapping[str, str]) -> Figure:
    if row["unit"] != "Mt":
        raise ValueError(f"{row['period']} {row['metal']}: found unit {row['unit']}")
    return Figure(
        period=row["period"],
        term=Term(row["metal"], row["indicator"]),
        value=Fraction(Decimal(row["value"])),
        unit=row["unit"],
        edition=Edition(row["status"]),
        note=row["note"],
        evidence=row["evidence"],
        source=row["source"],
    )


@cache
def national_series() -> Series:
    """The series that ships with the product."""
    return parse_series(read_csv("national_series.csv"))


@dataclass(frozen=True, slots=True)
class Formula:
    """How a ratio is computed: one term over the sum of others.

    Attributes:
        id: As in ``recycled_share.csv``.
        over: The terms of the denominator; they are added.
    """

    id: str
    name: Bilingual
    text: Bilingual
    numerator: Term
    over: tuple[Term, ...]


def _written(numerator: Term, over: tuple[Term, ...]) -> Bilingual:
    tops, bases = TERM_LABELS[numerator], [TERM_LABELS[term] for term in over]
    zh = " + ".join(base.zh for base in bases)
    en = " + ".join(base.en for base in bases)
    if len(over) > 1:
        zh, en = f"（{zh}）", f"({en})"
    # a full-width bracket brings its own space
    gap = "" if len(over) > 1 else " "
    return Bilingual(f"{tops.zh} ÷{gap}{zh}", f"{tops.en} ÷ {en}")


def _formula(key: str, zh: str, en: str, top: Term, *over: Term) -> Formula:
    return Formula(key, Bilingual(zh, en), _written(top, over), top, over)


S1 = _formula("S1_policy_ratio", "政策占比 S1", "policy ratio S1", RECYCLED, TEN_METALS)
S2 = _formula(
    "S2_total_supply_ratio",
    "调整后占比 S2",
    "adjusted ratio S2",
    RECYCLED,
    TEN_METALS,
    RECYCLED_AL,
)
S3_CU = _formula(
    "S3_Cu_recycled_refined_over_refined",
    "铜占比 S3",
    "copper ratio S3",
    RECYCLED_REFINED_CU,
    REFINED_CU,
)
S3_AL = _formula(
    "S3_Al_recycled_over_primary",
    "铝占比 S3",
    "aluminium ratio S3",
    RECYCLED_AL,
    PRIMARY_AL,
)
FORMULAS: Mapping[str, Formula] = {one.id: one for one in (S1, S2, S3_CU, S3_AL)}


@dataclass(frozen=True, slots=True)
class PublishedShare:
    """A percentage that stands in the data file beside what is computed.

    Attributes:
        percent: In %, the digits of the file.
        edition: Of the file; also ``first_published``, ``comparable_base``,
            ``published`` and ``target``.
        evidence: R: so published. D: worked out by hand from published figures.
    """

    percent: Decimal
    edition: str
    note: str
    evidence: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A national ratio: computed from the series, or only shown as published.

    Attributes:
        id: Of the formula, or of the published ratio.
        period: A year, half-year or span.
        figures: What it was computed from, the numerator first; empty if it was not.
        numerator: In Mt; None if it was not computed.
        denominator: In Mt; None if it was not computed.
        value: The exact ratio; None if it was not computed.
        formula: In words; None where the issuer published none.
        published: The percentage in the data file that belongs to it, if any.
        why: Why it was not computed; None if it was.
        caution: What a reader must know about the figures, if anything.
    """

    id: str
    period: str
    figures: tuple[Figure, ...] = ()
    numerator: Fraction | None = None
    denominator: Fraction | None = None
    value: Fraction | None = None
    formula: Bilingual | None = None
    published: PublishedShare | None = None
    why: Bilingual | None = None
    caution: Bilingual | None = None

    @property
    def computed(self) -> bool:
        """Whether the value follows from the series."""
        return self.value is not None

    @property
    def edition(self) -> str:
        """The edition of the numerator, unless a figure is expected or derived.

        One such figure makes the whole ratio so. Without figures, the edition of the
        published percentage.
        """
        used = {figure.edition for figure in self.figures}
        for weak in (Edition.EXPECTED, Edition.DERIVED):
            if weak in used:
                return weak.value
        if self.figures:
            return self.figures[0].edition.value
        return self.published.edition if self.published else ""

    @property
    def editions(self) -> dict[str, str]:
        """Figure -> edition, as a statement names them."""
        return {figure.name: figure.edition.value for figure in self.figures}

    def percent(self, decimals: int) -> Decimal | None:
        """The computed ratio in %, rounded half up once; None without a value."""
        return None if self.value is None else percent_half_up(self.value, decimals)


def compute_ratio(
    series: Series,
    formula: Formula,
    period: str,
    edition: Edition | None = None,
) -> Ratio:
    """One ratio for one period.

    The numerator is taken in the edition that is asked for, the other figures in the
    same edition where they have it and in their best where they do not. Over a span
    the numerator is the published sum and the denominator that of the years.

    Args:
        series: The national figures.
        formula: One of ``FORMULAS``.
        period: A year, half-year or span, as the series writes it.
        edition: Of the numerator; None for the best.

    Returns:
        The ratio; without a value, and with the reason, where a figure is missing.
    """
    top = series.find(period, _numerator_term(formula, period), edition)
    if top is None:
        return _uncomputed(formula, period, [(period, formula.numerator)], edition)
    wanted = [(part, term) for part in _parts(period) for term in formula.over]
    found = [
        series.find(part, term, edition) or series.find(part, term)
        for part, term in wanted
    ]
    if None in found:
        gaps = [key for key, one in zip(wanted, found, strict=True) if one is None]
        return _uncomputed(formula, period, gaps)
    bases = [one for one in found if one is not None]
    base = sum((one.value for one in bases), Fraction(0))
    return Ratio(
        id=formula.id,
        period=period,
        figures=(top, *bases),
        numerator=top.value,
        denominator=base,
        value=top.value / base,
        formula=formula.text,
    )


def _numerator_term(formula: Formula, period: str) -> Term:
    term = formula.numerator
    return Term(term.metal, f"{term.indicator}_cum") if "-" in period else term


def _parts(period: str) -> list[str]:
    if span := re.fullmatch(r"(\d{4})-(\d{4})", period):
        first, last = map(int, span.groups())
        return [str(year) for year in range(first, last + 1)]
    return [period]


def _uncomputed(
    formula: Formula,
    period: str,
    gaps: list[tuple[str, Term]],
    edition: Edition | None = None,
) -> Ratio:
    kind = f" ({edition})" if edition else ""
    periods: dict[Term, list[str]] = {}
    for part, term in gaps:
        periods.setdefault(term, []).append(part)
    return Ratio(
        id=formula.id,
        period=period,
        formula=formula.text,
        why=Bilingual(
            "国家数据中缺："
            + "；".join(
                f"{TERM_LABELS[term].zh}（{'、'.join(parts)}）"
                for term, parts in periods.items()
            ),
            "the national series lacks: "
            + "; ".join(
                f"{TERM_LABELS[term].en} ({', '.join(parts)}){kind}"
                for term, parts in periods.items()
            ),
        ),
    )
