"""/runs: what was made of what, newest first, and each run with its balance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, render_template, request
from sqlalchemy.orm import Session

from app.db import reading
from app.export.columns import GRAMS, column
from app.export.tables import Row
from app.queries.runs import (
    RunFilter,
    count_runs,
    get_run,
    iter_runs,
    list_flows,
    list_runs,
)
from app.security import current_actor
from app.services.rules import materials
from app.web import bp
from app.web.lists import (
    PAGE,
    asked_before,
    asked_choice,
    asked_days,
    asked_text,
    csv_file,
)
from app.web.numbers import instant
from app.web.sentences import said
from app.web.transfers import scope_of
from app.web.verify import name_of
from app.web.words import WORDS, options, word
from labels.codes import BadCode, parse_code

COLUMNS = (
    column("run", "工序号", "Run"),
    column("own_number", "自编号", "Own number"),
    column("kind", "工序", "Kind"),
    column("facility", "场所", "Facility"),
    column("ended_at", "结束时间", "Ended"),
    column("net_in", "投入净重", "Net in", GRAMS),
    column("net_out", "产出净重", "Net out", GRAMS),
    column("loss", "损耗", "Named losses", GRAMS),
    column("metal_in", "投入金属", "Metal in", GRAMS),
    column("metal_loss", "金属损失", "Metal loss", GRAMS),
    column("findings", "异常", "Findings"),
)


@bp.get("/runs")
def show_runs() -> str | Response:
    """Runs of the organisation, newest first; ``?format=csv``: all of them."""
    actor = current_actor()
    since, until = asked_days()
    narrowed = RunFilter(
        text=asked_text(),
        kind=asked_choice("kind", WORDS["run_kind"]),
        since=since,
        until=until,
        findings_only=request.args.get("findings") == "yes",
    )
    scope = scope_of(actor)
    if request.args.get("format") == "csv":
        return _download(narrowed, scope)
    with reading() as session:
        views = list_runs(
            session, narrowed, before=asked_before(), limit=PAGE + 1, **scope
        )
        count = count_runs(session, narrowed, **scope)
    return render_template(
        "runs/list.html",
        views=views[:PAGE],
        older=views[PAGE - 1].run.id if len(views) > PAGE else None,
        count=count,
        narrowed=narrowed,
        kinds=options("run_kind"),
        may_log=actor.may("run.recorded"),
    )


@bp.get("/runs/<code>")
def show_run(code: str) -> str:
    """One run: what went in, what came out, what was lost, what a check found."""
    actor = current_actor()
    try:
        parsed = parse_code(code)
    except BadCode:
        parsed = ""
    with reading() as session:
        view = get_run(session, parsed, **scope_of(actor))
        flows = list_flows(session, view.run.id)
    return render_template(
        "runs/run.html",
        view=view,
        inputs=[flow for flow in flows if not flow.made],
        outputs=[flow for flow in flows if flow.made],
        losses={name: mass_g for name, mass_g in view.run.losses.items() if mass_g},
        findings=[_sentence(one) for one in view.run.findings],
        materials=materials(),
    )


def _sentence(finding: dict[str, Any]) -> str:
    return said(str(finding["message"]), finding["values"])


def _download(narrowed: RunFilter, scope: dict[str, Any]) -> Response:
    def rows(session: Session) -> Iterator[Row]:
        for view in iter_runs(session, narrowed, **scope):
            run = view.run
            yield (
                run.code,
                run.own_number,
                word(run.kind, "run_kind"),
                name_of(view.facility),
                instant(run.ended_at),
                run.net_in_g,
                run.net_out_g,
                view.loss_g,
                run.metal_in_g,
                run.metal_loss_g,
                " ".join(_sentence(one) for one in run.findings) or None,
            )

    return csv_file(
        "runs",
        ("工序", "Runs"),
        COLUMNS,
        lambda session: count_runs(session, narrowed, **scope),
        rows,
    )
