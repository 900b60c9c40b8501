from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.national import national_series
from app.services.rounding import percent_half_up, round_half_up
from app.services.supply_shares import (
    INDICATORS,
    SHARE,
    Bounds,
    SupplyTotals,
    coverage,
    end_of_life_input_rate,
    find_share,
    months_of,
    old_scrap_ratio,
    platform_share,
    recycling_input_rate,
)

GRAMS = st.integers(0, 10**15)
TOTALS = st.builds(
    SupplyTotals,
    post_consumer_elv_g=GRAMS,
    post_consumer_g=GRAMS,
    pre_consumer_g=GRAMS,
    unknown_g=GRAMS,
    primary_g=GRAMS,
)
MIXED = SupplyTotals(
    post_consumer_elv_g=100,
    post_consumer_g=120,
    pre_consumer_g=54,
    unknown_g=26,
    primary_g=700,
)


def test_unknown_metal_is_in_the_base_of_both_ends_and_on_top_of_the_upper() -> None:
    assert platform_share(MIXED) == Bounds(Fraction(274, 1000), Fraction(300, 1000))
    assert recycling_input_rate(MIXED) == platform_share(MIXED)


def test_old_scrap_rates_leave_new_scrap_out() -> None:
    assert end_of_life_input_rate(MIXED) == Bounds(
        Fraction(220, 1000), Fraction(246, 1000)
    )
    assert old_scrap_ratio(MIXED) == Bounds(Fraction(220, 300), Fraction(246, 300))


@given(TOTALS)
def test_ends_are_ordered_shares(totals: SupplyTotals) -> None:
    for rate in (platform_share, end_of_life_input_rate, old_scrap_ratio):
        bounds = rate(totals)
        if bounds is not None:
            assert 0 <= bounds.lower <= bounds.upper <= 1


@given(TOTALS, st.integers(0, 100))
def test_however_unknown_metal_turns_out_the_share_lies_between_the_ends(
    totals: SupplyTotals, part: int
) -> None:
    bounds = platform_share(totals)
    found_g = totals.unknown_g * part // 100

    if bounds is not None:
        true = Fraction(totals.recycled_g + found_g, totals.total_g)
        assert bounds.lower <= true <= bounds.upper


def test_without_unknown_metal_the_ends_meet() -> None:
    bounds = platform_share(SupplyTotals(pre_consumer_g=1, primary_g=2))

    assert bounds == Bounds(Fraction(1, 3), Fraction(1, 3))


@pytest.mark.parametrize(
    "totals",
    [SupplyTotals(), SupplyTotals(pre_consumer_g=-1, primary_g=10)],
    ids=["nothing recorded", "corrections outweigh a class"],
)
def test_no_share_is_invented_where_none_has_a_meaning(totals: SupplyTotals) -> None:
    assert platform_share(totals) is None
    assert old_scrap_ratio(totals) is None


def test_a_year_is_compared_with_the_national_figure_of_that_year() -> None:
    recorded = SupplyTotals(post_consumer_g=79_000 * 10**6)

    made = coverage(national_series(), recorded, "Cu", "2023")

    assert made.value == Fraction(2, 100)
    assert made.same_year
    assert made.note is None
    assert made.editions == {"Cu recycled_output 2023": "revised"}


def test_a_month_of_a_later_year_is_compared_with_a_twelfth_and_says_so() -> None:
    # 3 % of a twelfth of 10.55 Mt
    recorded = SupplyTotals(post_consumer_g=26_375 * 10**6)

    made = coverage(national_series(), recorded, "Al", "2026-03")

    assert made.value == Fraction(3, 100)
    assert made.months == 1
    assert not made.same_year
    assert made.note is not None
    assert made.note.en == "no national figure for 2026 yet; compared with 2024"


def test_a_figure_of_a_later_year_is_never_the_base() -> None:
    made = coverage(national_series(), MIXED, "Cu", "2021")

    assert made.national is not None
    assert made.national.period == "2020"


@pytest.mark.parametrize(("metal", "period"), [("Ni", "2024"), ("Zn", "2014")])
def test_without_a_national_figure_there_is_no_coverage(
    metal: str, period: str
) -> None:
    made = coverage(national_series(), MIXED, metal, period)

    assert made.value is None
    assert made.editions == {}
    assert made.note is not None
    assert metal in made.note.en


@pytest.mark.parametrize("period", ["2026-13", "2026Q5", "26", "2026-3", "２０２６"])
def test_a_period_that_is_none_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="found period"):
        months_of(period)


def test_quarters_have_three_months_however_they_are_written() -> None:
    assert months_of("2026Q1") == months_of("2026-Q4") == (2026, 3)


def test_the_sentence_of_the_page_has_all_its_numbers() -> None:
    totals = SupplyTotals(post_consumer_g=26_375 * 10**6, primary_g=69_885 * 10**6 - 1)

    made = find_share(
        national_series(), totals, metal="Al", period="2026-03", vintage=18204
    )

    assert made.share is not None
    assert made.coverage.value is not None
    assert percent_half_up(made.share.lower, 1) == Decimal("27.4")
    assert percent_half_up(made.coverage.value, 0) == 3
    assert made.vintage == 18204
    assert made.formula == SHARE.formula


def test_indicators_that_the_records_cannot_answer_say_why() -> None:
    cannot = {key for key, one in INDICATORS.items() if one.why_not is not None}

    assert cannot == {"EOL_RR", "RC"}


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (Fraction(1, 8), 2, "0.13"),
        (Fraction(-1, 8), 2, "-0.13"),
        (Fraction(5, 2), 0, "3"),
        (Fraction(-4, 1000), 2, "0.00"),
        (Fraction(2375, 100), 1, "23.8"),
        (Fraction("23.695"), 2, "23.70"),
        (Fraction("23.6949999999999999999"), 2, "23.69"),
        (7, 2, "7.00"),
        (10**30, 1, f"{10**30}.0"),
    ],
)
def test_halves_are_rounded_away_from_zero_and_digits_are_kept(
    value: Fraction | int, decimals: int, text: str
) -> None:
    assert str(round_half_up(value, decimals)) == text


@given(st.fractions(max_denominator=10**6), st.integers(0, 6))
def test_rounding_moves_a_number_by_half_a_unit_at_most(
    value: Fraction, decimals: int
) -> None:
    moved = abs(Fraction(round_half_up(value, decimals)) - value)

    assert moved <= Fraction(1, 2 * 10**decimals)


def test_fewer_than_no_decimals_are_refused() -> None:
    with pytest.raises(ValueError, match="-1 decimals"):
        round_half_up(1, -1)
