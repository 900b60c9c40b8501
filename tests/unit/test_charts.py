"""Pictures: well-formed whatever the names, every gram said, no two on one place."""

from __future__ import annotations

from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.charts.composition import CompositionTexts, composition_svg
from app.charts.layout import lay_out
from app.charts.svg import ORIGIN_COLOURS, element, fit, text_width
from app.charts.trace import Line, Stop, TraceTexts, trace_svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script>\"'&\x00\x1b\ud800 𠮷镓"
TEXTS = TraceTexts(title=HOSTILE, description=HOSTILE, footer=HOSTILE)


def _texts() -> CompositionTexts:
    return CompositionTexts(
        title=HOSTILE,
        description=HOSTILE,
        names=[HOSTILE] * 6,
        imported=HOSTILE,
        footer=HOSTILE,
        mass=lambda grams: f"{grams} g",
        share=lambda ppm: f"{ppm} ppm",
    )


def _chain(count: int) -> tuple[list[Stop], list[Line]]:
    stops = [
        Stop(key="run", sort="run", lines=("melt", "loss 1 kg"), says="melt", layer=1),
        Stop(key="out", sort="lot", lines=("OUT", "ingot"), says="out", layer=2),
    ]
    stops += [
        Stop(key=f"in{n}", sort="lot", lines=(f"IN{n}", "scrap"), says="in", layer=0)
        for n in range(count)
    ]
    lines = [
        Line(start=f"in{n}", end="run", net_g=n + 1, label=f"{n + 1} g")
        for n in range(count)
    ]
    lines.append(Line(start="run", end="out", net_g=count, label=f"{count} g"))
    return stops, lines


def test_hostile_names_stay_text_in_the_trace() -> None:
    stop = Stop(
        key="a",
        sort="lot",
        lines=(HOSTILE, HOSTILE),
        says=HOSTILE,
        layer=0,
        href='/lots/"><script>',
        beyond=HOSTILE,
    )

    drawn = ElementTree.fromstring(trace_svg([stop], [], TEXTS))

    assert drawn.find(f".//{SVG}script") is None
    (link,) = drawn.iter(f"{SVG}a")
    assert link.get("href") == '/lots/"><script>'
    assert "𠮷镓" in str(drawn.findtext(f"{SVG}title"))


def test_hostile_names_stay_text_in_the_composition() -> None:
    cells = [0, 5, 3, 0, 0, 0, 0, 0, 2, 0, 0, 0]

    drawn = ElementTree.fromstring(composition_svg(cells, _texts()))

    assert drawn.find(f".//{SVG}script") is None


def test_no_picture_needs_a_style_or_a_script() -> None:
    stops, lines = _chain(3)

    for drawn in (
        trace_svg(stops, lines, TEXTS),
        composition_svg([1] * 12, _texts()),
    ):
        names = {
            name for one in ElementTree.fromstring(drawn).iter() for name in one.attrib
        }
        assert "style" not in names
        assert not {name for name in names if name.lower().startswith("on")}


def test_the_composition_says_grams_and_share_of_each_class_that_is_there() -> None:
    cells = [250, 250, 300, 0, 0, 0, 0, 0, 100, 0, 100, 0]

    drawn = ElementTree.fromstring(composition_svg(cells, _texts()))

    said = [one.text for one in drawn.iter(f"{SVG}text")]
    assert "500 g" in said
    assert "500000 ppm" in said
    assert said.count("100000 ppm") == 2
    widths = [
        int(one.get("width", ""))
        for one in drawn.iter(f"{SVG}rect")
        if one.get("height") == "28" and one.get("fill") in ORIGIN_COLOURS.values()
    ]
    assert sum(widths) == 608


@pytest.mark.parametrize("cells", [[1] * 11, [1] * 11 + [-1]])
def test_a_composition_of_other_than_twelve_masses_is_refused(
    cells: list[int],
) -> None:
    with pytest.raises(ValueError, match="twelve"):
        composition_svg(cells, _texts())


def test_a_lot_without_metal_still_has_a_picture() -> None:
    assert ElementTree.fromstring(composition_svg([0] * 12, _texts())) is not None


def test_every_line_says_its_grams_and_no_two_masses_share_a_place() -> None:
    stops, lines = _chain(60)

    drawn = ElementTree.fromstring(trace_svg(stops, lines, TEXTS))

    said = [one for one in drawn.iter(f"{SVG}text") if one.get("class") == "grams"]
    assert sorted(str(one.text) for one in said) == sorted(one.label for one in lines)
    places = [(one.get("x"), int(one.get("y", ""))) for one in said]
    assert all(
        one[0] != other[0] or abs(one[1] - other[1]) >= 12
        for one, other in combinations(places, 2)
    )


def test_boxes_link_where_they_may_be_opened_and_nowhere_else() -> None:
    stops = [
        Stop(key="a", sort="lot", lines=("A",), says="a", layer=0, href="/lots/A"),
        Stop(key="b", sort="run", lines=("B",), says="b", layer=1),
    ]
    line = Line(start="a", end="b", net_g=5, label="5 g")

    drawn = ElementTree.fromstring(trace_svg(stops, [line], TEXTS))

    assert [one.get("href") for one in drawn.iter(f"{SVG}a")] == ["/lots/A"]


@st.composite
def layered(draw: st.DrawFn) -> tuple[dict[str, int], list[tuple[str, str]]]:
    layers = {
        f"n{number}": draw(st.integers(0, 5))
        for number in range(draw(st.integers(1, 30)))
    }
    pairs = [
        (start, end)
        for start in layers
        for end in layers
        if layers[start] < layers[end]
    ]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=40)) if pairs else []
    return layers, sorted(set(edges))


@settings(max_examples=80, deadline=None)
@given(layered(), st.data())
def test_nothing_in_a_layer_overlaps(
    drawn: tuple[dict[str, int], list[tuple[str, str]]], data: st.DataObject
) -> None:
    layers, edges = drawn
    heights = {key: data.draw(st.integers(10, 90)) for key in layers}

    layout = lay_out(layers, edges, heights, gap=7, way_height=4)

    assert min(layout.top.values()) == 0
    for column in layout.layers:
        for above, below in pairwise(column):
            size = heights.get(str(above), 4) if isinstance(above, str) else 4
            assert layout.top[below] >= layout.top[above] + size + 7


def test_crossed_lines_are_untangled() -> None:
    layers = {"a": 0, "b": 0, "c": 0, "x": 1, "y": 1, "z": 1}

    layout = lay_out(
        layers,
        [("a", "z"), ("b", "y"), ("c", "x")],
        dict.fromkeys(layers, 10),
        gap=5,
        way_height=4,
    )

    assert layout.layers[0] == ["a", "b", "c"]
    assert layout.layers[1] == ["z", "y", "x"]


def test_a_text_is_cut_by_the_room_that_its_letters_take() -> None:
    assert text_width("A356 铝") == 7
    assert fit("铝" * 20, 9) == "铝铝铝铝…"


def test_text_in_attributes_cannot_leave_them() -> None:
    assert element("a", href='" onload="x') == '<a href="&quot; onload=&quot;x"/>'
