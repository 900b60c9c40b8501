"""What a process can yield: ceilings that refuse a run, bands that give findings.

Source: app/data/rules.json.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.services.errors import refuse
from app.services.rules import Material, rules
from graph import PPM, Finding, RunKind, RunResult, Taking, check_yield


def check_ceilings(kind: RunKind, takings: Sequence[Taking], result: RunResult) -> None:
    """Refuse more metal than the materials of a charge can hold, whatever was stated.

    Raises:
        Refused: It is more.
    """
    for ceiling in rules()["ceilings"]:
        metal, part_ppm = ceiling["metal"], ceiling["most_metal_per_net_ppm"]
        if ceiling["kind"] != kind.value:
            continue
        most_g = sum(
            min(taking.metal_g, taking.net_g * part_ppm // PPM)
            if taking.lot.material in ceiling["materials"]
            else taking.metal_g
            for taking in takings
        )
        found_g = sum(lot.metal_g for lot, _ in result.lots_made if lot.metal == metal)
        if found_g > most_g + result.gain_unknown_g:
            raise refuse(
                "data.outputs",
                "found {found_g} g of {metal}, but what was charged holds {most_g} g "
                "at most: {part_ppm} ppm of {materials}",
                found_g=found_g,
                metal=metal,
                most_g=most_g,
                part_ppm=part_ppm,
                materials=", ".join(ceiling["materials"]),
            )


def find_unusual(
    kind: RunKind,
    materials: Sequence[Material],
    takings: Sequence[Taking],
    result: RunResult,
) -> list[Finding]:
    """Faults that do not stop the run: a yield outside its usual band, a gain."""
    findings = []
    metal_in_g = sum(taking.metal_g for taking in takings)
    metal_out_g = sum(lot.metal_g for lot, _ in result.lots_made)
    for band in rules()["yield_bands"]:
        if band["kind"] == kind.value and band["metal"] == materials[0].metal:
            on_net = band["basis"] == "mass charged"
            base_g = result.net_in_g if on_net else metal_in_g
            found = check_yield(base_g, metal_out_g, band["low_ppm"], band["high_ppm"])
            if found is not None:
                findings.append(found)
    if result.gain_unknown_g:
        findings.append(
            Finding(
                "metal_gain",
                "{gain_g} g of metal more came out than went in: counted as unknown",
                {"gain_g": result.gain_unknown_g},
            )
        )
    return findings
