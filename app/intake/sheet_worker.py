"""Reads a spreadsheet in a process of its own, within limits of memory and time.

A spreadsheet of a few kilobytes can ask for gigabytes: two cells in opposite corners
are enough. So the file is opened here, where the system ends what goes too far, and
rows go back as lines of JSON. Run as a script, with the file as standard input;
imports nothing of the application.

The first line is an object: the sheet's name, the others that hold something, and
what is not known of its numbers; or ``{"error": ...}``. Each further line is the list
of the cells of a row, from row 1 and column 1 on: text, numbers with at most 15
digits (what spreadsheet programs keep), ``true``, ``false``, null, and dates as
``["datetime", "2026-03-05T08:30:00"]``.

Cells that show ``95%`` hold 0.95, and cells with an error or a formula that was never
worked out come through as empty: in XLSX files, the cells' formats and kinds are read
beside their values, so that the first become ``95%`` again and the others are seen.
"""

from __future__ import annotations

import io
import json
import math
import re
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

import python_calamine as calamine

MAX_MEMORY = 1 << 30
MAX_SECONDS = 120
MAX_COLUMNS = 200
OUR_HELP_SHEETS = frozenset({"help", "说明"})
PERCENT_FORMATS = frozenset({9, 10})  # built-in formats 0% and 0.00%
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^]]*\]')
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
Marks = dict[tuple[int, int], str]


def limit() -> None:
    """Ask the system to end this process where it takes too much."""
    try:
        import resource  # noqa: PLC0415 - not there on every system
    except ImportError:
        return
    for kind, most in (
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_CPU, MAX_SECONDS),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def main() -> None:
    """Write the first visible sheet of standard input to standard output."""
    limit()
    out = sys.stdout
    try:
        content = sys.stdin.buffer.read()
        for line in lines(content):
            out.write(json.dumps(line) + "\n")
    except calamine.PasswordError:
        out.write('{"error": "password"}\n')
    except MemoryError:
        out.write('{"error": "memory"}\n')
    except (KeyboardInterrupt, BrokenPipeError):
        raise SystemExit(1) from None
    except BaseException as error:  # a panic of the reader is no Exception
        out.write(json.dumps({"error": "broken", "reason": str(error)[:200]}) + "\n")


def lines(content: bytes) -> Iterator[Any]:
    """What is written, line by line."""
    book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    names = _data_sheets(book)
    if not names:
        yield {"error": "empty"}
        return
    sheet = book.get_sheet_by_name(names[0])
    if sheet.end is None:
        yield {"error": "empty"}
        return
    if sheet.end[1] >= MAX_COLUMNS:
        yield {"error": "columns", "columns": sheet.end[1] + 1}
        return
    marks, epoch_1904, known = _of_xlsx(content, book, names[0])
    yield {
        "sheet": names[0],
        "others": names[1:],
        "percent_known": known,
        "epoch_1904": epoch_1904,
    }
    skipped = (sheet.start or (0, 0))[1]
    for row, cells in enumerate(sheet.iter_rows(), 1):
        yield [None] * skipped + [
            _cell(cell, marks.get((row, column)))
            for column, cell in enumerate(cells, skipped + 1)
        ]


def _data_sheets(book: calamine.CalamineWorkbook) -> list[str]:
    """Names of the visible sheets that hold something, our help sheet left out."""
    visible = [
        one.name
        for one in book.sheets_metadata
        if one.visible == calamine.SheetVisibleEnum.Visible
        and one.typ == calamine.SheetTypeEnum.WorkSheet
        and one.name not in OUR_HELP_SHEETS
    ]
    return [name for name in visible if book.get_sheet_by_name(name).end is not None]


def _cell(value: Any, mark: str | None) -> Any:  # noqa: ANN401 - any kind of cell
    if value == "":
        return None if mark == "%" else mark
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        if mark == "%":
            return f"{(Decimal(_digits(value)) * 100).normalize():f}%"
        return _number(value)
    if isinstance(value, timedelta):
        return ["duration", str(value)]
    kind = {datetime: "datetime", date: "date", time: "time"}[type(value)]
    return [kind, value.isoformat()]


