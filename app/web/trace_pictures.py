"""The way of a lot in the words of a page: a picture, and the table beside it."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
from flask_babel import get_locale, gettext, ngettext

from app.charts.composition import CompositionTexts, composition_svg
from app.charts.svg import Markup
from app.charts.trace import Line, Stop, TraceTexts, trace_svg
from app.queries.lot_pages import Way
from app.queries.lots import LotView
from app.services.rules import materials, provinces
from app.web.numbers import ORIGIN_NAMES, grouped, instant, mass, share
from app.web.verify import name_of
from app.web.words import word
from graph.build import LOT, RUN, Node, build_graph
from graph.layers import layer_nodes
from graph.summary import Rest, Summary, summarise

MOST_NODES = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the picture, as a row of the table.

    Attributes:
        taken: The lot went into the run; otherwise it came out of it.
        run: What is done there, or what was left out.
        run_at: When; empty for what was left out.
        lot: Its code in groups, or what was left out.
        href: Where the lot can be opened; None for others' lots.
        material: In the language of the page; empty for what was left out.
        province: Where the run was; empty for what was left out.
        net_g: Grams on the line.
        metal_g: Metal among them.
    """

    taken: bool
    run: str
    run_at: str
    lot: str
    href: str | None
    material: str
    province: str
    net_g: int
    metal_g: int


@dataclass(frozen=True, slots=True)
class TracePicture:
    """A way, ready for a page.

    Attributes:
        svg: The picture.
        rows: The same as a table, from left to right.
        lots: How many lots the whole history has, left out ones too.
        runs: How many runs.
        folded: Some are summed up in the picture.
    """

    svg: Markup
    rows: list[Row]
    lots: int
    runs: int
    folded: bool


def draw_trace(view: LotView, way: Way, footer: str) -> TracePicture:
    """The picture and the table of a way.

    Args:
        view: The lot in question.
        way: Its flows, less what the reader may not see.
        footer: Source, vintage and date.
    """
    makers = {key: lot.run_id for key, lot in way.lots.items()}
    whole = build_graph(way.flows, focus=view.id, makers=makers)
    summary = summarise(whole, (LOT, view.id), MOST_NODES)
    layers = layer_nodes(summary.graph)
    stops = [
        _stop(node, layers[node], view, way, summary)
        for node in sorted(summary.graph, key=lambda one: (layers[one], one))
    ]
    edges = sorted(
        summary.graph.edges(data=True), key=lambda edge: (layers[edge[0]], edge[:2])
    )
    lines = [
        Line(
            start=_key(start),
            end=_key(end),
            net_g=masses["net_g"],
            label=mass(masses["net_g"]),
        )
        for start, end, masses in edges
    ]
    title = gettext(
        "Where lot %(code)s comes from, and where it went", code=grouped(view.lot.code)
    )
    lots = sum(node[0] == LOT for node in whole)
    runs = len(whole) - lots
    description = gettext(
        "%(lots)s lots and %(runs)s runs; the table beside it says the same.",
        lots=lots,
        runs=runs,
    )
    texts = TraceTexts(title=title, description=description, footer=footer)
    return TracePicture(
        trace_svg(stops, lines, texts),
        [
            _row(start, end, masses["net_g"], masses["metal_g"], way, summary)
            for start, end, masses in edges
        ],
        lots,
        runs,
        bool(summary.rests),
    )


def draw_composition(view: LotView, footer: str) -> Markup:
    """The composition of a lot as a picture of its own."""
    code = grouped(view.lot.code)
    return composition_svg(
        view.lot.cells,
        CompositionTexts(
            title=gettext("What lot %(code)s is made of", code=code),
            description=gettext(
                "%(mass)s of metal by origin.", mass=mass(view.lot.metal_g)
            ),
            names=[str(name) for name in ORIGIN_NAMES.values()],
            imported=gettext("imported"),
            footer=footer,
            mass=mass,
            share=share,
        ),
    )


def _key(node: Node) -> str:
    return f"{node[0]}-{node[1]}"


def _stop(node: Node, layer: int, view: LotView, way: Way, summary: Summary) -> Stop:
    key = _key(node)
    if node[0] == LOT:
        return _lot_stop(node, layer, view, way, summary.graph)
    if node[0] == RUN:
        run = way.runs[node[1]]
        lost_g = summary.graph.nodes[node]["lost_g"]
        kind = word(run.kind, "run_kind")
        place = name_of_province(run.province)
        lost = gettext("loss %(mass)s", mass=mass(lost_g)) if lost_g > 0 else place
        says = f"{kind} · {place} · {instant(run.ended_at)}"
        return Stop(key=key, sort="run", lines=(kind, lost), says=says, layer=layer)
    rest = summary.rests[node]
    words = (_rest_name(rest), mass(rest.net_g))
    return Stop(
        key=key,
        sort="rest",
        lines=words,
        says=gettext(
            "%(what)s are summed up here; %(mass)s pass between them and what is shown",
            what=_rest_name(rest),
            mass=mass(rest.net_g),
        ),
        layer=layer,
    )


def _lot_stop(
    node: Node, layer: int, view: LotView, way: Way, graph: nx.DiGraph[Node]
) -> Stop:
    lot = way.lots[node[1]]
    material = name_of(materials()[lot.lot.material])
    open_to = node[1] in way.open_to
    lead = grouped(lot.lot.code) if open_to else gettext("another organisation")
    third = mass(lot.lot.net_g) if open_to else name_of_province(lot.province)
    return Stop(
        key=_key(node),
        sort="lot",
        lines=(lead, material, third),
        says=f"{lead} · {material} · {third}",
        layer=layer,
        href=f"/lots/{lot.lot.code}" if open_to else None,
        cells=lot.lot.cells if open_to else None,
        focus=node[1] == view.id,
        beyond=gettext("goes on") if graph.nodes[node].get("beyond") else None,
    )


def _row(
    start: Node, end: Node, net_g: int, metal_g: int, way: Way, summary: Summary
) -> Row:
    taken = end[0] == RUN or (end[0] != LOT and start[0] == LOT)
    lot, run = (start, end) if taken else (end, start)
    said, href, material = "", None, ""
    if lot[0] == LOT:
        found = way.lots[lot[1]]
        material = name_of(materials()[found.lot.material])
        open_to = lot[1] in way.open_to
        said = grouped(found.lot.code) if open_to else gettext("another organisation")
        href = f"/lots/{found.lot.code}" if open_to else None
    elif lot in summary.rests:
        said = _rest_name(summary.rests[lot])
    if run[0] != RUN:
        name = _rest_name(summary.rests[run]) if run in summary.rests else ""
        return Row(taken, name, "", said, href, material, "", net_g, metal_g)
    known = way.runs[run[1]]
    return Row(
        taken,
        word(known.kind, "run_kind"),
        instant(known.ended_at),
        said,
        href,
        material,
        name_of_province(known.province),
        net_g,
        metal_g,
    )


def _rest_name(rest: Rest) -> str:
    if rest.lots:
        return str(ngettext("+%(num)s lot", "+%(num)s lots", rest.lots))
    return str(ngettext("+%(num)s run", "+%(num)s runs", rest.runs))


def name_of_province(code: str) -> str:
    """A province in the language of the page; the code where nobody knows it."""
    row = provinces().get(code)
    if row is None:
        return code
    zh = str(get_locale() or "zh").startswith("zh")
    return row["name_zh" if zh else "name_en"]
