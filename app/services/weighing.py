"""Weighings against the scales of a facility."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.services.errors import refuse
from app.services.rules import SHANGHAI, rule
from app.services.work import Facility, Scale
from graph import claimable_load, net_error_squared


def find_scale(facility: Facility, code: str) -> Scale | None:
    """The scale that a weighing names; None where the facility registered none."""
    return facility.scales.get(code)


def check_weighing(
    facility: Facility, weighing: Mapping[str, Any], at: datetime, path: str
) -> str | None:
    """Check a weighing; say why what was weighed cannot be claimed, if so.

    Returns:
        None, or one of ``no_scale``, ``scale_expired``, ``load_too_small``.

    Raises:
        Refused: The facility has scales, but not this one, or the load is too heavy.
    """
    scale = find_scale(facility, weighing["scale"])
    if scale is None:
        if facility.scales:
            raise refuse(
                f"{path}.scale",
                "found {found}, expected a scale of {facility}: {known}",
                found=weighing["scale"],
                facility=facility.code,
                known=", ".join(sorted(facility.scales)),
            )
        return "no_scale"
    load_g = weighing.get("gross_g") or weighing["net_g"]
    if load_g > scale.max_g:
        raise refuse(
            f"{path}.gross_g" if "gross_g" in weighing else f"{path}.net_g",
            "found {load_g} g, expected at most {max_g} g, what scale {scale} bears",
            load_g=load_g,
            max_g=scale.max_g,
            scale=scale.code,
        )
    until = scale.certificate_until
    if until is not None and at.astimezone(SHANGHAI).date() > until:
        return "scale_expired"
    return None if claimable_load(weighing["net_g"], scale.e_g) else "load_too_small"


def division_for(facility: Facility, load_g: int) -> int:
    """Division of the finest scale of the facility that bears a load.

    Where it has none, or none that is strong enough, the coarsest, or the usual
    division of a truck scale.
    """
    fitting = [one.e_g for one in facility.scales.values() if one.max_g >= load_g]
    if fitting:
        return min(fitting)
    if facility.scales:
        return max(one.e_g for one in facility.scales.values())
    return rule("default_scale_e_g")


def check_load(facility: Facility, load_g: int) -> str | None:
    """Why what a run made cannot be claimed for its weight, if so.

    Returns:
        None, ``no_scale`` or ``load_too_small``.
    """
    if not facility.scales:
        return "no_scale"
    light = not claimable_load(load_g, division_for(facility, load_g))
    return "load_too_small" if light else None


def weighing_error_squared(facility: Facility, weighing: Mapping[str, Any]) -> int:
    """Square of what the scale of a weighing can miss, in grams squared."""
    scale = find_scale(facility, weighing["scale"])
    e_g = division_for(facility, weighing["net_g"]) if scale is None else scale.e_g
    return net_error_squared(
        weighing["net_g"], e_g, weighing.get("gross_g"), weighing.get("tare_g")
    )
