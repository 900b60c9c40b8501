"""Labels as they are printed: read back by an independent decoder."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from labels.codes import BadCode, format_code, new_code
from labels.column import SMALLEST_MM
from labels.errors import BadAddress, CannotSet, TooCoarse, TooFine, TooLong
from labels.fonts import missing, width
from labels.layout import (
    FORMATS,
    SMALLEST_ADDRESS_MM,
    SMALLEST_MODULE_MM,
    Format,
    LabelContent,
    lay_out,
)
from labels.payload import (
    QUIET_MODULES,
    address_line,
    dark_runs,
    label_url,
    parse_payload,
    symbol,
)
from labels.pdf import write_pdf
from labels.png import render_png
from labels.svg import render_svg

BASE = "https://remelt.example"
DPI = 200
EVERY_FORMAT = pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))


def content(code: str | None = None, **more: Any) -> LabelContent:
    """A label with a claim."""
    code = code or new_code()
    plain = LabelContent(
        url=label_url(BASE, code),
        address=address_line(BASE, code),
        title_zh="6063 铝合金圆铸锭",
        title_en="Aluminium billet 6063",
        net="12 480 kg",
        share="97.1 %",
        basis_zh="受控混合（ISO 22095）",
        basis_en="controlled blending",
        lot=format_code(new_code()),
        maker="示例再生铝业（佛山）有限公司",
        made_on="2026-03-05",
    )
    return replace(plain, **more)


UNCLAIMED = {
    "share": "",
    "basis_zh": "未作再生含量声明",
    "basis_en": "No recycled-content claim is made",
}


def pages(labels: list[LabelContent], form: Format, **more: Any) -> list[Image.Image]:
    """The pages of a PDF file as pictures of 200 dpi."""
    stream = io.BytesIO()
    count = write_pdf(labels, form, stream, **more)
    with pypdfium2.PdfDocument(stream.getvalue()) as document:
        assert len(document) == count
        return [page.render(scale=DPI / 72).to_pil() for page in document]


def decoded(image: Image.Image) -> list[str]:
    found = zxingcpp.read_barcodes(image)
    return sorted(one.text for one in found)


@EVERY_FORMAT
@pytest.mark.parametrize("more", [{}, UNCLAIMED], ids=["claim", "no claim"])
def test_a_pdf_label_is_read_back(form: Format, more: dict[str, str]) -> None:
    labels = [content(**more) for _ in range(form.per_page + 1)]

    printed = pages(labels, form)

    assert len(printed) == 2
    assert decoded(printed[0]) == sorted(one.url for one in labels[: form.per_page])
    assert decoded(printed[1]) == [labels[-1].url]


@EVERY_FORMAT
@pytest.mark.parametrize("dpi", [203, 300, 600])
def test_a_png_label_is_read_back_and_has_no_grey(form: Format, dpi: int) -> None:
    label = content()

    image = Image.open(io.BytesIO(render_png(label, form, dpi=dpi)))

    assert image.mode == "1"
    assert image.size == (
        round(form.width_mm * dpi / 25.4),
        round(form.height_mm * dpi / 25.4),
    )
    assert decoded(image.convert("L")) == [label.url]


@EVERY_FORMAT
def test_an_svg_label_is_read_back_from_its_own_path(form: Format) -> None:
    label = content()

    root = ElementTree.fromstring(render_svg(label, form))

    space = {"s": "http://www.w3.org/2000/svg"}
    path = root.find("s:path[@shape-rendering]", space)
    assert path is not None
    assert root.get("width") == f"{form.width_mm}mm"
    image = Image.new("L", (400, 400), 255)
    draw = ImageDraw.Draw(image)
    for x, y, wide in re.findall(r"M(\d+) (\d+)h(\d+)", path.get("d") or ""):
        left, top = (int(x) + 4) * 8, (int(y) + 4) * 8
        draw.rectangle((left, top, left + int(wide) * 8 - 1, top + 7), fill=0)
    assert decoded(image) == [label.url]
    assert "text" not in {one.tag.rpartition("}")[2] for one in root.iter()}


@EVERY_FORMAT
def test_ink_stays_off_the_edge_and_out_of_the_quiet_zone(form: Format) -> None:
    label = content()
    image = Image.open(io.BytesIO(render_png(label, form, dpi=300))).convert("L")
    placed = lay_out(label, form)
    dots = 300 / 25.4

    ink = image.point(lambda dot: 255 - dot).getbbox()

    assert ink is not None
    edge = 0.8 * form.margin_mm * dots
    assert ink[0] >= edge
    assert ink[1] >= edge
    assert ink[2] <= image.width - edge
    assert ink[3] <= image.height - edge
    quiet = QUIET_MODULES * placed.module
    side = len(placed.rows) * placed.module
    box = [
        placed.symbol_x - quiet,
        placed.symbol_y - quiet,
        placed.symbol_x + side + quiet,
        placed.symbol_y + side + quiet,
    ]
    left, top, right, bottom = (round(one * dots) for one in box)
    around = image.crop((left, top, right, bottom))
    inner = round(quiet * dots)
    draw = ImageDraw.Draw(around)
    draw.rectangle(
        (inner - 1, inner - 1, around.width - inner, around.height - inner), fill=255
    )
    assert around.getextrema()[0] == 255


@EVERY_FORMAT
def test_nothing_overlaps_and_nothing_is_too_small_to_read(form: Format) -> None:
    long = {
        "title_zh": "再生变形铝合金原料（混合型材破碎料）6063",
        "title_en": "Recycled wrought aluminium alloy raw material, profiles",
        "maker": "示例再生有色金属资源循环利用科技（广东佛山）集团股份有限公司",
    }
    for label in (content(), content(**long), content(**UNCLAIMED)):
        placed = lay_out(label, form)

        assert placed.module >= SMALLEST_MODULE_MM
        column = placed.texts[:-1]
        right = form.width_mm - form.margin_mm
        for line in placed.texts:
            assert line.size >= SMALLEST_ADDRESS_MM
            assert line.x + width(line.text) * line.size <= right + 0.01
        assert min(line.size for line in column) >= SMALLEST_MM
        for upper, lower in pairwise(column):
            assert lower.y - lower.size * 0.86 >= upper.y + upper.size * 0.14
        assert column[-1].y + column[-1].size * 0.2 <= placed.rule_y
        edge = placed.symbol_x + len(placed.rows) * placed.module
        assert min(line.x for line in column) >= edge + QUIET_MODULES * placed.module


@EVERY_FORMAT
def test_lines_of_a_kind_are_alike_and_stand_on_the_axis_of_the_symbol(
    form: Format,
) -> None:
    placed = lay_out(content(), form)
    sizes = {line.text: line.size for line in placed.texts}

    assert sizes["示例再生铝业（佛山）有限公司"] == sizes["2026-03-05"]
    assert sizes["受控混合（ISO 22095）"] == sizes["2026-03-05"]
    assert len({line.x for line in placed.texts[:-1]}) == 1
    first, last = placed.texts[0], placed.texts[-2]
    middle = (first.y - 0.86 * first.size + last.y + 0.14 * last.size) / 2
    side = len(placed.rows) * placed.module
    assert middle == pytest.approx(placed.symbol_y + side / 2, abs=0.01)


def test_a_long_name_breaks_before_its_bracket_and_a_code_never() -> None:
    label = content(
        title_zh="再生变形铝合金原料（混合型材破碎料）6063",
        maker="示例再生有色金属资源循环利用科技（广东佛山）集团股份有限公司",
    )
    lines = [line.text for line in lay_out(label, FORMATS["60x40"]).texts]

    assert "（混合型材破碎料）6063" in lines
    assert "（广东佛山）集团股份有限公司" in lines
    assert f"批次 Lot  {label.lot}" in lines
    assert not any(line.endswith(("（", "·")) for line in lines)


@EVERY_FORMAT
def test_an_example_says_so(form: Format) -> None:
    placed = lay_out(content(example=True), form)
    address, mark = placed.texts[-2:]

    assert mark.text == "示例 / example"
    assert mark.y == address.y
    assert address.x + width(address.text) * address.size < mark.x
    plain = [line.text for line in lay_out(content(), form).texts]
    assert mark.text not in plain


def test_a_printer_too_coarse_for_the_symbol_is_refused() -> None:
    base = "https://trace.example-recycling-group.com.cn/remelt"
    code = new_code()
    label = content(url=label_url(base, code), address=address_line(base, code))

    with pytest.raises(TooCoarse, match="203 dots an inch"):
        render_png(label, FORMATS["60x40"], dpi=203)
    image = Image.open(io.BytesIO(render_png(label, FORMATS["60x40"], dpi=300)))
    assert decoded(image.convert("L")) == [label.url]


def test_a_sheet_that_was_partly_used_is_used_up() -> None:
    form = FORMATS["a4_3x7"]
    labels = [content() for _ in range(3)]

    first, second = pages(labels, form, first=20)

    assert decoded(first) == sorted(one.url for one in labels[:2])
    assert decoded(second) == [labels[2].url]
    upper = first.crop((0, 0, first.width, first.height * 6 // 7))
    assert upper.convert("L").getextrema() == (255, 255)
    for place in (0, 22, -1):
        with pytest.raises(ValueError, match="expected 1 to 21"):
            pages(labels, form, first=place)


@pytest.mark.parametrize(
    ("field", "text", "characters"),
    [
        ("maker", "𠮷田示例有限公司", "𠮷"),
        ("title_zh", "镓 🌧 锭", "🌧"),
    ],
)
def test_what_cannot_be_set_is_named(field: str, text: str, characters: str) -> None:
    with pytest.raises(CannotSet, match=characters) as caught:
        lay_out(content(**{field: text}), FORMATS["100x70"])

    assert f"U+{ord(characters):04X}" in str(caught.value)


def test_the_font_sets_what_the_trade_writes() -> None:
    assert (
        missing("镓锗铟铼钽铌锆铪钪钇镧铈镨钕钐铕钆铽镝钬铒铥镱镥（）·、。％±≥№ÅéüñΩ")
        == ""
    )
    assert missing("a\u202eb𠮷") == "\u202e𠮷"


def test_the_font_has_every_character_of_gb_2312_and_of_gbk() -> None:
    pairs = [
        bytes([high, low]) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF)
    ]
    gb_2312 = "".join(pair.decode("gb2312", "ignore") for pair in pairs)

    assert len(gb_2312) == 6763
    assert missing(gb_2312) == ""
    assert missing("".join(map(chr, range(0x4E00, 0x9FA6)))) == ""


def test_a_text_that_is_never_readable_is_refused() -> None:
    with pytest.raises(TooLong, match="does not fit"):
        lay_out(content(maker="示例" * 60), FORMATS["60x40"])


def test_an_address_too_long_for_the_size_is_refused() -> None:
    long = "https://" + "a" * 300 + ".example"
    url = label_url(long, new_code())

    with pytest.raises((TooFine, BadAddress)):
        lay_out(content(url=url, address="a.example/v/X"), FORMATS["60x40"])
    with pytest.raises(BadAddress, match="too long"):
        symbol("A" * 5000)


@pytest.mark.parametrize("base", ["remelt.example", "ftp://remelt.example", "https://"])
def test_an_address_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(BadAddress):
        label_url(base, new_code())


@pytest.mark.parametrize(
    "base", [BASE, "http://192.168.1.20:8000", "https://remelt.example/Chain/"]
)
def test_a_payload_is_parsed_back_in_any_spelling(base: str) -> None:
    code = new_code()
    url = label_url(base, code)

    assert parse_payload(url) == code
    assert parse_payload(f"https://{address_line(base, code)}") == code
    assert parse_payload(format_code(code).lower()) == code
    for other in (url + "/bundle", url[:-1], f"{base}/lots/{code}"):
        with pytest.raises(BadCode):
            parse_payload(other)


def test_capitals_make_a_coarser_symbol() -> None:
    url = label_url(BASE, new_code())

    assert len(symbol(url)) < len(symbol(url.lower()))
    assert len(symbol(url, "H")) > len(symbol(url, "Q"))
    rows = symbol(url)
    assert sum(wide for _, _, wide in dark_runs(rows)) == sum(map(sum, rows))


def test_threads_that_set_their_first_letters_together_all_get_them() -> None:
    """In a process of its own: only there the face has not been read yet."""
    script = """
import sys, threading
from labels.fonts import outline, width
sys.setswitchinterval(1e-6)
start, wrong = threading.Barrier(8), []
def set_one(character):
    start.wait()
    try:
        assert width(character) > 0 and outline(character).startswith("M")
    except Exception as error:
        wrong.append(repr(error))
threads = [threading.Thread(target=set_one, args=(one,)) for one in "再生铝锭铜镓金属"]
[one.start() for one in threads]
[one.join() for one in threads]
sys.exit("; ".join(wrong) or None)
"""
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
