"""The form of a run: rows of inputs and outputs, read out of its numbered fields.

Inputs are ``in_<n>_lot`` and ``in_<n>_net``; outputs ``out_<n>_material``, ``_net``,
``_content``, ``_role``, ``_own`` and the code that waits for the lot, ``new_out_<n>``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from app.queries.lots import LotView
from app.services.rules import materials
from app.services.run_balance import Balance, Flow, balance
from app.web.fact_forms import Typed, kept_code
from app.web.numbers import mass, mass_number, mass_unit
from graph import RUN_RULES, RunKind
from labels.codes import new_code

MOST_ROWS = 60
LOSSES = ("moisture", "combustion", "dust", "slag", "other")
ROLES = ("product", "by_product", "return")
USUAL_LOSS = {
    "sort": "other",
    "dismantle": "other",
    "shred": "dust",
    "decoat": "combustion",
    "granulate": "dust",
    "break_battery": "other",
    "regrade": "other",
    "melt": "combustion",
    "smelt": "slag",
    "convert": "slag",
    "fire_refine": "slag",
    "electrorefine": "other",
    "distil": "other",
}
_IN = re.compile(r"in_(\d{1,3})_lot")
_OUT = re.compile(r"out_(\d{1,3})_material")


@dataclass(frozen=True, slots=True)
class InputLine:
    """A row of the inputs: its number, the lot, and what was typed."""

    n: int
    view: LotView
    net: str


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A row of the outputs: its number, the code of its lot, and what was typed."""

    n: int
    code: str
    material: str
    net: str
    content: str
    role: str
    own: str


def input_codes(values: MultiDict[str, str]) -> dict[int, str]:
    """Codes of the lots that go in, by number of their row."""
    found = {int(m[1]): values[m[0]] for name in values if (m := _IN.fullmatch(name))}
    return dict(sorted(found.items())[:MOST_ROWS])


def output_lines(values: MultiDict[str, str]) -> list[OutputLine]:
    """The rows of the outputs, as typed."""
    numbers = sorted(int(m[1]) for name in values if (m := _OUT.fullmatch(name)))
    return [
        OutputLine(
            n,
            kept_code(values, f"new_out_{n}"),
            values.get(f"out_{n}_material", ""),
            values.get(f"out_{n}_net", ""),
            values.get(f"out_{n}_content", ""),
            values.get(f"out_{n}_role", "product"),
            values.get(f"out_{n}_own", ""),
        )
        for n in numbers[:MOST_ROWS]
    ]


def add_input(values: MultiDict[str, str], view: LotView) -> None:
    """Put a lot at the end of the inputs, with all that is left of it."""
    n = max(input_codes(values), default=-1) + 1
    values[f"in_{n}_lot"] = view.lot.code
    values[f"in_{n}_net"] = mass_number(view.left_g, mass_unit())


def add_output(values: MultiDict[str, str], role: str = "product") -> None:
    """Put an empty row at the end of the outputs."""
    n = max((line.n for line in output_lines(values)), default=-1) + 1
    values[f"out_{n}_material"] = ""
    values[f"out_{n}_role"] = role
    values[f"new_out_{n}"] = new_code()


def remove(values: MultiDict[str, str], row: str) -> None:
    """Take a row out: ``in_3`` or ``out_0``."""
    if not re.fullmatch(r"(in|out)_\d{1,3}", row):
        return
    for name in [
        one for one in values if one.startswith(f"{row}_") or one == f"new_{row}"
    ]:
        values.poplist(name)


def labels_of(values: MultiDict[str, str], named: Mapping[str, str]) -> dict[str, str]:
    """What every field is called, those of the rows included."""
    found = dict(named)
    for n in input_codes(values):
        found[f"in_{n}_net"] = gettext("Taken")
    for line in output_lines(values):
        found[f"out_{line.n}_net"] = gettext("Net")
        found[f"out_{line.n}_material"] = gettext("Material")
        found[f"out_{line.n}_content"] = gettext("Metal content")
    return found


def read_inputs(typed: Typed, lots: Mapping[int, LotView]) -> list[dict[str, Any]]:
    """The inputs of the fact; faults where more is taken than is left."""
    flows = []
    for n, view in lots.items():
        name = f"in_{n}_net"
        net_g = typed.mass(name)
        typed.require(name, net_g)
        if net_g and net_g > view.left_g:
            typed.fault(
                name,
                gettext(
                    "found %(found)s, but %(left)s are left of the lot",
                    found=mass(net_g),
                    left=mass(view.left_g),
                ),
            )
        flows.append({"lot": view.lot.code, "net_g": net_g})
    return flows


def read_outputs(typed: Typed) -> list[dict[str, Any]]:
    """The outputs of the fact; rows without a weight and a material do not count."""
    flows = []
    for line in output_lines(typed.values):
        prefix = f"out_{line.n}_"
        net_g = typed.mass(f"{prefix}net")
        material = typed.choice(f"{prefix}material", materials())
        content_ppm = typed.percent(f"{prefix}content")
        if net_g is None and material is None and content_ppm is None:
            continue
        typed.require(f"{prefix}net", net_g)
        typed.require(f"{prefix}material", material)
        if content_ppm is None and material:
            content_ppm = materials()[material].content_ppm
            if content_ppm is None:
                typed.require(f"{prefix}content", None)
        own = typed.text(f"{prefix}own")
        flows.append(
            {
                "lot": line.code,
                "material": material,
                "net_g": net_g,
                "content_ppm": content_ppm,
                "role": typed.choice(f"{prefix}role", ROLES) or "product",
                "alias": [{"scheme": "own", "value": own}] if own else None,
            }
        )
    return flows


def read_losses(typed: Typed) -> dict[str, int]:
    """Losses that are named with their mass."""
    found = {one: typed.mass(f"loss_{one}", zero=True) for one in LOSSES}
    return {one: mass_g for one, mass_g in found.items() if mass_g}


def work_out(
    values: MultiDict[str, str],
    kind: RunKind,
    lots: Mapping[int, LotView],
    capacities: tuple[tuple[int, int], ...],
) -> Balance:
    """The balance of whatever can be read by now; what cannot counts as nothing."""
    typed = Typed(values, {}, mass_unit())
    inputs = []
    for n, view in lots.items():
        net_g = typed.mass(f"in_{n}_net") or 0
        metal_g = view.left_metal_g * net_g // view.left_g if view.left_g else 0
        inputs.append(Flow(net_g, metal_g))
    outputs = []
    for flow in read_outputs(typed):
        net_g = flow["net_g"] or 0
        outputs.append(Flow(net_g, net_g * (flow["content_ppm"] or 0) // 1_000_000))
    return balance(
        kind,
        _metal(values),
        inputs,
        outputs,
        named_g=sum(read_losses(typed).values()),
        taken_up_g=typed.mass("gain") or 0,
        rest_is_lost=rest_kind(values, kind) is not None,
        capacities=capacities,
    )


def rest_kind(values: MultiDict[str, str], kind: RunKind) -> str | None:
    """What the rest of the mass is called; None where nothing may be lost."""
    if RUN_RULES[kind].lossless:
        return None
    chosen = values.get("rest", USUAL_LOSS.get(kind.value, "other"))
    return chosen if chosen in LOSSES else None


def _metal(values: MultiDict[str, str]) -> str | None:
    """The metal of the first output that names its material."""
    for line in output_lines(values):
        if (found := materials().get(line.material)) is not None:
            return found.metal
    return None
