"""Dates and times as people and spreadsheet programs write them, in Asia/Shanghai."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import lru_cache

from app.intake.faults import N_, BadCell
from app.intake.text import plain

# China has kept one time without summer time since 1992: no older date is read
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
FIRST_YEAR, LAST_YEAR = 1992, 2099
NOON = time(12)
SECONDS_A_DAY = 86_400
# Day 0 of the 1900 date system, right from 1 March 1900 on (ECMA-376 part 1, 18.17.4)
EPOCH_1900 = datetime(1899, 12, 30, tzinfo=SHANGHAI)
SERIALS = range(33_604, 73_051)  # 1992-01-01 to 2099-12-31

_DAY = (
    r"(?P<y>[0-9]{4})(?:(?P<s>[-/.])(?P<m>[0-9]{1,2})(?P=s)(?P<d>[0-9]{1,2})"
    r"|年 ?(?P<zm>[0-9]{1,2}) ?月 ?(?P<zd>[0-9]{1,2}) ?日?"
    r"|(?P<cm>[0-9]{2})(?P<cd>[0-9]{2}))"
)
_TIME = (
    r"(?P<H>[0-9]{1,2})(?::(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:\.0+)?)?"
    r"|时 ?(?P<zM>[0-9]{1,2}) ?分(?: ?(?P<zS>[0-9]{1,2}) ?秒)?)"
)
_ZONE = r" ?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?"
_WRITTEN = re.compile(f"{_DAY}(?:(?:[ T] ?|(?<=日)){_TIME}{_ZONE})?")
_SERIAL = re.compile(r"[0-9]{5}(?:\.[0-9]+)?")

EXPECTED_INSTANT = N_(
    "expected a date, or a date and a time, such as 2026-03-05 or 2026-03-05 08:30"
)
EXPECTED_DAY = N_("expected a date such as 2026-03-05")

Cell = str | int | Decimal | datetime | date | time | bool


def parse_instant(cell: Cell) -> datetime:
    """An instant, aware UTC; a date alone is noon of Asia/Shanghai.

    Read are ``2026-03-05``, ``2026/3/5``, ``2026.3.5``, ``20260305``,
    ``2026年3月5日``, each with ``8:30``, ``08:30:00`` or ``8时30分`` behind it, with or
    without an offset; full-width digits; the serial number of a spreadsheet program.

    Raises:
        BadCell: It is no date from 1992 to 2099.
    """
    if isinstance(cell, str):
        day, clock, zone = _split(cell)
    else:
        (day, clock), zone = _typed(cell), SHANGHAI
    return datetime.combine(day, clock or NOON, zone).astimezone(UTC)


def parse_day(cell: Cell) -> str:
    """A day as ``YYYY-MM-DD``, written in any of the ways of ``parse_instant``.

    Raises:
        BadCell: It is no date from 1992 to 2099, or names a time of day.
    """
    if isinstance(cell, str):
        day, clock, _ = _split(cell)
    else:
        day, clock = _typed(cell)
    if clock not in (None, time(0)):
        raise BadCell(EXPECTED_DAY)
    return day.isoformat()


@lru_cache(maxsize=4096)
def _split(cell: str) -> tuple[date, time | None, timezone]:
    text = plain(cell)
    if _SERIAL.fullmatch(text):
        return (*_from_serial(Decimal(text)), SHANGHAI)
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise BadCell(EXPECTED_INSTANT)
    part = match.groupdict()
    try:
        day = date(
            int(part["y"]),
            int(part["m"] or part["zm"] or part["cm"]),
            int(part["d"] or part["zd"] or part["cd"]),
        )
        clock = None
        if part["H"] is not None:
            minute, second = part["M"] or part["zM"], part["S"] or part["zS"] or 0
            clock = time(int(part["H"]), int(minute), int(second))
        zone = _zone(part["zone"])
    except ValueError:
        raise BadCell(EXPECTED_INSTANT) from None
    return _in_range(day), clock, zone


def _zone(text: str | None) -> timezone:
    if text is None:
        return SHANGHAI
    if text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def _typed(cell: Cell) -> tuple[date, time | None]:
    if isinstance(cell, datetime):
        _in_range(cell.date())
        # Kept as a fraction of a day: less than half a second is no time at all
        cell = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
        return _in_range(cell.date()), cell.time()
    if isinstance(cell, date):
        return _in_range(cell), None
    if isinstance(cell, int | Decimal) and not isinstance(cell, bool):
        return _from_serial(Decimal(cell))
    raise BadCell(EXPECTED_INSTANT)


def _from_serial(serial: Decimal) -> tuple[date, time | None]:
    if not serial.is_finite() or int(serial) not in SERIALS:
        raise BadCell(EXPECTED_INSTANT)
    if serial == int(serial):
        return (EPOCH_1900 + timedelta(days=int(serial))).date(), None
    seconds = int((serial * SECONDS_A_DAY).to_integral_value())
    at = EPOCH_1900 + timedelta(seconds=seconds)
    return at.date(), at.time()


def _in_range(day: date) -> date:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise BadCell(
            N_("expected a date from {first} to {last}"),
            first=FIRST_YEAR,
            last=LAST_YEAR,
        )
    return day


def format_instant(at: datetime) -> str:
    """An instant as files of ours have it: Asia/Shanghai, to the second."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def format_typed(cell: date) -> str:
    """A date or a time that a spreadsheet program keeps, as it can be typed."""
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    return cell.isoformat()


def day_of(at: datetime) -> str:
    """The day of an instant in Asia/Shanghai, ``YYYY-MM-DD``."""
    return at.astimezone(SHANGHAI).date().isoformat()
