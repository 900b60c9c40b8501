"""The formats in which a table leaves, by name: one way to write each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Literal, get_args

from app.export.csv import write_statement_zip
from app.export.json import json_chunks
from app.export.sdmx import sdmx_csv_chunks
from app.export.tables import Language, Table
from app.export.xlsx import write_xlsx

FormatName = Literal["csv", "xlsx", "sdmx", "json"]
FORMAT_NAMES: tuple[FormatName, ...] = get_args(FormatName)


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a file of one format is named.

    Attributes:
        ending: Of the file, with its dot.
        media_type: Of the answer that carries it.
    """

    ending: str
    media_type: str


FORMATS: dict[FormatName, FileFormat] = {
    "csv": FileFormat(".zip", "application/zip"),
    "xlsx": FileFormat(
        ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ),
    "sdmx": FileFormat(".sdmx.csv", "application/vnd.sdmx.data+csv;version=2.0.0"),
    "json": FileFormat(".json", "application/json"),
}


def write_table(
    table: Table,
    target: BinaryIO,
    name: FormatName,
    *,
    language: Language,
    publisher: str,
    address: str,
) -> None:
    """Write a whole table, or fail: never a part of one.

    Args:
        table: Its rows are read once.
        target: Open for writing in binary.
        name: ``csv`` is a zip file of the rows and what they rest on.
        language: Of the heads in CSV and XLSX; codes and ids have none.
        publisher: Who is named in the citation.
        address: The table's address, as it is cited.

    Raises:
        ExportError: The format cannot hold the table, or the table is not complete.
    """
    match name:
        case "csv":
            write_statement_zip(
                table, target, audience=language, publisher=publisher, address=address
            )
        case "xlsx":
            write_xlsx(table, target, language=language)
        case "sdmx":
            target.writelines(sdmx_csv_chunks(table))
        case "json":
            target.writelines(json_chunks(table))


def file_name(table: Table, name: FormatName) -> str:
    """What the file is called: the table, its vintage, its format.

    Args:
        table: With the ``meta`` of a statement, or without a vintage.
        name: Of the format.
    """
    vintage = table.meta_value("vintage")
    return f"{table.id}{f'-{vintage}' if vintage else ''}{FORMATS[name].ending}"
