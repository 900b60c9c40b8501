"""Dates and times as people and spreadsheet programs write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from app.intake.dates import Cell, day_of, format_instant, parse_day, parse_instant
from app.intake.faults import BadCell

NOON = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)
HALF_PAST_EIGHT = datetime(2026, 3, 5, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-05",
        "2026/3/5",
        "2026.3.5",
        "20260305",
        "2026年3月5日",
        "2026年03月05日",
        "２０２６年３月５日",
        "２０２６／３／５",
        " 2026-3-5 ",
        "46086",
        46086,
        Decimal("46086"),
        date(2026, 3, 5),
    ],
)
def test_a_date_alone_is_noon_in_shanghai(cell: Cell) -> None:
    assert parse_instant(cell) == NOON


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-05 8:30",
        "2026-03-05 08:30",
        "2026-03-05 08:30:00",
        "2026-03-05T08:30:00",
        "2026-03-05T00:30:00Z",
        "2026-03-05T08:30:00+08:00",
        "2026-03-04 19:30 -05:00",
        "2026/3/5 8：30",
        "2026年3月5日 8:30",
        "2026年3月5日8时30分",
        "2026年3月5日 8时30分00秒",
        "20260305 8:30",
        "46086.3541666667",
        Decimal("46086.3541666667"),
        datetime(2026, 3, 5, 8, 30),
        datetime(2026, 3, 5, 8, 29, 59, 999_000),
    ],
)
def test_a_time_of_day_is_that_of_shanghai(cell: Cell) -> None:
    assert parse_instant(cell) == HALF_PAST_EIGHT


def test_midnight_that_is_written_is_midnight() -> None:
    assert parse_instant("2026-03-05 00:00:00") == datetime(2026, 3, 4, 16, tzinfo=UTC)


def test_the_last_half_second_of_a_day_belongs_to_the_next() -> None:
    late = datetime(2026, 3, 5, 23, 59, 59, 700_000)

    assert parse_instant(late) == datetime(2026, 3, 5, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "3/5/2026",
        "05.03.2026",
        "26-03-05",
        "2026-13-01",
        "2026-02-30",
        "2026-02-29",
        "2026-3/5",
        "2026-03",
        "2026-03-05 25:00",
        "2026-03-05 24:00",
        "2026-03-05 8:60",
        "2026-03-05 8",
        "2026-03-05T08:30:00+99:00",
        "2026-03-058:30",
        "202603050830",
        "1991-12-31",
        "2100-01-01",
        "0000-00-00",
        "0001-01-01 00:00 +14:00",
        "9999-12-31",
        "昨天",
        "12",
        "99999",
        "4608６.5.5",
        "\ud800",
        46,
        999_999,
        -46086,
        Decimal("NaN"),
        Decimal("1E+300"),
        True,
        time(8, 30),
        date(1900, 1, 1),
        datetime.max,
    ],
)
def test_what_is_no_date_is_refused(cell: Cell) -> None:
    with pytest.raises(BadCell, match="expected a date"):
        parse_instant(cell)


@pytest.mark.parametrize(
    "cell",
    ["2026-03-05", "2026年3月5日", 46086, date(2026, 3, 5), datetime(2026, 3, 5)],
)
def test_a_day_is_a_date_without_a_time(cell: Cell) -> None:
    assert parse_day(cell) == "2026-03-05"


def test_a_day_with_a_time_of_day_is_refused() -> None:
    with pytest.raises(BadCell, match=r"expected a date such as 2026-03-05$"):
        parse_day("2026-03-05 8:30")


def test_an_instant_is_written_as_it_is_read() -> None:
    at = datetime(2026, 3, 31, 16, 0, 1, tzinfo=UTC)

    assert format_instant(at) == "2026-04-01 00:00:01"
    assert parse_instant(format_instant(at)) == at
    assert day_of(at) == "2026-04-01"
