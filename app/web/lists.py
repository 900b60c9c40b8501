"""Lists on pages: the filter stands in the address, all of it can be downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from flask import Response, request, stream_with_context
from sqlalchemy.orm import Session

from app.db import reading
from app.export.csv import Audience, csv_chunks
from app.export.tables import Column, Row, Table
from app.intake.dates import parse_day
from app.intake.faults import BadCell
from app.locale import language
from app.security import now
from app.services.rules import SHANGHAI
from app.web.numbers import day

PAGE = 50
MAX_TEXT = 100
LARGEST_KEY = 2**62
DAY = timedelta(days=1)


def asked_text(name: str = "text", most: int = MAX_TEXT) -> str | None:
    """What the reader looks for; None for nothing.

    Without NUL, which PostgreSQL takes for no character at all, and half characters.
    """
    text = request.args.get(name, "").replace("\0", "")
    return text.encode("utf-8", "ignore").decode().strip()[:most] or None


def asked_choice(name: str, known: Iterable[str]) -> str | None:
    """A filter that is one of a few; None for none of them."""
    value = request.args.get(name)
    return value if value in set(known) else None


def asked_days() -> tuple[datetime | None, datetime | None]:
    """From the first moment of one day to the last of another; None where not asked."""
    since, until = _asked_day("since"), _asked_day("until")
    return since, None if until is None else until + DAY


def asked_before() -> int | None:
    """The key that the page ends before."""
    return asked_key("before")


def asked_key(name: str) -> int | None:
    """A row key in the address, within what a database can hold; None for none."""
    found = request.args.get(name, type=int)
    return None if found is None else max(-1, min(found, LARGEST_KEY))


def _asked_day(name: str) -> datetime | None:
    try:
        text = parse_day(request.args.get(name, "").strip())
    except BadCell:
        return None
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def csv_file(
    name: str,
    titles: tuple[str, str],
    columns: tuple[Column, ...],
    count: Callable[[Session], int],
    rows: Callable[[Session], Iterable[Row]],
) -> Response:
    """A whole list as CSV for people, in the language of the page.

    Args:
        name: Of the file, without its ending; the day is added.
        titles: In Chinese and English.
        columns: Of the file.
        count: How many rows there are; a file that has another number is broken off.
        rows: All of them, read while the file is sent.
    """
    audience: Audience = "zh" if language() == "zh-CN" else "en"

    def pieces() -> Iterator[bytes]:
        with reading() as session:
            table = Table(
                id=name,
                title_zh=titles[0],
                title_en=titles[1],
                columns=columns,
                rows=rows(session),
                row_count=count(session),
            )
            yield from csv_chunks(table, audience)

    response = Response(
        stream_with_context(pieces()), content_type="text/csv; charset=utf-8"
    )
    file_name = f"remelt-{name}-{day(now())}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response
