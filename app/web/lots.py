"""/lots: the list with its filter and its download, and the page of a lot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, render_template, request, stream_with_context
from flask_babel import get_locale, gettext

from app.db import reading
from app.export.csv import csv_chunks
from app.export.tables import Column, Row, Table
from app.models import entry_of
from app.queries.errors import NotFound
from app.queries.facts import Reader
from app.queries.log import find_checkpoint, get_origin
from app.queries.lot_pages import (
    History,
    Standing,
    Way,
    get_history,
    get_readable_lot,
    get_way,
)
from app.queries.lots import LotFilter, LotView, count_lots, list_lots
from app.queries.registers import (
    facilities_by_code,
    keys_by_name,
    list_facilities,
    organisations_by_code,
)
from app.security import current_actor, now, reader_for
from app.services.closed_loop import find_closed_loop
from app.services.rules import SHANGHAI, materials, rule
from app.web import bp
from app.web.entry_words import sentence
from app.web.lists import asked_key, asked_text
from app.web.numbers import instant
from app.web.trace_pictures import draw_composition, draw_trace, name_of_province
from labels.codes import BadCode, format_code, parse_code

PAGE = 50
MOST_RUNS = 2000
ROWS_A_READ = 500
EARLIEST_YEAR, LATEST_YEAR = 1900, 2999
STATES = ("held", "in_transit", "quarantined", "voided")
COLUMNS = (
    Column("lot", "批号", "Lot", "text"),
    Column("own_numbers", "自编号", "Own numbers", "text"),
    Column("material", "物料", "Material", "text"),
    Column("kind", "类别", "Kind", "text"),
    Column("metal", "金属", "Metal", "text"),
    Column("net_g", "净重", "Net mass", "integer", "g"),
    Column("metal_g", "金属量", "Metal", "integer", "g"),
    Column("left_g", "剩余", "Left", "integer", "g"),
    Column("share_ppm", "再生占比", "Recycled share", "ppm", "ppm"),
    Column("upper_ppm", "再生占比上限", "Upper end", "ppm", "ppm"),
    Column("state", "状态", "State", "text"),
    Column("facility", "场所", "Facility", "text"),
    Column("holder", "持有方", "Holder", "text"),
    Column("maker", "生成方", "Maker", "text"),
    Column("made_at", "生成时间", "Made", "text"),
    Column("entry", "账本条目", "Log entry", "integer"),
)


@bp.get("/lots")
def show_lots() -> str:
    """Lots that one holds or made, newest first."""
    reader = _reader()
    narrowed, faults = read_filter()
    before, after = asked_key("before"), asked_key("after")
    scope = _scope(reader)
    with reading() as session:
        views = list_lots(
            session, narrowed, before=before, after=after, limit=PAGE + 1, **scope
        )
        more = len(views) > PAGE
        if more:
            views = views[1:] if after is not None else views[:-1]
        count = count_lots(session, narrowed, **scope)
        facilities = [
            one.facility for one in list_facilities(session, reader.organisation_id)
        ]
        places = facilities_by_code(session, [view.facility for view in views])
    return render_template(
        "lots/list.html",
        lots=views,
        count=count,
        newer=views[0].id
        if views and (more if after is not None else before)
        else None,
        older=views[-1].id if views and (more or after is not None) else None,
        filtered=any(request.args.get(name) for name in FILTERS),
        form=request.args,
        faults=faults,
        places=places,
        facilities=facilities,
        states=STATES,
        materials=materials(),
        may_log=current_actor().may("lot.sourced"),
        organisation=reader.organisation_code,
        query={name: request.args[name] for name in FILTERS if request.args.get(name)},
    )


FILTERS = ("text", "material", "facility", "state", "since", "until", "open")


@bp.get("/lots.csv")
def download_lots() -> Response:
    """Every lot that the filter finds, as CSV; nothing is left out."""
    actor = current_actor()
    actor.require("export-lots", "own" if actor.organisation_id else "other")
    reader = _reader()
    narrowed, _ = read_filter()
    zh = str(get_locale() or "zh").startswith("zh")

    def stream() -> Iterator[bytes]:
        with reading() as session:
            count = count_lots(session, narrowed, **_scope(reader))
            rows = _table_rows(session, narrowed, reader)
            table = Table("lots", "批次", "Lots", COLUMNS, rows, count)
            yield from csv_chunks(table, "zh" if zh else "en")

    answer = Response(stream_with_context(stream()), mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="lots.csv"'
    return answer


@bp.get("/lots/<code>")
def show_lot(code: str) -> str:
    """What a lot is, where it came from, where it went, and who says so."""
    reader = _reader()
    with reading() as session:
        view, standing = get_readable_lot(session, _code(code), reader)
        way = get_way(session, view, reader, MOST_RUNS)
        tells_balance = standing == "own" or reader.everything
        closed_loop_g = find_closed_loop(session, view, way) if tells_balance else None
        history = get_history(session, view, reader)
        footer = _footer(session)
        people = organisations_by_code(session, _named(view, history))
        places = facilities_by_code(session, [view.facility])
        keys = keys_by_name(
            session, [name for entry in history.entries for name in entry.signers]
        )
        covered = find_checkpoint(session)
    material = materials()[view.lot.material]
    actor = current_actor()
    return render_template(
        "lots/lot.html",
        view=view,
        lot=view.lot,
        material=material,
        shares=view.shares,
        standing=standing,
        tells_balance=tells_balance,
        province=name_of_province(view.province),
        picture=draw_trace(view, way, footer),
        truncated=way.truncated,
        closed_loop_g=closed_loop_g,
        loop_months=rule("closed_loop_months"),
        history=history,
        told=[(entry, sentence(entry, view.lot.code)) for entry in history.entries],
        tells_hidden=standing == "own" or reader.everything,
        covered=0 if covered is None else covered.size,
        organisations=people,
        places=places,
        keys=keys,
        made_index=entry_of(view.id),
        may_use=standing == "own" and view.state == "held" and view.left_g > 0,
        actor=actor,
    )


@bp.get("/lots/<code>/trace.svg")
def show_trace_picture(code: str) -> Response:
    """The picture of the trace as a file, with title, source, vintage and date."""
    view, _, way, footer = _read_way(code)
    return _svg(draw_trace(view, way, footer).svg, f"trace-{view.lot.code}.svg")


@bp.get("/lots/<code>/composition.svg")
def show_composition_picture(code: str) -> Response:
    """The picture of the composition as a file."""
    view, _, _, footer = _read_way(code)
    return _svg(draw_composition(view, footer), f"composition-{view.lot.code}.svg")


def read_filter() -> tuple[LotFilter, dict[str, list[str]]]:
    """What the address narrows a list of lots to, and what of it makes no sense."""
    args = request.args
    faults: dict[str, list[str]] = {}
    since, until = (
        _day(args.get(name, ""), name, faults) for name in ("since", "until")
    )
    state = args.get("state", "")
    return (
        LotFilter(
            text=asked_text(),
            material=asked_text("material"),
            facility=asked_text("facility"),
            state=state if state in STATES else None,
            since=since,
            until=None if until is None else until + timedelta(days=1),
            open_only=args.get("open") == "1",
        ),
        faults,
    )


def _day(text: str, name: str, faults: dict[str, list[str]]) -> datetime | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
        if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
            raise ValueError(text)
        return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
    except ValueError:
        found = gettext(
            "found %(found)s, expected a date such as 2026-03-05", found=text[:40]
        )
        faults[name] = [found]
        return None


def _reader() -> Reader:
    return reader_for(current_actor())


def _scope(reader: Reader) -> dict[str, Any]:
    """One's own lots; all of them for auditors, who have none of their own."""
    return {
        "organisation_id": reader.organisation_id,
        "everything": reader.everything and reader.organisation_id is None,
    }


