from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from app.data import read_csv
from app.services.national import (
    RECYCLED,
    S1,
    S2,
    S3_AL,
    S3_CU,
    TEN_METALS,
    Edition,
    Formula,
    Ratio,
    Series,
    compute_ratio,
    national_series,
    parse_series,
)
from app.services.published_ratios import national_ratios, shipped_ratios

PRELIMINARY, REVISED = Edition.PRELIMINARY, Edition.REVISED


def row(metal: str, value: str, status: str = "final") -> dict[str, str]:
    return {
        "period": "2023",
        "metal": metal,
        "indicator": "recycled_output" if metal == "total4" else "output",
        "value": value,
        "unit": "Mt",
        "status": status,
        "note": "",
        "evidence": "R",
        "source": "示例",
    }


def percent(ratio: Ratio, decimals: int = 2) -> str:
    return str(ratio.percent(decimals))


def test_s1_and_s2_of_2024_are_those_of_the_worked_case() -> None:
    s1 = compute_ratio(national_series(), S1, "2024")
    s2 = compute_ratio(national_series(), S2, "2024")

    assert s1.value == Fraction(19150, 79188)
    assert percent(s1) == "24.18"
    assert percent(s1, 0) == "24"
    assert s2.denominator == Fraction(89738, 1000)
    assert percent(s2) == "21.34"


def test_s1_of_2023_differs_by_edition() -> None:
    before = compute_ratio(national_series(), S1, "2023", PRELIMINARY)
    after = compute_ratio(national_series(), S1, "2023", REVISED)

    assert (percent(before), before.edition) == ("23.56", "preliminary")
    assert (percent(after), after.edition) == ("23.70", "revised")
    assert after.editions == {
        "total4 recycled_output 2023": "revised",
        "ten_metals output 2023": "preliminary",
    }


def test_without_an_edition_the_best_is_taken() -> None:
    assert percent(compute_ratio(national_series(), S1, "2023")) == "23.70"


@pytest.mark.parametrize(
    ("year", "percents"),
    [
        ("2019", "24.6"),
        ("2020", "23.5"),
        ("2021", "24.4"),
        ("2022", "24.4"),
        ("2023", "23.7"),
        ("2024", "24.2"),
        ("2025", "24.5"),
    ],
)
def test_s1_has_the_published_tenth_of_a_per_cent(year: str, percents: str) -> None:
    assert percent(compute_ratio(national_series(), S1, year), 1) == percents


def test_ratios_by_metal_of_2024_round_to_what_was_published() -> None:
    copper = compute_ratio(national_series(), S3_CU, "2024")
    aluminium = compute_ratio(national_series(), S3_AL, "2024")

    assert copper.value == Fraction(440, 1333)
    assert percent(copper, 0) == "33"
    assert aluminium.value == Fraction(1055, 4396)
    assert percent(aluminium, 0) == "24"


def test_every_published_row_is_matched_to_its_digit_or_shown_as_published_only() -> (
    None
):
    rows = read_csv("recycled_share.csv")
    shown = [ratio for ratio in shipped_ratios() if ratio.published]

    assert len(shown) == len(rows)
    matched = [ratio for ratio in shown if ratio.computed]
    for ratio in matched:
        assert ratio.published is not None
        digits = -int(ratio.published.percent.as_tuple().exponent)
        assert ratio.percent(digits) == ratio.published.percent
    only = {(one.id, one.period) for one in shown if not one.computed}
    with_base = {(one["ratio"], one["period"]) for one in rows if one["numerator_mt"]}
    assert only & with_base == {("S1_policy_ratio", "2022")}
    assert len(matched) == len(with_base) + 1 + 2  # 2023 twice, S3 Cu and Al


def test_numerator_over_denominator_gives_the_share_of_each_row() -> None:
    for one in read_csv("recycled_share.csv"):
        if one["numerator_mt"]:
            exact = Fraction(one["numerator_mt"]) / Fraction(one["denominator_mt"])

            assert abs(exact * 100 - Fraction(one["share_pct"])) <= Fraction(1, 200)


def test_a_ratio_over_a_span_divides_the_published_sum_by_that_of_the_years() -> None:
    span = compute_ratio(national_series(), S1, "2021-2024")

    assert span.denominator == Fraction("286.166")
    assert percent(span) == "24.22"


