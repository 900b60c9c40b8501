"""Tables as answers: written whole before the first byte goes out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO, cast

from flask import Response, current_app

from app.config import Settings
from app.db import reading
from app.export.errors import BadCell, NotObservations, SdmxMissing, TooManyRows
from app.export.formats import FORMATS, FormatName, file_name, write_table
from app.export.tables import Language, Table
from app.queries.errors import NotFound
from app.services.access import Actor
from app.services.errors import refuse
from app.services.national_tables import NATIONAL_TABLES
from app.services.statement_tables import STATEMENT_TABLES
from app.services.statements import make_statement, parse_question

PUBLISHER = "Remelt"
BLOCK = 64 * 1024


def statement_table(name: str, actor: Actor, asked: Mapping[str, str]) -> Table:
    """A table of figures of this log.

    Raises:
        NotFound: There is no table of this name, or no such vintage.
        Forbidden: The actor may not see it.
        Refused: The question makes no sense.
    """
    if (build := STATEMENT_TABLES.get(name)) is None:
        raise NotFound("no table {name}", name=name)
    with reading() as session:
        return build(make_statement(session, actor, parse_question(asked)))


def national_table(name: str) -> Table:
    """A table of national figures.

    Raises:
        NotFound: There is no table of this name.
    """
    if (build := NATIONAL_TABLES.get(name)) is None:
        raise NotFound("no table {name}", name=name)
    return build()


def send_table(
    table: Table, name: FormatName, language: Language, path: str
) -> Response:
    """The whole table as a file.

    Args:
        table: Its rows are read once.
        name: Of the format.
        language: Of the heads.
        path: Under which it can be had again, with its vintage.

    Raises:
        Refused: The format cannot hold the table; the message names another.
    """
    settings: Settings = current_app.config["SETTINGS"]
    # it is closed when its last byte is sent
    file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115
    try:
        write_table(
            table,
            file,
            name,
            language=language,
            publisher=PUBLISHER,
            address=f"{settings.base_url}{path}",
        )
    except (BadCell, NotObservations, SdmxMissing, TooManyRows) as error:
        file.close()
        raise refuse("format", error.message, **error.values) from error
    length = file.tell()
    file.seek(0)
    response = Response(_blocks(file), content_type=FORMATS[name].media_type)
    response.content_length = length
    if name != "json":
        response.headers.set(
            "Content-Disposition", "attachment", filename=file_name(table, name)
        )
    return response


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK):
            yield block
