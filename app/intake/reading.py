"""Bytes to rows of cells, whatever program has written them.

Text files are read as a stream: UTF-8 with or without byte order mark, UTF-16,
GB18030, separated by comma, semicolon, tab or full-width comma. An encoding is taken
only if the whole file decodes in it and the outcome looks like text that people
write; else the file is refused, since a wrong guess turns names into other names.
(Korean in EUC-KR has the byte pairs of common Chinese characters: there only the
heads tell.)
Spreadsheets (XLSX, XLS, ODS) go through ``sheets``.

Rows are numbered as a spreadsheet program shows them: blank rows count, and a cell
with line breaks is still one row.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from app.intake.dates import Cell
from app.intake.faults import N_, refuse_file
from app.intake.sheets import is_spreadsheet, open_spreadsheet

MAX_BYTES = 256 * 2**20
MAX_COLUMNS = 200
MAX_LINE = 2**20
SAMPLE_BYTES = 2**16
CHUNK_BYTES = 2**20
SEPARATORS = (",", ";", "\t", "，")
# Below so many rare characters a text may hold names; above, it must not be mostly them
RARE_CHARACTERS = 8
# Encodings in which other text decodes too: the outcome has to look right
GUESSED = frozenset({"gb18030", "utf-16-le", "utf-16-be"})
CLEARLY = 4
_SEP_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
_DEFUSED = re.compile(r"'+[=+\-@＝＋－＠\t\r]")
_NONSENSE = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff]")


class Row(NamedTuple):
    """One row: its number as a person sees it, and its cells; None where empty."""

    number: int
    cells: list[Cell | None]


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was opened.

    Attributes:
        rows: From the first row on that holds something, to be read once.
        form: ``csv``, ``xlsx``, or ``other`` for older and other spreadsheets.
        encoding: Of a text file.
        sheet: Name of the sheet that is read.
        other_sheets: Names of visible sheets that hold something too.
        percent_known: Whether a number says if it shows as a percentage: 0.95 in a
            cell that shows 95 %.
        epoch_1904: Whether numbers count days from 1904, as old Macintosh files do.
    """

    rows: Iterator[Row]
    form: str
    encoding: str | None = None
    sheet: str | None = None
    other_sheets: tuple[str, ...] = ()
    percent_known: bool = True
    epoch_1904: bool = False


def open_table(source: bytes | BinaryIO, *, max_bytes: int = MAX_BYTES) -> Table:
    """Open a file of rows; what it is follows from its bytes, not from its name.

    Args:
        source: The bytes, or a file that can be read from the start again.
        max_bytes: The most that is read.

    Raises:
        IntakeError: It is empty, too large, broken, in no encoding that is read. The
            rows raise it too, where a fault stands further down.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    size = stream.seek(0, io.SEEK_END)
    if size > max_bytes:
        raise refuse_file(
            N_("found {size} MB, expected at most {limit} MB"),
            size=-(-size // 2**20),
            limit=max_bytes // 2**20,
        )
    stream.seek(0)
    sample = stream.read(SAMPLE_BYTES)
    stream.seek(0)
    if not sample.strip(b"\0\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise refuse_file(N_("it is empty"))
    if is_spreadsheet(sample):
        meta, rows = open_spreadsheet(stream, size)
        return Table(
            (Row(number, cells) for number, cells in enumerate(rows, 1)),
            form="xlsx" if meta["percent_known"] else "other",
            sheet=meta["sheet"],
            other_sheets=tuple(meta["others"]),
            percent_known=meta["percent_known"],
            epoch_1904=meta["epoch_1904"],
        )
    if sample.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise refuse_file(
            N_("it is a web page or XML under another name; save it as XLSX or CSV")
        )
    encoding = find_encoding(stream, sample)
    return Table(_text_rows(stream, encoding), form="csv", encoding=encoding)


def find_encoding(stream: BinaryIO, sample: bytes) -> str:
    """The encoding of a text file, tried on all of it.

    Raises:
        IntakeError: It decodes in none that is read, or to nonsense.
    """
    if sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise _unknown_encoding()
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ["utf-16"]
    elif sample.startswith(codecs.BOM_UTF8):
        candidates = ["utf-8-sig"]
    elif b"\0" in sample:
        candidates = _utf_16(sample)
    else:
        candidates = ["utf-8", "gb18030"]
    for encoding in candidates:
        if _decodes(stream, encoding):
            return encoding
    raise _unknown_encoding()


def _unknown_encoding() -> Exception:
    return refuse_file(
        N_(
            "it is no text in UTF-8, GB18030 or UTF-16, and no XLSX, XLS or ODS file; "
            "save it as CSV UTF-8 or as XLSX"
        )
    )


def _utf_16(sample: bytes) -> list[str]:
    """UTF-16 without a mark: separators and line ends have a zero byte on one side."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    # A few characters, such as U+4E00, have their zero on the other side
    if max(even, odd) < CLEARLY * min(even, odd):
        return []
    return ["utf-16-le" if odd > even else "utf-16-be"]


