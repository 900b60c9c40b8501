"""Lots and traces on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from app.queries.facts import Reader
from app.queries.lots import LotView
from app.queries.trace import Trace
from graph import OriginClass, Shares

CLASSES = tuple(OriginClass)


class Query(BaseModel):
    """Query parameters: an unknown one is refused; text becomes numbers."""

    model_config = ConfigDict(extra="forbid")


class LotListIn(Query):
    """How a list of lots is narrowed and paged."""

    text: Annotated[str, Field(max_length=100)] | None = None
    material: Annotated[str, Field(max_length=100)] | None = None
    state: Literal["held", "in_transit", "quarantined", "voided"] | None = None
    open_only: bool = False
    before: Annotated[int, Field(ge=0)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class SharesOut(BaseModel):
    """Shares in ppm of the metal: lower ends rounded down, the upper end up."""

    share_ppm: int
    post_consumer_elv_ppm: int
    post_consumer_ppm: int
    pre_consumer_ppm: int
    upper_ppm: int

    @classmethod
    def of(cls, found: Shares | None) -> Self | None:
        """Out of the domain value."""
        if found is None:
            return None
        return cls(
            share_ppm=found.share_ppm,
            post_consumer_elv_ppm=found.elv_ppm,
            post_consumer_ppm=found.post_ppm,
            pre_consumer_ppm=found.pre_ppm,
            upper_ppm=found.upper_ppm,
        )


class OriginOut(BaseModel):
    """Grams of one origin class."""

    origin_class: str
    domestic_g: int
    imported_g: int


class LotOut(BaseModel):
    """A lot with its balance; masses in grams."""

    code: str
    kind: str
    material: str
    metal: str
    net_g: int
    metal_g: int
    origin: list[OriginOut]
    shares: SharesOut | None
    left_g: int
    left_metal_g: int
    claimed: list[list[int]]
    state: str
    claim_block: str | None
    holder: str
    maker: str
    facility: str
    province: str
    made_at: str
    since_at: str
    source: str | None
    own_numbers: list[str]

    @classmethod
    def of(cls, view: LotView) -> Self:
        """Out of the query's value."""
        lot = view.lot
        return cls(
            code=lot.code,
            kind=lot.kind.value,
            material=lot.material,
            metal=lot.metal,
            net_g=lot.net_g,
            metal_g=lot.metal_g,
            origin=[
                OriginOut(
                    origin_class=name.value,
                    domestic_g=lot.cells[2 * n],
                    imported_g=lot.cells[2 * n + 1],
                )
                for n, name in enumerate(CLASSES)
            ],
            shares=SharesOut.of(view.shares),
            left_g=view.left_g,
            left_metal_g=view.left_metal_g,
            claimed=[list(stretch) for stretch in view.position.claimed],
            state=view.state,
            claim_block=view.claim_block,
            holder=view.holder,
            maker=view.maker,
            facility=view.facility,
            province=view.province,
            made_at=view.made_at.isoformat(),
            since_at=view.since_at.isoformat(),
            source=view.source,
            own_numbers=list(view.own_numbers),
        )


class LotListOut(BaseModel):
    """A page of lots; ``next_before`` continues it."""

    lots: list[LotOut]
    next_before: int | None


class TraceIn(Query):
    """Which way, and how far."""

    direction: Literal["upstream", "downstream"] = "upstream"
    max_runs: Annotated[int, Field(ge=1, le=50_000)] = 2000


class TraceNodeOut(BaseModel):
    """A lot of a trace; of others' lots neither code nor facility is told."""

    id: int
    code: str | None
    own: bool
    kind: str
    material: str
    province: str
    net_g: int
    metal_g: int


class TraceFlowOut(BaseModel):
    """Grams of one lot in one run: below 0 taken, above 0 made."""

    run: int
    lot: int
    net_g: int
    metal_g: int


class TraceOut(BaseModel):
    """The subgraph of a trace; ``truncated`` says that there is more."""

    lot: str
    direction: str
    truncated: bool
    lots: list[TraceNodeOut]
    flows: list[TraceFlowOut]

    @classmethod
    def of(
        cls,
        view: LotView,
        trace: Trace,
        lots: Mapping[int, LotView],
        reader: Reader,
        direction: str,
    ) -> Self:
        """Out of the queries' values; codes of the reader's own lots only."""
        own = {
            key
            for key, lot in lots.items()
            if reader.everything or reader.organisation_code in (lot.holder, lot.maker)
        }
        return cls(
            lot=view.lot.code,
            direction=direction,
            truncated=trace.truncated,
            lots=[
                TraceNodeOut(
                    id=key,
                    code=lot.lot.code if key in own else None,
                    own=key in own,
                    kind=lot.lot.kind.value,
                    material=lot.lot.material,
                    province=lot.province,
                    net_g=lot.lot.net_g,
                    metal_g=lot.lot.metal_g,
                )
                for key, lot in sorted(lots.items())
            ],
            flows=[
                TraceFlowOut(
                    run=flow.run_id,
                    lot=flow.lot_id,
                    net_g=flow.net_g,
                    metal_g=flow.metal_g,
                )
                for flow in trace.flows
            ],
        )
