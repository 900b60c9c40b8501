from __future__ import annotations

from fractions import Fraction

import pytest

from app.data import read_csv
from app.services.national import national_series, parse_series
from app.services.national_progress import (
    STANDINGS,
    Progress,
    Standing,
    parse_targets,
    progress,
)


def shipped() -> dict[tuple[int, str, str], Progress]:
    targets = parse_targets(read_csv("targets.csv"))
    return {
        (one.target.year, one.target.indicator, one.target.kind): one
        for one in progress(national_series(), targets)
    }


def one_target(comparison: str, value: str, kind: str = "target") -> dict[str, str]:
    return {
        "target_year": "2025",
        "indicator": "recycled_al_output",
        "label_zh": "再生铝产量",
        "label_en": "recycled aluminium output",
        "comparison": comparison,
        "value": value,
        "unit": "Mt",
        "kind": kind,
        "issuer": "示例",
        "evidence": "R",
        "source": "示例",
    }


def aluminium(year: str, value: str, status: str = "final") -> dict[str, str]:
    return {
        "period": year,
        "metal": "Al",
        "indicator": "recycled_output",
        "value": value,
        "unit": "Mt",
        "status": status,
        "note": "",
        "evidence": "R",
        "source": "示例",
    }


def test_every_target_has_a_line_and_every_standing_its_words() -> None:
    targets = parse_targets(read_csv("targets.csv"))

    made = progress(national_series(), targets)

    assert [one.target for one in made] == targets
    assert set(STANDINGS) == set(Standing)


def test_the_share_of_2025_rests_on_an_expectation_and_says_so() -> None:
    share = shipped()[2025, "recycled_metal_supply_share", "target"]

    assert share.standing is Standing.EXPECTED_MET
    assert share.reading is not None
    assert share.reading.expected
    assert share.reading.value == Fraction(2000, 8175) * 100
    assert share.gap == share.reading.value - 24
    assert share.latest_result is not None
    assert share.latest_result.period == "2024"
    assert not share.latest_result.expected


def test_copper_shows_2023_with_the_refined_figure_of_2024_beside_it() -> None:
    copper = shipped()[2025, "recycled_cu_output", "target"]

    assert copper.standing is Standing.OPEN
    assert copper.reading is not None
    assert (copper.reading.period, copper.reading.value) == ("2023", Fraction("3.95"))
    assert copper.reading.editions == {"Cu recycled_output 2023": "revised"}
    assert copper.gap == Fraction("-0.05")
    (refined,) = copper.beside
    assert (refined.period, refined.value) == ("2024", Fraction("4.4"))
    assert refined.note is not None
    assert "refined copper only" in refined.note.en


def test_aluminium_shows_2024_and_calls_the_half_year_a_half_year() -> None:
    metal = shipped()[2025, "recycled_al_output", "target"]

    assert metal.standing is Standing.OPEN
    assert metal.gap == Fraction("10.55") - Fraction("11.5")
    assert metal.reading is not None
    assert metal.reading.derived
    half, twice = metal.beside
    assert (half.period, half.value) == ("2025H1", Fraction("5.6"))
    assert twice.value == Fraction("11.2")
    assert twice.note is not None
    assert "extrapolation" in twice.note.en


def test_what_the_series_does_not_speak_of_has_no_figure() -> None:
    molten = shipped()[2025, "molten_al_direct_alloying_share", "target"]

    assert molten.standing is Standing.NO_FIGURE
    assert molten.reading is None
    assert molten.gap is None


def test_an_outlook_is_neither_met_nor_missed() -> None:
    outlook = shipped()[2030, "recycled_nonferrous_output", "expectation"]

    assert outlook.standing is Standing.OUTLOOK
    assert outlook.gap == -8


def test_a_target_of_a_year_to_come_stays_open() -> None:
    later = shipped()[2030, "recycled_nonferrous_output", "target"]

    assert later.standing is Standing.OPEN
    assert later.reading is not None
    assert later.reading.period == "2025"
    assert later.reading.expected


@pytest.mark.parametrize(
    ("comparison", "value", "status", "standing"),
    [
        (">=", "11.5", "final", Standing.MET),
        (">", "11.5", "final", Standing.MISSED),
        (">", "11.49", "preliminary", Standing.MET),
        (">=", "11.51", "final", Standing.MISSED),
        (">=", "11.5", "expected", Standing.EXPECTED_MET),
        (">=", "12", "expected", Standing.EXPECTED_MISSED),
    ],
)
def test_a_figure_of_the_target_year_decides(
    comparison: str, value: str, status: str, standing: Standing
) -> None:
    series = parse_series([aluminium("2025", "11.5", status)])

    (made,) = progress(series, parse_targets([one_target(comparison, value)]))

    assert made.standing is standing


def test_a_figure_of_a_later_year_does_not_decide() -> None:
    series = parse_series([aluminium("2024", "10"), aluminium("2026", "13")])

    (made,) = progress(series, parse_targets([one_target(">=", "11.5")]))

    assert made.standing is Standing.OPEN
    assert made.gap == Fraction("-1.5")


def test_a_comparison_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="<="):
        parse_targets([one_target("<=", "1")])