def _digits(value: float) -> str:
    """The number as a spreadsheet program shows it: at most 15 digits."""
    return format(value, ".15g")


def _number(value: float) -> int | float:
    """The same as a number: its shortest spelling is that of ``_digits``."""
    if math.isfinite(value) and value == int(value) and abs(value) < 10**15:
        return int(value)
    return float(_digits(value))


def _of_xlsx(
    content: bytes, book: calamine.CalamineWorkbook, name: str
) -> tuple[Marks, bool, bool]:
    """Cells that their value alone misleads about, and the date system.

    Returns:
        By row and column: ``%`` for a percentage, an error as it shows, ``=`` for a
        formula without a value. Whether dates count from 1904. Whether percentages
        are known: only XLSX files tell.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return {}, False, False
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "xl/workbook.xml" not in archive.namelist():
            return {}, False, False
        workbook = _xml(archive, "xl/workbook.xml")
        epoch = [one for one in workbook.iter() if _local(one.tag) == "workbookPr"]
        epoch_1904 = bool(epoch) and epoch[0].get("date1904") in ("1", "true")
        path = _path_of_sheet(archive, workbook, name)
        percent = _percent_styles(archive)
        scan = _Scan(percent)
        with archive.open(path) as stream:
            scan.read(stream)
    return scan.marks, epoch_1904, True


def _xml(archive: zipfile.ZipFile, path: str) -> ElementTree.Element:
    return ElementTree.fromstring(archive.read(path))  # noqa: S314 - as above


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _path_of_sheet(
    archive: zipfile.ZipFile, workbook: ElementTree.Element, name: str
) -> str:
    relation = next(
        value
        for sheet in workbook.iter()
        if _local(sheet.tag) == "sheet" and sheet.get("name") == name
        for key, value in sheet.attrib.items()
        if _local(key) == "id"
    )
    targets = {
        one.get("Id"): one.get("Target", "")
        for one in _xml(archive, "xl/_rels/workbook.xml.rels")
    }
    target = targets[relation]
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _percent_styles(archive: zipfile.ZipFile) -> frozenset[int]:
    """Numbers of the cell styles that show a value as a percentage."""
    if "xl/styles.xml" not in archive.namelist():
        return frozenset()
    styles = _xml(archive, "xl/styles.xml")
    formats = set(PERCENT_FORMATS)
    found: list[int] = []
    for part in styles:
        if _local(part.tag) == "numFmts":
            formats |= {
                int(one.get("numFmtId", "0"))
                for one in part
                if "%" in _QUOTED.sub("", one.get("formatCode", ""))
            }
        if _local(part.tag) == "cellXfs":
            found = [int(one.get("numFmtId", "0")) for one in part]
    return frozenset(n for n, number in enumerate(found) if number in formats)


class _Scan:
    """One pass over the cells of a sheet of an XLSX file."""

    def __init__(self, percent: frozenset[int]) -> None:
        self.marks: Marks = {}
        self._percent = percent
        self._row = self._column = 0
        self._kind = self._style = ""
        self._formula = False
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def read(self, stream: Any) -> None:  # noqa: ANN401 - a file of an archive
        """Read the sheet to its end."""
        self._parser.ParseFile(stream)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if name == "c":
            self._column += 1
            if match := _REFERENCE.fullmatch(attributes.get("r", "")):
                self._column, self._row = _column(match[1]), int(match[2])
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._formula = False
        elif name == "f":
            self._formula = True
        elif name == "row":
            self._row, self._column = int(attributes.get("r", self._row + 1)), 0

    def _end(self, tag: str) -> None:
        if tag.rpartition("}")[2] != "c":
            return
        place = (self._row, self._column)
        if self._kind == "e":
            self.marks[place] = "#ERROR"
        elif self._kind == "n" and int(self._style) in self._percent:
            self.marks[place] = "%"
        elif self._formula and self._kind != "str":
            # Seen only where no value came through: a text may well be empty
            self.marks[place] = "="


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


if __name__ == "__main__":
    main()
