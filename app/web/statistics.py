"""/statistics: the share of recycled metal, in a sentence, a picture and a table.

National ratios are for everybody. Tables of what is recorded here are for auditors,
statisticians and the registrar: no disclosure rules protect single companies in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import Response, current_app, render_template, request, url_for

from app.charts.drawing import Drawing, to_png, to_svg
from app.charts.shares import NARROW, WIDE
from app.db import reading
from app.errors import localise
from app.export.codelists import CODELISTS, TOTAL
from app.export.formats import FORMAT_NAMES, FormatName
from app.export.tables import Language
from app.locale import language
from app.queries.errors import NotFound
from app.queries.statements import list_vintages
from app.security import current_actor, find_actor, limiter
from app.services.access import Actor
from app.services.errors import Conflict, Refused
from app.services.national_tables import target_progress
from app.services.rules import materials, provinces
from app.services.statements import (
    PERIOD_KINDS,
    Question,
    Statement,
    find_newest,
    make_statement,
    parse_question,
)
from app.table_files import national_table, send_table, statement_table
from app.web import statistics_texts as texts
from labels.fonts import PATH as FACE

bp = APIBlueprint("statistics", __name__, enable_openapi=False)
MOST_ROWS = 400
VINTAGES_OFFERED = 20
ASKED = ("by", "metal", "province", "from", "to", "vintage")
PICTURES = {"svg": "image/svg+xml", "png": "image/png"}
LIMIT = "120 per minute"


@bp.get("/statistics")
@limiter.limit(LIMIT)
def show_statistics() -> str | tuple[str, int]:
    """Figures of this log for those who may see them, national ones for all."""
    actor = find_actor()
    if actor is None or not actor.may("read-statement", "other"):
        return _national_page(closed=True)
    try:
        return _platform_page(actor, parse_question(_asked()))
    except Refused as refused:
        faults = {fault.field: [localise(fault)] for fault in refused.faults}
        return _refused_page(faults), 422
    except NotFound as missing:
        return _refused_page({"vintage": [localise(missing)]}), 404
    except Conflict as early:
        return _refused_page({"": [localise(early)]}), 409


@bp.get("/statistics/national")
@limiter.limit(LIMIT)
def show_national() -> str:
    """National ratios, computed and published, and the targets."""
    return _national_page(closed=False)


@bp.get("/statistics/chart.<kind>")
@limiter.limit(LIMIT)
def show_chart(kind: str) -> Response:
    """The picture of the page as a file."""
    actor = current_actor()
    with reading() as session:
        whole = make_statement(session, actor, _whole(parse_question(_asked())))
    drawing = texts.platform_drawing(whole, find_newest(whole), WIDE)
    if drawing is None:
        raise NotFound("there is no figure to draw")
    return _picture(drawing, kind, f"recycled-share-{whole.checkpoint.size}")


@bp.get("/statistics/national/chart.<kind>")
@limiter.limit(LIMIT)
def show_national_chart(kind: str) -> Response:
    """The picture of the national page as a file."""
    return _picture(texts.national_drawing(WIDE), kind, "national-ratio-s1")


@bp.get("/statistics/<table>.<file_format>")
@limiter.limit(LIMIT)
def download(table: str, file_format: str) -> Response:
    """A table of the page as a file: all of it, whatever the page shows."""
    name = _format(file_format)
    asked = _asked()
    made = statement_table(table, current_actor(), asked)
    asked["vintage"] = made.meta_value("vintage")
    path = f"{url_for('statistics.show_statistics')}?{urlencode(asked)}"
    return send_table(made, name, _heads(), path)


@bp.get("/statistics/national/<table>.<file_format>")
@limiter.limit(LIMIT)
def download_national(table: str, file_format: str) -> Response:
    """A table of the national page as a file."""
    name = _format(file_format)
    return send_table(
        national_table(table), name, _heads(), url_for("statistics.show_national")
    )


def _asked() -> dict[str, str]:
    return {
        name: value for name in ASKED if (value := request.args.get(name, "").strip())
    }


def _whole(question: Question) -> Question:
    """The same question with provinces added up: what sentence and picture say."""
    return Question(
        by=question.by,
        metal=question.metal,
        province=question.province,
        first=question.first,
        last=question.last,
        vintage=question.vintage,
    )


def _format(text: str) -> FormatName:
    for name in FORMAT_NAMES:
        if name == text:
            return name
    raise NotFound("no format {name}", name=text)


def _heads() -> Language:
    return "zh" if language() == "zh-CN" else "en"


def _picture(drawing: Drawing, kind: str, name: str) -> Response:
    if kind not in PICTURES:
        raise NotFound("no format {name}", name=kind)
    body: str | bytes = to_svg(drawing, "chart")
    if kind == "png":
        body = to_png(drawing, FACE)
    response = Response(body, content_type=PICTURES[kind])
    response.headers.set("Content-Disposition", "attachment", filename=f"{name}.{kind}")
    return response


def _platform_page(actor: Actor, question: Question) -> str:
    with reading() as session:
        whole = make_statement(session, actor, _whole(question))
        shown = whole
        if question.by_province:
            shown = make_statement(session, actor, question)
        vintages = list_vintages(session, VINTAGES_OFFERED)
    finding = find_newest(whole)
    asked = _asked()
    cited = asked | {"vintage": str(whole.checkpoint.size)}
    lines = sorted(shown.lines, key=lambda one: one.period, reverse=True)
    return render_template(
        "statistics/platform.html",
        sentence=texts.sentence(finding, question.province),
        pictures=_pictures(whole),
        statement=shown,
        rows=[texts.row(line) for line in lines[:MOST_ROWS]],
        count=len(lines),
        asked=asked,
        cited=urlencode(cited),
        address=current_app.config["SETTINGS"].base_url
        + f"{url_for('statistics.show_statistics')}?{urlencode(cited)}",
        compared=texts.figure_name(finding.coverage.national)
        if finding is not None and finding.coverage.national is not None
        else "",
        faults={},
        vintages=vintages,
        **_choices(),
    )


def _pictures(whole: Statement) -> list[tuple[str, str]]:
    """The picture for desks and the one for phones, with the class of each."""
    finding = find_newest(whole)
    found: list[tuple[str, str]] = []
    for width, name in ((WIDE, "wide"), (NARROW, "narrow")):
        drawing = texts.platform_drawing(whole, finding, width)
        if drawing is not None:
            found.append((name, to_svg(drawing, f"chart-{name}")))
    return found


def _refused_page(faults: Mapping[str, list[str]]) -> str:
    with reading() as session:
        vintages = list_vintages(session, VINTAGES_OFFERED)
    return render_template(
        "statistics/refused.html",
        asked=_asked(),
        faults=faults,
        vintages=vintages,
        **_choices(),
    )


def _choices() -> dict[str, object]:
    """What the controls offer, in the language of the page."""
    metals = {one.metal for one in materials().values()} - {"mixed", "metal"}
    return {
        "periods": [(kind, texts.PERIOD_NAMES[kind]) for kind in PERIOD_KINDS],
        "metals": [
            (code, texts.metal_name(code))
            for code in CODELISTS["MATERIAL"]
            if code in metals and code != TOTAL
        ],
        "provinces": [(code, texts.province_name(code)) for code in provinces()],
    }


def _national_page(*, closed: bool) -> str:
    return render_template(
        "statistics/national.html",
        closed=closed,
        signed_in=find_actor() is not None,
        sentence=texts.national_sentence(),
        pictures=[
            (name, to_svg(texts.national_drawing(width), f"national-{name}"))
            for width, name in ((WIDE, "wide"), (NARROW, "narrow"))
        ],
        targets=[texts.target_row(one) for one in target_progress()],
        groups=texts.ratio_groups(),
    )