def _decodes(stream: BinaryIO, encoding: str) -> bool:
    """Whether the whole file decodes, and begins like text that people write."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    stream.seek(0)
    first = True
    try:
        while chunk := stream.read(CHUNK_BYTES):
            text = decoder.decode(chunk)
            if "\0" in text or (encoding in GUESSED and _NONSENSE.search(text)):
                return False
            if first and encoding == "gb18030" and _is_mojibake(text):
                return False
            first = False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        stream.seek(0)
    return True


def _is_mojibake(text: str) -> bool:
    """Whether text of another encoding was decoded: rare characters prevail.

    Nearly everything decodes as GB18030. What people write in Chinese is almost all
    of GB 2312; another encoding read as GB18030 gives characters from all over.
    """
    others = [one for one in text[:SAMPLE_BYTES] if not one.isascii()]
    usual = "".join(others).encode("gb2312", "ignore").decode("gb2312")
    rare = len(others) - len(usual)
    return rare >= RARE_CHARACTERS and rare > len(usual)


def _text_rows(stream: BinaryIO, encoding: str) -> Iterator[Row]:
    text = io.TextIOWrapper(stream, encoding=encoding, errors="strict", newline="")
    try:
        first = text.readline(MAX_LINE)
        if match := _SEP_LINE.fullmatch(first):
            # A note for spreadsheet programs, which do not show it as a row
            lines, separator = _lines(text), match[1]
        else:
            lines, separator = _lines(text, first), find_separator(first)
        number = 0
        reader = csv.reader(lines, delimiter=separator, strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise _bad_line(number + 1, error) from None
            number += 1
            yield Row(number, [_undefused(cell) for cell in cells])
    finally:
        text.detach()


def _bad_line(number: int, error: csv.Error) -> Exception:
    if "field larger" in str(error) or "unexpected end" in str(error):
        return refuse_file(
            N_('a quotation mark (") is opened here and never closed'), row=number
        )
    return refuse_file(
        N_('a quotation mark (") inside a quoted cell is not doubled'), row=number
    )


def _lines(text: io.TextIOWrapper, first: str = "") -> Iterator[str]:
    line = first or text.readline(MAX_LINE)
    while line:
        if len(line) >= MAX_LINE:
            raise refuse_file(N_("a line is longer than {limit} bytes"), limit=MAX_LINE)
        yield line
        line = text.readline(MAX_LINE)


def find_separator(head: str) -> str:
    """The separator of the line of heads: the one that gives most cells."""

    def cells(separator: str) -> int:
        try:
            return len(next(csv.reader([head], delimiter=separator)))
        except (csv.Error, StopIteration):
            return 0

    return max(SEPARATORS, key=cells)


def _undefused(cell: str) -> str | None:
    """A cell without the apostrophe that keeps programs from working out formulas."""
    if not cell:
        return None
    if cell[0] == "'" and _DEFUSED.match(cell):
        return cell[1:]
    return cell