def _code(text: str) -> str:
    try:
        return parse_code(text)
    except BadCode:
        raise NotFound("no such code: {text}", text=text[:40]) from None


def _table_rows(session: Any, narrowed: LotFilter, reader: Reader) -> Iterator[Row]:  # noqa: ANN401
    before = None
    while views := list_lots(
        session, narrowed, before=before, limit=ROWS_A_READ, **_scope(reader)
    ):
        for view in views:
            tells = reader.everything or view.holder == reader.organisation_code
            yield (
                format_code(view.lot.code),
                "; ".join(view.own_numbers),
                view.lot.material,
                view.lot.kind.value,
                view.lot.metal,
                view.lot.net_g,
                view.lot.metal_g,
                view.left_g if tells else None,
                None if view.shares is None else view.shares.share_ppm,
                None if view.shares is None else view.shares.upper_ppm,
                view.state if tells else None,
                format_code(view.facility) if tells else None,
                format_code(view.holder),
                format_code(view.maker),
                instant(view.made_at),
                entry_of(view.id),
            )
        before = views[-1].id


def _read_way(code: str) -> tuple[LotView, Standing, Way, str]:
    reader = _reader()
    with reading() as session:
        view, standing = get_readable_lot(session, _code(code), reader)
        way = get_way(session, view, reader, MOST_RUNS)
        return view, standing, way, _footer(session)


def _footer(session: Any) -> str:  # noqa: ANN401 - a session
    head = find_checkpoint(session)
    footer: str = gettext(
        "Source: log %(origin)s, vintage %(size)s, %(day)s",
        origin=get_origin(session),
        size="–" if head is None else head.size,
        day=now().astimezone(SHANGHAI).date().isoformat(),
    )
    return footer


def _named(view: LotView, history: History) -> set[str]:
    return {view.holder, view.maker} | {entry.fact["org"] for entry in history.entries}


def _svg(svg: str, name: str) -> Response:
    answer = Response(svg, mimetype="image/svg+xml")
    answer.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return answer
