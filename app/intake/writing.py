"""Facts to rows of the templates, so that a file that was exported reads as it was.

A template does not carry everything that a fact can hold. What it leaves out is
named, so that nobody takes the file for more than it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from app.intake.dates import day_of, format_instant
from app.intake.materials import catalogue
from app.intake.runs import ENERGY, KEEPING_KINDS, ROLES
from app.intake.templates import Language, get_template, word_list
from labels.codes import format_code

DIRECTIONS = {role: direction for direction, role in ROLES.items()}


@dataclass(frozen=True, slots=True)
class TransferParts:
    """What the rows of a transfer say besides the receiver's own fact.

    Attributes:
        number: The sender's number, or the code.
        lot: Code of the lot.
        sender: Code of the facility that it comes from.
        receiver: Code of the facility that it goes to.
    """

    number: str
    lot: str
    sender: str
    receiver: str


class FileNames(Protocol):
    """What files call the things that facts name by code."""

    def lot(self, code: str) -> str:
        """The own number of a lot where it has one, else its printed code."""

    def facility(self, code: str) -> str:
        """The name of a facility, or its code."""

    def transfer(self, code: str) -> TransferParts:
        """What a transfer is about."""


@dataclass(frozen=True, slots=True)
class Written:
    """A fact as rows of a template.

    Attributes:
        rows: Text by column id; empty cells are left out.
        left_out: Paths of the fields that the template has no column for.
    """

    rows: tuple[Mapping[str, str], ...]
    left_out: tuple[str, ...]


def rows_of(
    fact_type: str,
    at: datetime,
    data: Mapping[str, Any],
    *,
    names: FileNames,
    language: Language,
    private: Mapping[str, str] | None = None,
) -> Written:
    """The rows that state a fact.

    Args:
        fact_type: One of those that a template is for.
        at: When it happened.
        data: Of the entry.
        names: What to call lots, facilities and transfers.
        language: Of the words.
        private: Disclosed values, by field name.

    Raises:
        KeyError: No template is for this type.
    """
    return _WRITERS[fact_type](_Source(at, data, names, language, private or {}))


def cells_of(
    template_id: str, rows: Iterable[Mapping[str, str]]
) -> Iterable[Sequence[str]]:
    """The rows as lists of cells, in the order of the template's columns."""
    columns = [column.id for column in get_template(template_id).columns]
    return ([row.get(column, "") for column in columns] for row in rows)


def format_kg(mass_g: int) -> str:
    """Grams as kilograms, exactly.

    >>> format_kg(12_400_500), format_kg(1)
    ('12400.5', '0.001')
    """
    return _decimal(mass_g, 3)


def format_percent(ppm: int) -> str:
    """Parts per million as a percentage, exactly.

    >>> format_percent(862_000)
    '86.2'
    """
    return _decimal(ppm, 4)


def _decimal(value: int, places: int) -> str:
    whole, part = divmod(value, int(10**places))
    decimals = f"{part:0{places}d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


@dataclass(frozen=True, slots=True)
class _Source:
    at: datetime
    data: Mapping[str, Any]
    names: FileNames
    language: Language
    private: Mapping[str, str]

    def word(self, words: str, value: str) -> str:
        return word_list(words).word(value, self.language)


def _sourced(source: _Source) -> Written:
    data, weighing = source.data, source.data["weighing"]
    origin = data["origin_class"]
    imported = data.get("imported") or {}
    check = data.get("radiation_check")
    row = {
        "lot": _own_number(data),
        "date": format_instant(source.at),
        "facility": source.names.facility(data["facility"]),
        "material": data["material"],
        "source": source.word("source", data["source"]),
        "origin_class": source.word("origin_class", origin)
        if isinstance(origin, str)
        else None,
        "gross": _kg(weighing.get("gross_g")),
        "tare": _kg(weighing.get("tare_g")),
        "net": _kg(weighing["net_g"]),
        "scale": weighing["scale"],
        "content": _percent(data.get("content_ppm")),
        "content_basis": source.word("content_basis", data["content_basis"]),
        "moisture": _percent(data.get("moisture_ppm")),
        "foreign": _percent(data.get("foreign_ppm")),
        "hs_code": imported.get("hs_code"),
        "country": imported.get("country"),
        "declared_on": imported.get("declared_on"),
        "radiation_passed": None
        if check is None
        else source.word("yes_no", "yes" if check["passed"] else "no"),
    }
    columns = {one.private for one in get_template("sourced").columns if one.private}
    row |= {name: source.private[name] for name in columns & source.private.keys()}
    left_out = [f"private.{name}" for name in sorted(source.private.keys() - columns)]
    if not isinstance(origin, str):
        left_out.append("data.origin_class")
    if check is not None and check["on"] != day_of(source.at):
        left_out.append("data.radiation_check.on")
    if data["metal"] != catalogue()[data["material"]].metal:
        left_out.append("data.metal")
    if "content_ppm" not in data and data["content_basis"] != "grade":
        left_out.append("data.content_basis")
        row["content_basis"] = None
    left_out += _other_aliases(data, "data")
    return Written((_filled(row),), tuple(left_out))


def _delivered(source: _Source) -> Written:
    data = source.data
    row = {
        "lot": source.names.lot(data["lot"]),
        "date": format_instant(source.at),
        "net": _kg(data["net_g"]),
        "to": source.word("to", data["to"]),
        "category": data.get("category"),
    }
    left_out = tuple(f"private.{name}" for name in sorted(source.private))
    return Written((_filled(row),), left_out)


