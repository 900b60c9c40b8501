"""Rows of process runs to drafts: one row a flow, the rows of a run in any order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.intake.drafts import Draft, LotRef, NewCode, printed_code
from app.intake.faults import N_, shown
from app.intake.heads import Binding, Values
from app.intake.kept_rows import FirstRows, GroupedRows
from app.intake.materials import catalogue
from app.intake.row_reader import Outcome, Rejected, RowReader, own_alias, without_none

ROLES = {"output": "product", "by_product": "by_product", "return": "return"}
# Stated on every row of a run, the same on each
OF_THE_RUN = ("kind", "facility", "started", "ended")
ENERGY = {
    "electricity_kwh": ("electricity", "kWh"),
    "gas_m3": ("natural_gas", "m3"),
}
MAX_FLOWS = 400
# Runs whose outputs hold what was taken, gram for gram: the service shares it out
KEEPING_KINDS = frozenset({"split", "repack", "reclassify"})


def read_runs(rows: Iterator[Values], binding: Binding) -> Iterator[Outcome]:
    """The runs of a file, in the order of their first rows.

    A run whose number is missing or faulty is rejected row by row.
    """
    with FirstRows() as first_rows, GroupedRows() as kept:
        for row in rows:
            number = row.values.get("run")
            first = row.row
            if isinstance(number, str):
                first = first_rows.of((number,), row.row)
            kept.add(first, row)
        for parts in kept.groups():
            readers = [RowReader(binding, part) for part in parts]
            number = parts[0].values.get("run")
            if isinstance(number, str):
                draft = _run(number, readers)
                if draft is not None:
                    yield draft
                    continue
            else:
                for reader in readers:
                    _check_flow(reader)
            faults = tuple(fault for reader in readers for fault in reader.faults)
            yield Rejected(tuple(reader.row for reader in readers), faults)


def _run(number: str, readers: list[RowReader]) -> Draft | None:
    """The run that these rows state; None where one has a fault."""
    for reader in readers:
        _check_flow(reader)
    _check_same(readers)
    _check_lots(readers)
    energy = _energy(readers)
    first = readers[0]
    by_direction = _by_direction(readers)
    if not any(reader.faults for reader in readers):
        _check_sides(first, number, by_direction)
    started_at, ended_at = first.get("started"), first.get("ended")
    if started_at is not None and ended_at is not None and started_at > ended_at:
        first.fault("started", N_("is after the end"))
    if any(reader.faults for reader in readers):
        return None
    inputs = by_direction["input"]
    outputs = [one for role in ROLES for one in by_direction[role]]
    outputs.sort(key=lambda reader: reader.row)
    data = without_none(
        {
            "run": NewCode("run", number),
            "facility": first.get("facility"),
            "kind": first.get("kind"),
            "started_at": None
            if started_at is None
            else started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "inputs": [
                {"lot": one.get("lot"), "net_g": one.get("net")} for one in inputs
            ],
            "outputs": [_output(one) for one in outputs],
            "losses": _losses(by_direction["loss"]),
            "energy": energy or None,
            "alias": None if printed_code(number) else number,
        }
    )
    return Draft(
        rows=tuple(reader.row for reader in readers),
        template="runs",
        own_number=printed_code(number) or number,
        type="run.recorded",
        at=ended_at,
        data=data,
        places=_places(first, inputs, outputs, by_direction["loss"]),
        stated_materials={
            f"data.inputs.{n}.lot": one.get("material")
            for n, one in enumerate(inputs)
            if one.has("material")
        },
    )


def _by_direction(readers: list[RowReader]) -> dict[str, list[RowReader]]:
    found: dict[str, list[RowReader]] = {"input": [], "loss": []}
    found |= {role: [] for role in ROLES}
    for reader in readers:
        if (direction := reader.get("direction")) is not None:
            found[direction].append(reader)
    return found


def _check_flow(reader: RowReader) -> None:
    """What a row needs and must not have, by its direction."""
    direction = reader.get("direction")
    if direction is None:
        return
    is_loss_word = isinstance(reader.get("material"), tuple)
    if direction == "loss":
        reader.need("material", N_("is empty, expected the kind of loss"))
        if reader.get("material") is not None and not is_loss_word:
            reader.fault(
                "material",
                N_("found a material, expected the kind of loss on a row of loss"),
            )
        if reader.has("lot"):
            reader.fault("lot", N_("expected empty, a loss is no lot"))
    else:
        reader.need("lot")
        if is_loss_word:
            reader.fault(
                "material", N_("found a kind of loss, expected a material on this row")
            )
    if direction in ROLES:
        reader.need("material")
        _check_content(reader)
    elif reader.has("content"):
        reader.fault(
            "content", N_("expected empty, only outputs name their metal content")
        )


def _check_content(reader: RowReader) -> None:
    """An output says its content where the catalogue knows no usual one."""
    material, kind = reader.get("material"), reader.get("kind")
    if (
        isinstance(material, str)
        and kind not in KEEPING_KINDS
        and catalogue()[material].content_ppm is None
    ):
        reader.need("content")


def _check_same(readers: list[RowReader]) -> None:
    """What is stated of the run is the same on all its rows."""
    for column in OF_THE_RUN:
        first: RowReader | None = None
        for reader in readers:
            value = reader.get(column)
            if value is None and reader.has(column):
                continue
            if first is None:
                first = reader
            elif value != first.get(column):
                reader.fault(
                    column,
                    N_("differs from row {first} of the same run"),
                    first=first.row,
                )


def _check_lots(readers: list[RowReader]) -> None:
    seen: dict[str, int] = {}
    for reader in readers:
        lot = reader.get("lot")
        if not isinstance(lot, LotRef) or reader.get("direction") == "loss":
            continue
        first = seen.setdefault(lot.code or lot.text, reader.row)
        if first != reader.row:
            reader.fault(
                "lot",
                N_("'{number}' stands in row {first} of the same run already"),
                number=shown(lot.text),
                first=first,
            )


def _check_sides(
    first: RowReader, number: str, by_direction: dict[str, list[RowReader]]
) -> None:
    outputs = sum(len(by_direction[role]) for role in ROLES)
    for count, direction in (
        (len(by_direction["input"]), "input"),
        (outputs, "output"),
    ):
        if not count:
            first.fault(
                "direction",
                N_("run '{number}' has no row of {direction}"),
                number=shown(number),
                direction=first.word("direction", direction),
            )
        if count > MAX_FLOWS:
            first.fault(
                "run",
                N_("run '{number}' has {count} rows of {direction}, at most {limit}"),
                number=shown(number),
                count=count,
                direction=first.word("direction", direction),
                limit=MAX_FLOWS,
            )


def _output(reader: RowReader) -> dict[str, Any]:
    lot: LotRef = reader.get("lot")
    return without_none(
        {
            "lot": NewCode("lot", lot.text),
            "material": reader.get("material"),
            "net_g": reader.get("net"),
            "content_ppm": _content_ppm(reader),
            "role": ROLES[reader.get("direction")],
            "alias": own_alias(lot.text),
        }
    )


def _content_ppm(reader: RowReader) -> int | None:
    """The content as stated, or the usual one of the material.

    Where an output is a part of what was taken, it holds its share of that metal: the
    service works it out, the field stays open.
    """
    stated: int | None = reader.get("content")
    if stated is not None or reader.get("kind") in KEEPING_KINDS:
        return stated
    return catalogue()[reader.get("material")].content_ppm


def _losses(readers: list[RowReader]) -> dict[str, int]:
    losses: dict[str, int] = {}
    for reader in readers:
        kind = reader.get("material")[1]
        losses[kind] = losses.get(kind, 0) + reader.get("net")
    return losses


def _energy(readers: list[RowReader]) -> list[dict[str, Any]]:
    """Energy of the run: stated once, or the same on each row that states it."""
    found = []
    for column, (carrier, unit) in ENERGY.items():
        stating = [one for one in readers if one.get(column) is not None]
        if not stating:
            continue
        amount = stating[0].get(column)
        for other in stating[1:]:
            if other.get(column) != amount:
                other.fault(
                    column,
                    N_("differs from row {first}; state it for the whole run, once"),
                    first=stating[0].row,
                )
        if amount:
            found.append({"carrier": carrier, "amount": amount, "unit": unit})
    return found


def _places(
    first: RowReader,
    inputs: list[RowReader],
    outputs: list[RowReader],
    losses: list[RowReader],
) -> dict[str, tuple[int, str]]:
    places = {
        "at": (first.row, "ended"),
        "data.run": (first.row, "run"),
        "data.alias": (first.row, "run"),
        "data.facility": (first.row, "facility"),
        "data.kind": (first.row, "kind"),
        "data.started_at": (first.row, "started"),
        "data.losses": ((losses or [first])[0].row, "net"),
    }
    for name, readers in (("inputs", inputs), ("outputs", outputs)):
        for n, reader in enumerate(readers):
            path = f"data.{name}.{n}"
            places[path] = (reader.row, "net")
            places[f"{path}.lot"] = (reader.row, "lot")
            places[f"{path}.alias"] = (reader.row, "lot")
            places[f"{path}.material"] = (reader.row, "material")
            places[f"{path}.content_ppm"] = (reader.row, "content")
    return places