@pytest.mark.parametrize(
    ("formula", "period", "missing"),
    [
        (S1, "2012", "output of the ten non-ferrous metals (2012)"),
        (S1, "2018", "output of recycled Cu, Al, Pb and Zn (2018)"),
        (S1, "2025H1", "output of the ten non-ferrous metals (2025H1)"),
        (S2, "2025", "output of recycled aluminium (2025)"),
        (S3_CU, "2023", "output of recycled refined copper (2023)"),
        (S1, "2012-2021", "(2012, 2013, 2014, 2015, 2016, 2018)"),
    ],
)
def test_what_the_series_lacks_is_named_and_nothing_is_computed(
    formula: Formula, period: str, missing: str
) -> None:
    ratio = compute_ratio(national_series(), formula, period)

    assert not ratio.computed
    assert ratio.percent(2) is None
    assert ratio.why is not None
    assert missing in ratio.why.en
    assert ratio.why.zh.startswith("国家数据中缺：")


def test_an_edition_that_does_not_exist_is_not_replaced_by_another() -> None:
    ratio = compute_ratio(national_series(), S1, "2024", PRELIMINARY)

    assert not ratio.computed
    assert ratio.why is not None
    assert "(preliminary)" in ratio.why.en


def test_ratios_without_a_base_are_shown_as_published_only() -> None:
    only = {one.id: one for one in shipped_ratios() if not one.computed}

    lead = only["S3_Pb_recycled_over_lead"]

    assert lead.published is not None
    assert lead.published.percent == Decimal(47)
    assert lead.why is not None
    assert "Only the percentage was published" in lead.why.en
    assert lead.formula is None


def test_a_ratio_that_was_derived_from_its_own_publication_says_so() -> None:
    cautions = {
        (one.id, one.period): one.caution.en for one in shipped_ratios() if one.caution
    }

    for formula in (S3_CU, S3_AL):
        assert "from the published ratio itself" in cautions[formula.id, "2024"]
    assert "expectation" in cautions[S1.id, "2025"]
    assert (S1.id, "2024") not in cautions


def test_one_derived_figure_makes_the_whole_ratio_derived() -> None:
    assert compute_ratio(national_series(), S2, "2024").edition == "derived"
    assert compute_ratio(national_series(), S1, "2024").edition == "final"
    assert compute_ratio(national_series(), S1, "2025").edition == "expected"


def test_formulas_are_written_in_both_languages() -> None:
    assert S2.text.zh == "再生铜铝铅锌产量 ÷（十种有色金属产量 + 再生铝产量）"
    assert S1.text.en == (
        "output of recycled Cu, Al, Pb and Zn ÷ output of the ten non-ferrous metals"
    )


def test_values_are_the_digits_of_the_file() -> None:
    series = parse_series([row("total4", "0.1"), row("ten_metals", "0.3")])

    ratio = compute_ratio(series, S1, "2023")

    assert ratio.value == Fraction(1, 3)
    assert percent(ratio) == "33.33"


def test_a_preliminary_base_is_used_for_a_revised_numerator_and_not_the_reverse() -> (
    None
):
    series = parse_series(
        [
            row("total4", "2", "preliminary"),
            row("total4", "3", "revised"),
            row("ten_metals", "10", "preliminary"),
            row("ten_metals", "12", "final"),
        ]
    )

    assert compute_ratio(series, S1, "2023", PRELIMINARY).value == Fraction(2, 10)
    assert compute_ratio(series, S1, "2023", REVISED).value == Fraction(3, 12)


def test_two_figures_of_one_edition_are_refused() -> None:
    with pytest.raises(ValueError, match="two final figures of total4"):
        parse_series([row("total4", "1"), row("total4", "2")])


@pytest.mark.parametrize(("column", "value"), [("unit", "kt"), ("status", "guessed")])
def test_a_row_that_is_not_understood_is_refused(column: str, value: str) -> None:
    with pytest.raises(ValueError, match=value):
        parse_series([row("total4", "1") | {column: value}])


def test_a_percentage_of_another_base_is_not_put_beside_a_computed_ratio() -> None:
    series = parse_series([row("total4", "2"), row("ten_metals", "10")])
    published = {
        "period": "2023",
        "ratio": S1.id,
        "edition": "comparable_base",
        "numerator_mt": "2",
        "denominator_mt": "11",
        "share_pct": "18.18",
        "note": "",
        "evidence": "D",
        "source": "示例",
    }

    computed, shown, _ = national_ratios(series, [published])

    assert computed.value == Fraction(1, 5)
    assert computed.published is None
    assert shown.published is not None
    assert shown.why is not None
    assert "no denominator on this base" in shown.why.en


def test_an_empty_series_computes_nothing() -> None:
    assert Series([]).find("2024", RECYCLED) is None
    assert Series([]).periods(TEN_METALS) == []
    assert national_ratios(Series([]), []) == []
