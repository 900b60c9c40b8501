"""Spreadsheets: checked from outside, opened in a process with limits.

See ``sheet_worker``, which runs there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from app.intake.dates import Cell
from app.intake.faults import N_, IntakeError, refuse_file

WORKER = Path(__file__).with_name("sheet_worker.py")
ZIP_MARK = b"PK\x03\x04"
OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_FILE_BYTES = 64 * 2**20
MAX_UNPACKED_BYTES = 512 * 2**20
MAX_MEMBERS = 5_000
# Sheets pack at 10 to 60 to 1; a bomb at 1,000 to 1
MAX_RATIO = 150
SMALL_BYTES = 16 * 2**20


def is_spreadsheet(sample: bytes) -> bool:
    """Whether a file begins like an XLSX, ODS or XLS file."""
    return sample.startswith((ZIP_MARK, OLE_MARK))


def open_spreadsheet(
    stream: BinaryIO, size: int
) -> tuple[dict[str, Any], Iterator[list[Cell | None]]]:
    """The first visible sheet that holds something.

    Args:
        stream: At its start.
        size: Bytes of it.

    Returns:
        What the worker says of the file, and its rows from row 1 on.

    Raises:
        IntakeError: It is broken, protected, too large, or packed too well.
    """
    if size > MAX_FILE_BYTES:
        raise refuse_file(
            N_("found {size} MB, expected at most {limit} MB; save it as CSV"),
            size=-(-size // 2**20),
            limit=MAX_FILE_BYTES // 2**20,
        )
    if stream.read(len(ZIP_MARK)) == ZIP_MARK:
        check_archive(stream, size)
    stream.seek(0)
    messages = _run(stream)
    meta = next(messages)
    return meta, (_row(cells) for cells in messages)


def check_archive(stream: BinaryIO, size: int) -> None:
    """Refuse an archive that unpacks to far more than a sheet of its size would.

    Raises:
        IntakeError: It does, or it is broken.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise broken() from None
    unpacked = sum(one.file_size for one in members)
    if (
        unpacked > MAX_UNPACKED_BYTES
        or len(members) > MAX_MEMBERS
        or (unpacked > SMALL_BYTES and unpacked > MAX_RATIO * size)
    ):
        raise refuse_file(
            N_("it unpacks to {size} MB, far more than its rows need; save it as CSV"),
            size=-(-unpacked // 2**20),
        )


def broken() -> IntakeError:
    """The fault of a file that cannot be opened."""
    return refuse_file(
        N_("it cannot be opened as a spreadsheet; save it as XLSX or CSV again")
    )


def _run(stream: BinaryIO) -> Iterator[Any]:
    """The messages of the worker; it ends with the reader."""
    with tempfile.TemporaryFile() as copy:
        while chunk := stream.read(2**20):
            copy.write(chunk)
        copy.seek(0)
        with subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-I", str(WORKER)],
            stdin=copy,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield from _messages(process)
            finally:
                process.kill()


def _messages(process: subprocess.Popen[bytes]) -> Iterator[Any]:
    if process.stdout is None:
        raise broken()
    for line in process.stdout:
        message = json.loads(line, parse_float=Decimal)
        if isinstance(message, dict) and "error" in message:
            raise _refused(message)
        yield message
    if process.wait() != 0:
        raise refuse_file(
            N_("it takes too much memory or time to open; save it as CSV")
        )


def _refused(message: dict[str, Any]) -> IntakeError:
    match message["error"]:
        case "password":
            return refuse_file(N_("it is protected by a password; save it without one"))
        case "memory":
            return refuse_file(
                N_("it takes too much memory or time to open; save it as CSV")
            )
        case "columns":
            return refuse_file(
                N_("found {columns} columns, expected those of the template"),
                columns=message["columns"],
            )
        case "empty":
            return refuse_file(N_("it is empty"))
        case _:
            return broken()


def _row(cells: list[Any]) -> list[Cell | None]:
    return [_typed(cell) if isinstance(cell, list) else cell for cell in cells]


def _typed(cell: list[str]) -> Cell:
    kind, text = cell
    match kind:
        case "datetime":
            return datetime.fromisoformat(text)
        case "date":
            return date.fromisoformat(text)
        case "time":
            return time.fromisoformat(text)
        case _:
            return text
