"""How busy each day of a simulated year is: weekends, seasons, Chinese New Year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

from app.data import read_csv

WEEKDAY_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 0.3)
WEEK = 7
# Two weeks almost without collection, and one slow week before and after them
HOLIDAY_WEIGHTS = (0.55, 0.1, 0.25, 0.7)
MIDSUMMER_MONTHS = (7, 8)
MIDSUMMER_WEIGHT = 0.92
# Plants stand still on days that are less busy than this
STANDSTILL = 0.2


@cache
def new_year_monday(year: int) -> date:
    """Monday of the week that holds the first day of the lunar year.

    Args:
        year: Of the solar calendar.

    Raises:
        ValueError: ``lunar_new_year.csv`` does not have the year.
    """
    days = {row["year"]: row["first_day"] for row in read_csv("lunar_new_year.csv")}
    if str(year) not in days:
        raise ValueError(
            f"year: found {year}, expected one of {min(days)} to {max(days)}"
        )
    first = date.fromisoformat(days[str(year)])
    return first - timedelta(days=first.weekday())


def day_weight(day: date) -> float:
    """How busy a day is; an ordinary working day weighs 1.

    Raises:
        ValueError: ``lunar_new_year.csv`` does not have the year.
    """
    weight = WEEKDAY_WEIGHTS[day.weekday()]
    week = (day - new_year_monday(day.year)).days // WEEK + 1
    if 0 <= week < len(HOLIDAY_WEIGHTS):
        weight *= HOLIDAY_WEIGHTS[week]
    if day.month in MIDSUMMER_MONTHS:
        weight *= MIDSUMMER_WEIGHT
    return weight


def days_between(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last, both included."""
    for count in range((last - first).days + 1):
        yield first + timedelta(days=count)


def next_month(day: date) -> date:
    """The first day of the month behind a day."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def months_later(month: date, count: int) -> date:
    """The first day of the month so many months behind a month."""
    years, index = divmod(month.month - 1 + count, 12)
    return date(month.year + years, index + 1, 1)
