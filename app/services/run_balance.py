"""What a run that is being typed comes to, before it is recorded.

The same bands and tolerances as for the run itself, so that the line under the form
says beforehand what the log would say afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.services.rules import rule, rules
from graph import (
    RUN_RULES,
    RunKind,
    metal_tolerance_g,
    net_tolerance_g,
)

WHOLE_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Flow:
    """Net grams of an input or output, and the metal in them where it is known."""

    net_g: int
    metal_g: int


@dataclass(frozen=True, slots=True)
class Band:
    """The usual yield of a kind of run, in ppm.

    Attributes:
        low_ppm: Lower end of the metal yield.
        high_ppm: Upper end.
        of_charge: It relates to the mass charged, not to the metal contained.
    """

    low_ppm: int
    high_ppm: int
    of_charge: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """A run in one line.

    Attributes:
        net_in_g: Net mass of the inputs.
        net_out_g: Net mass of the outputs.
        loss_g: Named losses, and the rest where it is named too.
        unexplained_g: What is left over; below 0: more came out than went in.
        tolerance_g: What the scales can miss of it.
        metal_in_g: Metal that goes in.
        metal_out_g: Metal that comes out.
        metal_tolerance_g: What scales and assays can miss of a gain.
        band: The usual yield; None where none is known.
        lossless: A run of this kind loses nothing.
    """

    net_in_g: int
    net_out_g: int
    loss_g: int
    unexplained_g: int
    tolerance_g: int
    metal_in_g: int
    metal_out_g: int
    metal_tolerance_g: int
    band: Band | None
    lossless: bool

    @property
    def closes(self) -> bool:
        """The log would take it: nothing is unexplained beyond what scales can miss."""
        return abs(self.unexplained_g) <= self.tolerance_g

    @property
    def gains_metal(self) -> bool:
        """More metal comes out than went in, beyond what can be missed."""
        return self.metal_out_g - self.metal_in_g > self.metal_tolerance_g

    @property
    def loss_ppm(self) -> int | None:
        """The loss in ppm of the net mass that went in."""
        if not self.net_in_g:
            return None
        return self.loss_g * WHOLE_PPM // self.net_in_g

    @property
    def yield_ppm(self) -> int | None:
        """The metal yield, on the base of the band."""
        of_charge = self.band is not None and self.band.of_charge
        base_g = self.net_in_g if of_charge else self.metal_in_g
        return self.metal_out_g * WHOLE_PPM // base_g if base_g else None

    @property
    def unusual(self) -> bool:
        """The yield lies outside its usual band."""
        found = self.yield_ppm
        if self.band is None or found is None:
            return False
        return not self.band.low_ppm <= found <= self.band.high_ppm

    @property
    def level(self) -> str:
        """``bad`` (would be refused), ``warn`` (a finding), ``ok``; empty: unknown."""
        if not self.net_in_g or not self.net_out_g:
            return ""
        if not self.closes or self.gains_metal:
            return "bad"
        if self.unusual:
            return "warn"
        return "ok" if self.band or self.lossless else ""


def balance(
    kind: RunKind,
    metal: str | None,
    inputs: Sequence[Flow],
    outputs: Sequence[Flow],
    *,
    named_g: int,
    taken_up_g: int,
    rest_is_lost: bool,
    capacities: Sequence[tuple[int, int]],
) -> Balance:
    """Work out a run as far as it is typed.

    Args:
        kind: Of the run.
        metal: Of its first output; None while there is none.
        inputs: What goes in.
        outputs: What comes out.
        named_g: Losses that are named with their mass.
        taken_up_g: Oxygen, salt: an input without metal.
        rest_is_lost: Whatever is left over is a loss that has a name.
        capacities: (division, capacity) of the scales of the site.
    """
    lossless = RUN_RULES[kind].lossless
    net_in_g = sum(one.net_g for one in inputs)
    net_out_g = sum(one.net_g for one in outputs)
    rest_g = net_in_g + taken_up_g - net_out_g - named_g
    lost_g = rest_g if rest_is_lost and rest_g > 0 and not lossless else 0
    weighed = [
        (one.net_g, one.metal_g, _division(capacities, one.net_g))
        for one in (*inputs, *outputs)
        if one.net_g
    ]
    return Balance(
        net_in_g=net_in_g,
        net_out_g=net_out_g,
        loss_g=named_g + lost_g,
        unexplained_g=rest_g - lost_g,
        tolerance_g=net_tolerance_g([(net_g, e_g) for net_g, _, e_g in weighed]),
        metal_in_g=sum(one.metal_g for one in inputs),
        metal_out_g=sum(one.metal_g for one in outputs),
        metal_tolerance_g=metal_tolerance_g(
            weighed, int(rules()["assay_error_ppm"]["assay"]["value"])
        ),
        band=_band(kind, metal),
        lossless=lossless,
    )


def _band(kind: RunKind, metal: str | None) -> Band | None:
    for one in rules()["yield_bands"]:
        if one["kind"] == kind.value and one["metal"] == metal:
            of_charge = one["basis"] == "mass charged"
            return Band(one["low_ppm"], one["high_ppm"], of_charge)
    return None


def _division(capacities: Sequence[tuple[int, int]], load_g: int) -> int:
    """Division of the finest scale that bears a load; the usual one without scales."""
    fitting = [e_g for e_g, max_g in capacities if max_g >= load_g]
    if fitting:
        return min(fitting)
    return max((e_g for e_g, _ in capacities), default=rule("default_scale_e_g"))
