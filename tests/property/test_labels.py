"""Labels as Hypothesis words them: read back, inside their area, or refused by name."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import pypdfium2
import pytest
import zxingcpp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from labels.codes import ALPHABET, check_character, format_code
from labels.errors import CannotSet, TooLong
from labels.fonts import missing
from labels.layout import FORMATS, Format, LabelContent, lay_out
from labels.payload import (
    QUIET_MODULES,
    address_line,
    label_url,
    parse_payload,
)
from labels.pdf import write_pdf
from labels.png import render_png
from labels.svg import render_svg

DPI = 200
HANZI = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5)
LATIN = st.sampled_from("ABCDEFGHIJabcdefghij0123456789 -/.,()Åéü")
MARKS = st.sampled_from("（）《》、。·％：")

codes = st.text(ALPHABET, min_size=11, max_size=11).map(
    lambda body: body + check_character(body)
)
bases = st.sampled_from(
    [
        "https://remelt.example",
        "http://192.168.1.20:8000",
        "https://Trace.example.com.cn/chain/",
    ]
)


def names(longest: int) -> st.SearchStrategy[str]:
    """Names of materials and makers, in any mixture of scripts."""
    mixture = st.one_of(HANZI, LATIN, MARKS)
    return st.text(mixture, min_size=1, max_size=longest).filter(str.strip)


@st.composite
def contents(draw: st.DrawFn) -> LabelContent:
    """What a label may say; short enough for the smallest size."""
    code, base = draw(codes), draw(bases)
    claimed = draw(st.booleans())
    tenths = draw(st.integers(0, 1000))
    grams = draw(st.integers(1, 10**12))
    return LabelContent(
        url=label_url(base, code),
        address=address_line(base, code),
        title_zh=draw(names(20)),
        title_en=draw(names(24)),
        net=f"{grams // 1000:,}".replace(",", " ") + " kg",
        share=f"{tenths / 10:.1f} %" if claimed else "",
        basis_zh="受控混合（ISO 22095）" if claimed else "未作再生含量声明",
        basis_en="controlled blending" if claimed else "No claim is made",
        lot=format_code(draw(codes)),
        maker=draw(names(24)),
        made_on=draw(st.dates()).isoformat(),
        example=draw(st.booleans()),
    )


formats = st.sampled_from(list(FORMATS.values()))


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    """What is not white, in dots."""
    found = image.convert("L").point(lambda dot: 255 - dot).getbbox()
    assert found is not None
    return found


@settings(max_examples=40, deadline=None)
@given(label=contents(), form=formats, data=st.data())
def test_a_printed_label_is_read_back_and_stays_inside_its_area(
    label: LabelContent, form: Format, data: st.DataObject
) -> None:
    first = data.draw(st.integers(1, form.per_page))
    stream = io.BytesIO()

    write_pdf([label], form, stream, first=first)

    with pypdfium2.PdfDocument(stream.getvalue()) as document:
        page = document[0].render(scale=DPI / 72).to_pil()
    [found] = zxingcpp.read_barcodes(page)
    assert found.text == label.url
    assert parse_payload(found.text) == parse_payload(label.address.partition("/v/")[2])
    dots = DPI / 25.4
    left, top = form.place(first - 1)
    edge = 0.75 * form.margin_mm  # letters may reach a little beyond their advance
    inside = (
        (left + edge) * dots,
        (top + edge) * dots,
        (left + form.width_mm - edge) * dots,
        (top + form.height_mm - edge) * dots,
    )
    black = ink(page)
    assert black[0] >= inside[0]
    assert black[1] >= inside[1]
    assert black[2] <= inside[2]
    assert black[3] <= inside[3]


@settings(max_examples=40, deadline=None)
@given(label=contents(), form=formats, dpi=st.sampled_from([203, 300, 600]))
def test_a_picture_is_read_back_with_its_quiet_zone_white(
    label: LabelContent, form: Format, dpi: int
) -> None:
    image = Image.open(io.BytesIO(render_png(label, form, dpi=dpi))).convert("L")
    placed = lay_out(label, form)
    dots = dpi / 25.4

    [found] = zxingcpp.read_barcodes(image)

    assert found.text == label.url
    quiet = QUIET_MODULES * placed.module
    side = len(placed.rows) * placed.module
    x, y = placed.symbol_x, placed.symbol_y
    for box in (
        (x - quiet, y - quiet, x, y + side + quiet),
        (x + side, y - quiet, x + side + quiet, y + side + quiet),
        (x - quiet, y - quiet, x + side + quiet, y),
        (x - quiet, y + side, x + side + quiet, y + side + quiet),
    ):
        # A dot of rounding at each side
        left, top = (round(one * dots) + 1 for one in box[:2])
        right, bottom = (round(one * dots) - 1 for one in box[2:])
        assert image.crop((left, top, right, bottom)).getextrema() == (255, 255)


@settings(max_examples=40, deadline=None)
@given(label=contents(), form=formats)
def test_no_lines_overlap_and_all_formats_say_the_same(
    label: LabelContent, form: Format
) -> None:
    placed = lay_out(label, form)

    lines = placed.texts
    column = [line for line in lines if line.y < placed.rule_y]
    for upper, lower in pairwise(column):
        assert upper.y + 0.14 * upper.size <= lower.y - 0.86 * lower.size + 1e-9
    said = "".join(line.text for line in lines)
    for text in (label.title_zh, label.title_en, label.maker, label.made_on, label.lot):
        kept = "".join(text.split()).replace("·", "")
        assert kept in "".join(said.split()).replace("·", "")
    assert render_svg(label, form).count("<g ") == len(lines)


@settings(max_examples=60, deadline=None)
@given(label=contents(), stranger=st.characters(min_codepoint=0x1F300), form=formats)
def test_what_the_face_lacks_is_named(
    label: LabelContent, stranger: str, form: Format
) -> None:
    text = f"{label.maker[:4]}{stranger}"
    assume(missing(stranger))
    worded = replace(label, maker=text)

    with pytest.raises(CannotSet) as caught:
        lay_out(worded, form)
    assert caught.value.values["characters"] == stranger


@settings(max_examples=30, deadline=None)
@given(label=contents(), length=st.integers(200, 400))
def test_what_does_not_fit_is_refused_and_never_cut(
    label: LabelContent, length: int
) -> None:
    long = "再" * length
    worded = replace(label, maker=long)

    with pytest.raises(TooLong, match=long):
        lay_out(worded, FORMATS["60x40"])