def _dispatched(source: _Source) -> Written:
    data, transport = source.data, source.data.get("transport") or {}
    mode, km = transport.get("mode"), transport.get("km")
    row = {
        "transfer": data.get("alias") or format_code(data["transfer"]),
        "lot": source.names.lot(data["lot"]),
        "from": source.names.facility(data["from"]),
        "to": source.names.facility(data["to"]),
        "dispatched": format_instant(source.at),
        "dispatched_net": _kg(data["weighing"]["net_g"]),
        "mode": None if mode is None else source.word("mode", mode),
        "km": None if km is None else str(km),
    }
    left_out = _beyond_net(data["weighing"], source.private)
    if "clean" in transport:
        left_out.append("data.transport.clean")
    return Written((_filled(row),), tuple(left_out))


def _accepted(source: _Source) -> Written:
    data, parts = source.data, source.names.transfer(source.data["transfer"])
    row = {
        "transfer": parts.number,
        "lot": source.names.lot(parts.lot),
        "from": source.names.facility(parts.sender),
        "to": source.names.facility(parts.receiver),
        "accepted": format_instant(source.at),
        "accepted_net": _kg(data["weighing"]["net_g"]),
    }
    left_out = _beyond_net(data["weighing"], source.private)
    if "reason" in data:
        left_out.append("data.reason")
    return Written((_filled(row),), tuple(left_out))


def _beyond_net(weighing: Mapping[str, Any], private: Mapping[str, str]) -> list[str]:
    """Transfers are written with their net weight and the facility's usual scale."""
    fields = [f"data.weighing.{name}" for name in ("gross_g", "tare_g")]
    left_out = [path for path in fields if path.rpartition(".")[2] in weighing]
    return left_out + [f"private.{name}" for name in sorted(private)]


def _run(source: _Source) -> Written:
    data = source.data
    started_at = data.get("started_at")
    shared = {
        "run": data.get("alias") or format_code(data["run"]),
        "kind": source.word("run_kind", data["kind"]),
        "facility": source.names.facility(data["facility"]),
        "started": None if started_at is None else format_instant(_instant(started_at)),
        "ended": format_instant(source.at),
    }
    rows = [
        {
            "direction": source.word("direction", "input"),
            "lot": source.names.lot(flow["lot"]),
            "net": _kg(flow["net_g"]),
        }
        for flow in data["inputs"]
    ]
    rows += [_output(source, flow) for flow in data["outputs"]]
    rows += [
        {
            "direction": source.word("direction", "loss"),
            "material": source.word("loss", kind),
            "net": _kg(mass_g),
        }
        for kind, mass_g in data["losses"].items()
        if mass_g
    ]
    energy, left_out = _energy(data.get("energy") or [])
    rows[0] |= energy
    left_out += [f"data.{name}" for name in ("gain_g", "equipment") if data.get(name)]
    left_out += [f"private.{name}" for name in sorted(source.private)]
    for n, flow in enumerate(data["outputs"]):
        if "metal_g" in flow and data["kind"] not in KEEPING_KINDS:
            left_out.append(f"data.outputs.{n}.metal_g")
        left_out += _other_aliases(flow, f"data.outputs.{n}")
    return Written(tuple(_filled(shared | row) for row in rows), tuple(left_out))


def _output(source: _Source, flow: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "direction": source.word("direction", DIRECTIONS[flow["role"]]),
        "lot": _own_number(flow),
        "material": flow["material"],
        "net": _kg(flow["net_g"]),
        "content": _percent(flow.get("content_ppm")),
    }


def _energy(
    listed: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, str | None], list[str]]:
    columns = {value: column for column, value in ENERGY.items()}
    cells: dict[str, str | None] = {}
    left_out = []
    for n, one in enumerate(listed):
        column = columns.get((one["carrier"], one["unit"]))
        if column is None or column in cells:
            left_out.append(f"data.energy.{n}")
            continue
        cells[column] = _decimal(one["amount"], 3)
        if "certificate" in one:
            left_out.append(f"data.energy.{n}.certificate")
    return cells, left_out


def _own_number(made: Mapping[str, Any]) -> str:
    """What the fact that makes a lot calls it."""
    own = [one["value"] for one in made.get("alias") or [] if one["scheme"] == "own"]
    return own[0] if own else format_code(made["lot"])


def _other_aliases(made: Mapping[str, Any], path: str) -> list[str]:
    aliases = made.get("alias") or []
    own = [one for one in aliases if one["scheme"] == "own"]
    return [f"{path}.alias"] if len(aliases) > len(own[:1]) else []


def _kg(mass_g: int | None) -> str | None:
    return None if mass_g is None else format_kg(mass_g)


def _percent(ppm: int | None) -> str | None:
    return None if ppm is None else format_percent(ppm)


def _filled(row: Mapping[str, str | None]) -> dict[str, str]:
    return {column: cell for column, cell in row.items() if cell is not None}


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


_WRITERS: dict[str, Callable[[_Source], Written]] = {
    "lot.sourced": _sourced,
    "lot.delivered": _delivered,
    "transfer.dispatched": _dispatched,
    "transfer.accepted": _accepted,
    "run.recorded": _run,
}
