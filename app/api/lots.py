"""Lots and their traces."""

from __future__ import annotations

from app.api import bp
from app.db import reading
from app.queries.errors import NotFound
from app.queries.lot_pages import get_readable_lot, trace_open_downstream
from app.queries.lots import LotFilter, get_lot, list_lots, lots_by_id
from app.queries.trace import trace_flows
from app.schemas.lots import (
    LotListIn,
    LotListOut,
    LotOut,
    TraceIn,
    TraceOut,
)
from app.security import current_actor, reader_for
from labels.codes import BadCode, parse_code


@bp.get("/lots")
@bp.input(LotListIn, location="query", arg_name="query")
@bp.output(LotListOut)
def show_lots(query: LotListIn) -> LotListOut:
    """Lots that you hold or made, newest first."""
    reader = reader_for(current_actor())
    with reading() as session:
        views = list_lots(
            session,
            LotFilter(
                text=query.text,
                material=query.material,
                state=query.state,
                open_only=query.open_only,
            ),
            organisation_id=reader.organisation_id,
            everything=reader.everything,
            before=query.before,
            limit=query.limit,
        )
    more = len(views) == query.limit
    return LotListOut(
        lots=[LotOut.of(view) for view in views],
        next_before=views[-1].id if more else None,
    )


@bp.get("/lots/<code>")
@bp.output(LotOut)
def show_lot(code: str) -> LotOut:
    """One lot: what it is made of, where it is, what is left."""
    reader = reader_for(current_actor())
    with reading() as session:
        view = get_lot(
            session,
            _code(code),
            organisation_id=reader.organisation_id,
            everything=reader.everything,
        )
    return LotOut.of(view)


@bp.get("/lots/<code>/trace")
@bp.input(TraceIn, location="query", arg_name="query")
@bp.output(TraceOut)
def show_trace(code: str, query: TraceIn) -> TraceOut:
    """Where a lot came from, or where it went: grams on every edge.

    Of lots that others hold, only stage, province, material and grams are shown, and
    downstream nothing beyond your own.
    """
    reader = reader_for(current_actor())
    with reading() as session:
        view, _ = get_readable_lot(session, _code(code), reader)
        if query.direction == "upstream":
            trace = trace_flows(session, view.id, "upstream", query.max_runs)
        else:
            trace = trace_open_downstream(session, view.id, reader, query.max_runs)
        lots = lots_by_id(session, sorted({flow.lot_id for flow in trace.flows}))
    return TraceOut.of(view, trace, lots, reader, query.direction)


def _code(text: str) -> str:
    """A code out of an address.

    Raises:
        NotFound: It is none.
    """
    try:
        return parse_code(text)
    except BadCode:
        raise NotFound("no lot {code}", code=text[:40]) from None
