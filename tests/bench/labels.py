"""Labels on A4 sheets, beside the symbols alone."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import qrcode
from qrcode import constants, util

from labels.codes import format_code, new_code
from labels.layout import FORMATS, LabelContent
from labels.payload import MASK, address_line, label_url
from labels.pdf import write_pdf
from tests.bench.rows import Bench, Row

COUNT, COUNT_SMALL = 10_000, 1_000
BASE = "https://remelt.example"


def _labels(codes: list[str]) -> Iterator[LabelContent]:
    for code in codes:
        yield LabelContent(
            url=label_url(BASE, code),
            address=address_line(BASE, code),
            title_zh="6063 铝合金圆铸锭",
            title_en="Aluminium billet 6063 · GB/T 3190",
            net="12 480 kg",
            share="97.1 %",
            basis_zh="受控混合（ISO 22095）",
            basis_en="controlled blending",
            lot=format_code(code),
            maker="示例再生铝业（佛山）有限公司",
            made_on="2026-03-05",
        )


def rows(bench: Bench) -> Iterator[Row]:
    """Labels a second."""
    count = COUNT_SMALL if bench.small else COUNT
    codes = [new_code() for _ in range(count)]
    start = time.perf_counter()
    for code in codes:
        symbol = qrcode.QRCode(
            version=3,
            error_correction=constants.ERROR_CORRECT_Q,
            border=0,
            mask_pattern=MASK,
        )
        text = label_url(BASE, code)
        symbol.add_data(util.QRData(text, mode=2), optimize=0)
        symbol.make(fit=False)
    bare = count / (time.perf_counter() - start)
    start = time.perf_counter()
    stream = io.BytesIO()
    write_pdf(_labels(codes), FORMATS["a4_3x7"], stream)
    ours = count / (time.perf_counter() - start)
    yield Row(
        f"{count:,} labels on A4 sheets",
        bare,
        ours,
        "labels/s",
        ">= 700 labels/s",
        "bare: the symbol alone",
    )
