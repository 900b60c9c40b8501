"""CSV by RFC 4180: every row or an error, in pieces, in constant memory.

For people (``zh``, ``en``) the heads are words and a byte order mark lets Excel
read UTF-8; for programs (``machine``) the heads are column ids and there is no
mark. Nothing but rows follows the head: what the figures rest on travels beside
them, in ``metadata.csv`` of the zip file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import BinaryIO, Literal

from app.export.errors import BadCell
from app.export.tables import Cell, Column, Language, Table, checked_rows

Audience = Literal["machine", "zh", "en"]

BOM = "\ufeff"
ROWS_PER_CHUNK = 2_000
# a zip file with one date for all its parts: the same statement, the same bytes
ZIP_DATE = (1980, 1, 1, 0, 0, 0)

# OWASP, "CSV Injection": what a spreadsheet may take for the start of a formula;
# East Asian editions read the full-width signs alike
_FORMULA_START = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def defuse(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> defuse("=1+1"), defuse("-12.5"), defuse("废铝")
    ("'=1+1", '-12.5', '废铝')

    Args:
        text: What stands in the cell. Numbers keep their sign: a quote before a
            negative number would make it text.

    Returns:
        The text, with an apostrophe before it where it could start a formula.
    """
    if text[:1] in _FORMULA_START and text and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def csv_chunks(table: Table, audience: Audience = "machine") -> Iterator[bytes]:
    """A table as CSV, piece by piece.

    Args:
        table: Its rows are read once, while the pieces are taken.
        audience: Whom it is for: decides heads and byte order mark.

    Yields:
        UTF-8 bytes; together they are the file. A stream that ends in an error is
        not a file: whoever sends it must break it off, not end it.

    Raises:
        BadCell: A cell does not fit its column, or holds half a character.
        RowCountDiffers: There are more or fewer rows than promised.
    """
    to_texts = [_FORMATS[column.type] for column in table.columns]
    rows = (
        [
            "" if cell is None else to_text(cell)
            for to_text, cell in zip(to_texts, row, strict=True)
        ]
        for row in checked_rows(table)
    )
    head = [_head(column, audience) for column in table.columns]
    yield (b"" if audience == "machine" else BOM.encode()) + _lines([head])
    while chunk := list(islice(rows, ROWS_PER_CHUNK)):
        yield _lines(chunk)


def _head(column: Column, audience: Audience) -> str:
    return column.id if audience == "machine" else defuse(column.head(audience))


def _lines(rows: Iterable[list[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    try:
        return buffer.getvalue().encode()
    except UnicodeEncodeError as error:
        raise BadCell(
            "a text holds half a character: {found}", found=ascii(error.object[:80])
        ) from error


def _text(cell: Cell) -> str:
    text = str(cell)
    return defuse(text) if text[:1] in _FORMULA_START else text


def _decimal(cell: Cell) -> str:
    # never in scientific notation, which Decimal picks for 0.0000001
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)


def _date(cell: Cell) -> str:
    return cell.isoformat() if isinstance(cell, date) else ""


_FORMATS: dict[str, Callable[[Cell], str]] = {
    "text": _text,
    "integer": str,
    "decimal": _decimal,
    "ppm": str,
    "date": _date,
}


def write_statement_zip(
    table: Table,
    target: BinaryIO,
    *,
    audience: Audience = "machine",
    publisher: str,
    address: str,
) -> None:
    """A statement as one zip file: ``data.csv``, ``metadata.csv``, ``README.txt``.

    The same table gives the same bytes: no clock goes in.

    Args:
        table: Its rows are read once.
        target: Open for writing in binary; need not be seekable.
        audience: As for ``csv_chunks``.
        publisher: Who is named in the citation.
        address: The statement's address, as it is cited.

    Raises:
        BadCell: A cell does not fit its column.
        RowCountDiffers: There are more or fewer rows than promised.
    """
    digest = hashlib.sha256()
    with zipfile.ZipFile(target, "w") as archive:
        with archive.open(_part("data.csv"), "w", force_zip64=True) as data:
            for chunk in csv_chunks(table, audience):
                digest.update(chunk)
                data.write(chunk)
        archive.writestr(
            _part("metadata.csv"), b"".join(csv_chunks(metadata(table), audience))
        )
        readme = _readme(table, digest.hexdigest(), publisher, address)
        archive.writestr(_part("README.txt"), (BOM + readme).encode())


def _part(name: str) -> zipfile.ZipInfo:
    part = zipfile.ZipInfo(name, date_time=ZIP_DATE)
    part.compress_type = zipfile.ZIP_DEFLATED
    part.external_attr = 0o644 << 16
    return part


def metadata(table: Table) -> Table:
    """What a table rests on, as a table of its own.

    Args:
        table: Only its ``meta`` is read.
    """
    return Table(
        id=f"{table.id}-metadata",
        title_zh=f"{table.title_zh}：元数据",
        title_en=f"{table.title_en}: metadata",
        columns=(
            Column("key", "键", "Key", "text"),
            Column("label_zh", "名称（中文）", "Name in Chinese", "text"),
            Column("label_en", "名称（英文）", "Name in English", "text"),
            Column("value", "值", "Value", "text"),
        ),
        rows=[
            (item.key, item.label_zh, item.label_en, item.value) for item in table.meta
        ],
        row_count=len(table.meta),
    )


def citation(table: Table, language: Language, publisher: str, address: str) -> str:
    """How to cite a statement: publisher, title, id, method, vintage, root, address.

    Args:
        table: One with the ``meta`` of ``statement_meta``.
        language: Of the sentence.
        publisher: Who made it.
        address: Where it can be had again.
    """
    of = table.meta_value
    if language == "zh":
        return (
            f"{publisher}：《{table.title_zh}》，{of('statement')}，"
            f"方法 {of('method')}，版本 {of('vintage')}（账本 {of('log_origin')}，"
            f"根哈希 {of('log_root')}）。{address}"
        )
    return (
        f"{publisher}: {table.title_en}. {of('statement')}, method {of('method')}, "
        f"vintage {of('vintage')} (log {of('log_origin')}, root {of('log_root')}). "
        f"{address}"
    )


def _readme(table: Table, sha256: str, publisher: str, address: str) -> str:
    parts = {
        "zh": (
            f"data.csv：全部 {table.row_count} 行，SHA-256 {sha256}",
            "metadata.csv：方法、覆盖范围、版本、检查点、国家数据版次",
            "列",
            "引用格式",
        ),
        "en": (
            f"data.csv: all {table.row_count} rows, SHA-256 {sha256}",
            "metadata.csv: method, coverage, vintage, checkpoint, national editions",
            "Columns",
            "Cite as",
        ),
    }
    languages: tuple[Language, Language] = ("zh", "en")
    lines: list[str] = []
    for language in languages:
        data, beside, columns, cite_as = parts[language]
        heads = (f"  {one.id}  {one.head(language)}" for one in table.columns)
        cited = citation(table, language, publisher, address)
        lines += [table.title(language), "", data, beside, "", columns, *heads]
        lines += ["", cite_as, f"  {cited}", "", ""]
    return "\r\n".join(lines)
