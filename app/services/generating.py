"""Runs as the returns that they make are judged by, elsewhere and later."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GeneratingRun:
    """What a run made of what: what its returns are judged by, elsewhere and later.

    Attributes:
        facility_id: Where it took place.
        organisation_id: Whose that is.
        kind: Of the run.
        product_g: Net grams of metal, intermediates and products that it made.
        returns_g: Net grams of returns that it made.
        input_g: Net grams that went in.
        part_of_run_id: Of a split or a repacking, the run that made the whole.
    """

    facility_id: int
    organisation_id: int
    kind: str
    product_g: int
    returns_g: int
    input_g: int
    part_of_run_id: int | None
