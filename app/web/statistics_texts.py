"""What the statistics pages say: sentences, rows, pictures, in the reader's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _l

from app.charts.drawing import Drawing
from app.charts.shares import (
    NARROW,
    RECYCLED,
    Bar,
    Part,
    ShareTexts,
    share_drawing,
)
from app.export.codelists import CODELISTS
from app.locale import language
from app.services.national import (
    FORMULAS,
    S1,
    TERM_LABELS,
    Bilingual,
    Figure,
    Ratio,
)
from app.services.national_progress import STANDINGS, Progress, Reading
from app.services.national_tables import METHOD as NATIONAL_METHOD
from app.services.national_tables import RATIO_NAMES
from app.services.published_ratios import shipped_ratios
from app.services.rounding import percent_half_up, round_half_up
from app.services.rules import provinces
from app.services.statements import METHOD, Line, Statement
from app.services.supply_shares import Bounds, ShareFinding, platform_share
from app.web.numbers import MINUS, ORIGIN_NAMES, THIN, day, mass_number

PERIOD_NAMES = {"month": _l("Months"), "quarter": _l("Quarters"), "year": _l("Years")}
BARS_WIDE, BARS_NARROW = 24, 6
TARGET = Fraction(24, 100)
_HUNDREDTH = Fraction(1, 10_000)
_YEAR_LENGTH = 4
_EDITIONS = {
    "final": _l("final"),
    "revised": _l("revised"),
    "preliminary": _l("preliminary"),
    "derived": _l("derived"),
    "expected": _l("expected"),
    "first_published": _l("first published"),
    "comparable_base": _l("on a comparable base"),
    "published": _l("published"),
    "target": _l("target"),
}


def said(text: Bilingual | None) -> str:
    """A text of the rule data in the language of the page."""
    if text is None:
        return ""
    return text.zh if language() == "zh-CN" else text.en


def metal_name(symbol: str) -> str:
    """A metal as the reader calls it."""
    zh, en = CODELISTS["MATERIAL"].get(symbol, (symbol, symbol))
    return zh if language() == "zh-CN" else en


def province_name(code: str) -> str:
    """A province as the reader calls it; empty for the whole country."""
    row = provinces().get(code)
    if row is None:
        return ""
    return row["name_zh" if language() == "zh-CN" else "name_en"]


def period_name(period: str) -> str:
    """A period as the reader writes it: March 2026, quarter 1 of 2026, 2026."""
    year = period[:_YEAR_LENGTH]
    if "Q" in period:
        return str(
            gettext("quarter %(quarter)s of %(year)s", quarter=period[-1], year=year)
        )
    if "-" in period:
        month = date(int(year), int(period[-2:]), 1)
        return str(format_date(month, gettext("MMMM y")))
    return f"{year} 年" if language() == "zh-CN" else year


def percent(value: Fraction, decimals: int = 1) -> str:
    """A share in per cent, rounded half up; a small one never reads as nothing."""
    if not value:
        return f"0{THIN}%"
    if 0 < value < _HUNDREDTH / 2:
        return f"< 0.01{THIN}%"
    if decimals == 1 and value < Fraction(1, 100):
        decimals = 2
    return f"{percent_half_up(value, decimals)}{THIN}%"


def percents(bounds: Bounds | None) -> str:
    """Both ends of a share where they differ; a dash where there is none."""
    if bounds is None:
        return "–"
    lower, upper = percent(bounds.lower), percent(bounds.upper)
    if lower == upper:
        return lower
    return f"{lower.removesuffix(f'{THIN}%')}–{upper}"


def grouped_number(number: int) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{number:,}".replace(",", THIN)


def sentence(finding: ShareFinding | None, province: str | None) -> str:
    """What the page says first."""
    if finding is None:
        return str(gettext("No supply is recorded for these periods at this vintage."))
    place = province_name(province) if province else ""
    values = {
        "period": period_name(finding.period),
        "share": percents(finding.share),
        "metal": metal_name(finding.metal),
        "vintage": grouped_number(finding.vintage),
        "place": place,
    }
    if place:
        return str(
            gettext(
                "In %(period)s, %(share)s of the %(metal)s supply recorded here for "
                "%(place)s was recycled; vintage %(vintage)s.",
                **values,
            )
        )
    covered = finding.coverage.value
    if covered is None:
        return str(
            gettext(
                "In %(period)s, %(share)s of the %(metal)s supply recorded here was "
                "recycled; no national figure to compare with; vintage %(vintage)s.",
                **values,
            )
        )
    return str(
        gettext(
            "In %(period)s, %(share)s of the %(metal)s supply recorded here was "
            "recycled; coverage %(coverage)s of national output; vintage %(vintage)s.",
            coverage=percent(covered),
            **values,
        )
    )


def figure_name(figure: Figure) -> str:
    """A national figure as the reader calls it, with its year and edition."""
    label = TERM_LABELS.get(figure.term)
    name = said(label) if label else metal_name(figure.term.metal)
    return f"{name}, {figure.period} ({_EDITIONS[figure.edition.value]})"


def row(line: Line) -> dict[str, Any]:
    """A line as the table sets it; masses in tonnes."""
    totals = line.totals
    masses = {
        "recycled": totals.recycled_g,
        "unknown": totals.unknown_g,
        "primary": totals.primary_g,
        "total": totals.total_g,
    }
    covered = None if line.coverage is None else line.coverage.value
    return {
        "period": line.period,
        "metal": metal_name(line.metal),
        "province": province_name(line.province),
        "provisional": line.provisional,
        "share": percents(platform_share(totals)),
        "coverage": "–" if covered is None else percent(covered),
        **{name: mass_number(grams, "t", 1) for name, grams in masses.items()},
    }


def platform_drawing(
    statement: Statement, finding: ShareFinding | None, width: int
) -> Drawing | None:
    """Shares by period of the metal that the sentence speaks of."""
    if finding is None:
        return None
    lines = [
        line
        for line in statement.lines
        if line.metal == finding.metal and line.totals.total_g > 0
    ]
    shown = lines[-(BARS_NARROW if width == NARROW else BARS_WIDE) :]
    bars = [bar for line in shown if (bar := _bar(line)) is not None]
    if not bars:
        return None
    names = {name: str(ORIGIN_NAMES[name]) for name in ("elv", "post", "pre")}
    names["unknown"] = str(ORIGIN_NAMES["unknown"])
    title = gettext(
        "%(share)s of the %(metal)s supply recorded here was recycled in %(period)s",
        share=percents(finding.share),
        metal=metal_name(finding.metal),
        period=period_name(finding.period),
    )
    at = statement.checkpoint
    footer = [
        gettext(
            "Source: Remelt log %(origin)s, method %(method)s.",
            origin=at.origin,
            method=METHOD,
        ),
        gettext(
            "Vintage %(vintage)s, checkpoint signed on %(day)s.",
            vintage=grouped_number(at.size),
            day=day(statement.signed_at),
        ),
    ]
    if len(shown) < len(lines):
        footer.insert(
            0,
            gettext(
                "The last %(shown)s of %(all)s periods.",
                shown=len(shown),
                all=len(lines),
            ),
        )
    return share_drawing(
        bars,
        ShareTexts(
            title=title,
            description=_described(bars),
            axis=gettext("share of supply in per cent; the rest is primary"),
            names=names,
            footer=footer,
            target=gettext("national target %(share)s (S1)", share=percent(TARGET, 0)),
            provisional=_star(
                bars, gettext("* The period had not ended: provisional.")
            ),
        ),
        target=TARGET,
        width=width,
    )


def _bar(line: Line) -> Bar | None:
    bounds = platform_share(line.totals)
    if bounds is None:
        return None
    totals = line.totals
    parts = (
        ("elv", totals.post_consumer_elv_g),
        ("post", totals.post_consumer_g),
        ("pre", totals.pre_consumer_g),
        ("unknown", totals.unknown_g),
    )
    return Bar(
        line.period,
        tuple(Part(name, Fraction(g, totals.total_g)) for name, g in parts if g),
        percents(bounds),
        line.provisional,
    )


def _described(bars: Sequence[Bar]) -> str:
    return "; ".join(f"{bar.period}: {bar.value}" for bar in bars)


def _star(bars: Sequence[Bar], meaning: str) -> str | None:
    return meaning if any(bar.provisional for bar in bars) else None


def _policy_ratios() -> list[Ratio]:
    """S1 year by year, each in its best edition."""
    best: dict[str, Ratio] = {}
    for ratio in shipped_ratios():
        if ratio.id == S1.id and ratio.computed and ratio.period.isdigit():
            known = best.get(ratio.period)
            if known is None or _preferred(ratio) < _preferred(known):
                best[ratio.period] = ratio
    return [best[period] for period in sorted(best)]


def _preferred(ratio: Ratio) -> int:
    order = ("final", "revised", "preliminary", "derived", "expected")
    return order.index(ratio.figures[0].edition.value)


def national_sentence() -> str:
    """The newest policy ratio that is no expectation, beside its target."""
    results = [one for one in _policy_ratios() if one.edition != "expected"]
    newest = results[-1]
    return str(
        gettext(
            "In %(year)s, recycled copper, aluminium, lead and zinc came to %(share)s "
            "of the output of the ten non-ferrous metals (policy ratio S1, %(edition)s "
            "figures); the target for 2025 is at least 24 %%.",
            year=newest.period,
            share=percent(newest.value or Fraction(0), 2),
            edition=_EDITIONS[newest.edition],
        )
    )


def national_drawing(width: int) -> Drawing:
    """S1 year by year, and the target."""
    ratios = _policy_ratios()[-(BARS_NARROW if width == NARROW else BARS_WIDE) :]
    bars = [
        Bar(
            one.period,
            (Part(RECYCLED, one.value or Fraction(0)),),
            percent(one.value or Fraction(0), 2),
            one.edition == "expected",
        )
        for one in ratios
    ]
    return share_drawing(
        bars,
        ShareTexts(
            title=national_sentence(),
            description=_described(bars),
            axis=gettext("recycled output ÷ output of ten metals, in per cent"),
            names={RECYCLED: gettext("policy ratio S1")},
            footer=[
                gettext(
                    "Source: figures published by CNIA and others, method %(method)s; "
                    "each figure names its source in the table.",
                    method=NATIONAL_METHOD,
                )
            ],
            target=gettext("target %(share)s (2025)", share=percent(TARGET, 0)),
            provisional=_star(
                bars, gettext("* An expectation: no result has been published.")
            ),
        ),
        target=TARGET,
        width=width,
    )


def target_row(one: Progress) -> dict[str, Any]:
    """Where a target stands, as the table sets it."""
    target = one.target
    return {
        "year": target.year,
        "label": said(target.label),
        "target": f"{_sign(target.comparison)} {_amount(target.value, target.unit)}",
        "reading": _reading(one.reading, target.unit),
        "period": one.reading.period if one.reading else "",
        "standing": said(STANDINGS[one.standing]),
        "beside": [
            " · ".join(
                filter(
                    None,
                    (other.period, _reading(other, target.unit), said(other.note)),
                )
            )
            for other in (one.latest_result, *one.beside)
            if other is not None
        ],
        "issuer": target.issuer,
    }


def _sign(comparison: str) -> str:
    return {">=": "≥", ">": ">", "~": "≈"}[comparison]


def _reading(reading: Reading | None, unit: str) -> str:
    return "–" if reading is None else _amount(reading.value, unit)


def _amount(value: Fraction, unit: str) -> str:
    shown = round_half_up(value, 2)
    if value == round_half_up(value, 1):
        shown = round_half_up(value, 1)
    return f"{_minus(shown)}{THIN}{unit}"


def _minus(value: Decimal) -> str:
    return f"{value}".replace("-", MINUS)


def ratio_groups() -> list[dict[str, Any]]:
    """National ratios, one table each; last in each what lacks a figure."""
    found: dict[str, dict[str, Any]] = {}
    for ratio in shipped_ratios():
        formula = FORMULAS.get(ratio.id)
        name = said(formula.name if formula else RATIO_NAMES.get(ratio.id)) or ratio.id
        group = found.setdefault(
            ratio.id,
            {"name": name, "formula": said(ratio.formula), "rows": [], "lacking": []},
        )
        known = ratio.computed or ratio.published is not None
        group["rows" if known else "lacking"].append(_ratio_row(ratio))
    return list(found.values())


def _ratio_row(ratio: Ratio) -> dict[str, Any]:
    published = ratio.published
    remarks = [said(one) for one in (ratio.why, ratio.caution) if one is not None]
    return {
        "period": ratio.period,
        "computed": "–" if ratio.value is None else percent(ratio.value, 2),
        "published": f"{published.percent}{THIN}%" if published else "–",
        "edition": str(_EDITIONS.get(ratio.edition, ratio.edition)),
        "remark": " ".join(remarks),
    }
