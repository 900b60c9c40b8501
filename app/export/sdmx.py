"""SDMX-CSV 2.0 for statistical offices, as pysdmx writes it, in pieces.

Only a table of observations can be said in SDMX: its columns are
``OBSERVATION_COLUMNS``. The same table goes through every other writer, so the
figures are the same digits everywhere. The structure is ``RMT:DSD_RECSUPPLY(1.0)``.

pysdmx and pandas are an optional extra (``remelt[sdmx]``) and are imported when the
first SDMX file is asked for, so that the application starts without them.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from typing import Any

from app.export.codelists import (
    AGENCY,
    CODELISTS,
    DIMENSIONS,
    LABELS,
    STRUCTURE_ID,
    VERSION,
    gbt_2260_of,
)
from app.export.errors import BadCell, NotObservations, SdmxMissing
from app.export.tables import Cell, Column, Table, checked_rows

ROWS_PER_CHUNK = 20_000
_CONCEPTS = "CS_REMELT"
_URN = "urn:sdmx:org.sdmx.infomodel"
OBSERVATION_COLUMNS = (
    *(Column(name, *LABELS[name], "text") for name in DIMENSIONS),
    Column("OBS_VALUE", *LABELS["OBS_VALUE"], "decimal"),
    Column("UNIT_MEASURE", *LABELS["UNIT_MEASURE"], "text"),
    Column("UNIT_MULT", *LABELS["UNIT_MULT"], "integer"),
    Column("OBS_STATUS", *LABELS["OBS_STATUS"], "text"),
)
# attribute -> the item of the table's meta that holds it, one value for all rows
DATASET_ATTRIBUTES = {
    "VINTAGE": "vintage",
    "METHOD_ID": "method",
    "LEDGER_ROOT": "log_root",
}
_VALUE = len(DIMENSIONS)
MOST_KNOWN = 50_000
_CODED = {
    place: CODELISTS[column.id]
    for place, column in enumerate(OBSERVATION_COLUMNS)
    if column.id in CODELISTS
}


def sdmx_csv_chunks(table: Table) -> Iterator[bytes]:
    """A table of observations as SDMX-CSV 2.0, piece by piece.

    Args:
        table: With ``OBSERVATION_COLUMNS``; its ``meta`` names vintage, method and
            root. Its rows are read once. A value that is None is missing: empty.

    Yields:
        UTF-8 bytes; together they are the file.

    Raises:
        SdmxMissing: The optional library is not installed.
        NotObservations: The columns are others, or the meta lacks an attribute.
        BadCell: A code is not in its list, or a cell does not fit its column.
        RowCountDiffers: There are more or fewer rows than promised.
    """
    if table.columns != OBSERVATION_COLUMNS:
        raise NotObservations(
            "table {table} is not one of observations: take CSV, XLSX or JSON",
            table=table.id,
        )
    head, before, after = _frame(_attributes(table))
    yield head
    rows = _checked(table)
    while chunk := list(islice(rows, ROWS_PER_CHUNK)):
        buffer = io.StringIO(newline="")
        csv.writer(buffer, lineterminator="\n").writerows(
            [*before, *row, *after] for row in chunk
        )
        yield buffer.getvalue().encode()


def _frame(attributes: dict[str, str]) -> tuple[bytes, list[str], list[str]]:
    """The head of the file, and what stands before and behind the cells of each row.

    pysdmx writes one row, and says so what a row looks like; the others are written
    alike by the csv module, since a frame for each million rows would cost more than
    everything else.
    """
    names = [column.id for column in OBSERVATION_COLUMNS]
    frame = _library("pandas").DataFrame([names], columns=names, dtype=str)
    dataset = _library("pysdmx.io.pd").PandasDataset(
        structure=_text_schema(), data=frame.assign(**attributes)
    )
    text = _library("pysdmx.io.csv.sdmx20.writer").write([dataset])
    head, cells = csv.reader(io.StringIO(text, newline=""))
    start = cells.index(names[0])
    end = start + len(names)
    if cells[start:end] != names or head[start:end] != names:
        raise NotObservations("the SDMX library writes the columns in another order")
    return f"{text.splitlines()[0]}\n".encode(), cells[:start], cells[end:]


def _attributes(table: Table) -> dict[str, str]:
    found = {name: table.meta_value(key) for name, key in DATASET_ATTRIBUTES.items()}
    if missing := sorted(name for name, value in found.items() if not value):
        raise NotObservations(
            "table {table} does not say {missing}",
            table=table.id,
            missing=", ".join(missing),
        )
    return found


def _checked(table: Table) -> Iterator[list[Cell]]:
    """The rows, their codes looked up once for each combination that occurs."""
    codes_of = itemgetter(*_CODED)
    known: set[tuple[Cell, ...]] = set()
    for number, row in enumerate(checked_rows(table), start=1):
        found = codes_of(row)
        if found not in known:
            _check_codes(table, number, row)
            if len(known) == MOST_KNOWN:
                known.clear()
            known.add(found)
        value = row[_VALUE]
        if type(value) is Decimal:
            # never in scientific notation, which Decimal picks for 0.0000001
            row[_VALUE] = f"{value:f}"
        yield row


def _check_codes(table: Table, number: int, row: list[Cell]) -> None:
    for place, codes in _CODED.items():
        if str(row[place]) not in codes:
            raise BadCell(
                "row {row}, {column}: found {found}, expected a code of the list",
                row=number,
                column=table.columns[place].id,
                found=repr(row[place]),
            )


def structure_json(prepared_at: datetime) -> bytes:
    """The structure of our files as one SDMX-JSON 2.0 document.

    Code lists (names in Chinese stand in an annotation, as do the GB/T 2260 codes),
    concepts, and the data structure that every SDMX-CSV file names.

    Args:
        prepared_at: When, for the header; aware.

    Raises:
        SdmxMissing: The optional library is not installed.
    """
    model, message = _library("pysdmx.model"), _library("pysdmx.model.message")
    header = message.Header(
        id=f"{AGENCY}-{STRUCTURE_ID}-{VERSION}",
        prepared=prepared_at.astimezone(UTC),
        sender=model.Organisation(id=AGENCY),
    )
    lists = [_codelist(model, name) for name in CODELISTS]
    parts = [*lists, _concepts(model), _structure(model)]
    writer = _library("pysdmx.io.json.sdmxjson2.writer.v2_0.structure")
    document = json.loads(writer.write(parts, header=header))
    for structure in document["data"]["dataStructures"]:
        # pysdmx writes an empty list, which the schema of SDMX-JSON refuses
        components = structure["dataStructureComponents"]
        if not components.get("groups", True):
            del components["groups"]
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _codelist(model: Any, name: str) -> Any:  # noqa: ANN401
    return model.Codelist(
        id=f"CL_{name}",
        agency=AGENCY,
        version=VERSION,
        name=LABELS[name][1],
        items=[
            model.Code(
                id=code, name=en, annotations=_annotations(model, name, code, zh)
            )
            for code, (zh, en) in CODELISTS[name].items()
        ],
    )


def _annotations(model: Any, name: str, code: str, zh: str) -> list[Any]:  # noqa: ANN401
    said = [model.Annotation(id="NAME_ZH", type="NAME_ZH", text=zh)]
    if name == "REF_AREA" and (gbt := gbt_2260_of(code)):
        said.append(model.Annotation(id="GBT_2260", type="GBT_2260", text=gbt))
    return said


def _concepts(model: Any) -> Any:  # noqa: ANN401
    return model.ConceptScheme(
        id=_CONCEPTS,
        agency=AGENCY,
        version=VERSION,
        name="Concepts of recycled metal supply",
        items=[
            model.Concept(
                id=name,
                name=en,
                annotations=[model.Annotation(id="NAME_ZH", type="NAME_ZH", text=zh)],
            )
            for name, (zh, en) in LABELS.items()
        ],
    )


def _structure(model: Any) -> Any:  # noqa: ANN401
    return model.DataStructureDefinition(
        id=STRUCTURE_ID,
        agency=AGENCY,
        version=VERSION,
        name="Supply of recycled metal",
        components=model.Components([_component(model, name) for name in LABELS]),
    )


def _component(model: Any, name: str) -> Any:  # noqa: ANN401
    types = {"TIME_PERIOD": "PERIOD", "OBS_VALUE": "DECIMAL", "VINTAGE": "LONG"}
    coded = name in CODELISTS
    return model.Component(
        id=name,
        required=name != "OBS_VALUE",
        role=_role(model, name),
        concept=model.ItemReference(
            sdmx_type="Concept",
            agency=AGENCY,
            id=_CONCEPTS,
            version=VERSION,
            item_id=name,
        ),
        local_dtype=None if coded else model.DataType[types.get(name, "STRING")],
        local_enum_ref=f"{_URN}.codelist.Codelist={AGENCY}:CL_{name}({VERSION})"
        if coded
        else None,
        attachment_level=_level(name),
    )


def _level(name: str) -> str | None:
    if name in DIMENSIONS or name == "OBS_VALUE":
        return None
    return "D" if name in DATASET_ATTRIBUTES else "O"


def _role(model: Any, name: str) -> Any:  # noqa: ANN401
    if name in DIMENSIONS:
        return model.Role.DIMENSION
    return model.Role.MEASURE if name == "OBS_VALUE" else model.Role.ATTRIBUTE


def _text_schema() -> Any:  # noqa: ANN401
    """The structure for the writer, every component as text.

    Declared as a number, a value would pass through a float and lose digits.
    """
    model = _library("pysdmx.model")
    structure = _structure(model)
    texts = [
        part.__replace__(local_dtype=model.DataType.STRING, local_enum_ref=None)
        for part in structure.components
    ]
    return model.DataStructureDefinition(
        id=STRUCTURE_ID,
        agency=AGENCY,
        version=VERSION,
        name=structure.name,
        components=model.Components(texts),
    ).to_schema()


def _library(name: str) -> Any:  # noqa: ANN401
    """A module of the optional extra, imported when it is needed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SdmxMissing(
            "SDMX needs the extra: pip install 'remelt[sdmx]' ({missing} is missing)",
            missing=error.name or name,
        ) from error
