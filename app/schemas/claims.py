"""Claims on the wire."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from app.queries.claims import ClaimView
from app.schemas.fields import Closed, Code, Day, FactId, Prose, SomeGrams
from app.schemas.lots import Query

State = Literal["active", "affected", "corrected", "consumed", "withdrawn"]


class ClaimIn(Closed):
    """A claim on a lot; its figures follow from the lot's composition.

    ``id`` makes the request one: sent again, it is answered with the first receipt.
    """

    id: FactId
    claim: Code | None = None
    lot: Code
    net_g: SomeGrams | None = None
    valid_until: Day | None = None

    @property
    def last_day(self) -> date | None:
        """``valid_until`` as a date."""
        return (
            None if self.valid_until is None else date.fromisoformat(self.valid_until)
        )


class WithdrawalIn(Closed):
    """Why a claim is taken back; ``id`` makes the request one."""

    id: FactId
    reason: Prose


class ClaimListIn(Query):
    """How a list of claims is narrowed and paged."""

    text: Annotated[str, Field(max_length=100)] | None = None
    state: State | None = None
    lot: Annotated[str, Field(max_length=20)] | None = None
    before: Annotated[int, Field(ge=0)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class SplitOut(BaseModel):
    """The share, split by class; ppm, each rounded down."""

    post_consumer_elv: int
    post_consumer: int
    pre_consumer: int


class ClaimOut(BaseModel):
    """A claim with its state; masses in grams, shares in ppm."""

    code: str
    entry_index: int
    state: State
    state_index: int
    lot: str
    material: str
    organisation: str
    stretch: list[int]
    net_g: int
    claimed_g: int
    share_ppm: int
    split_ppm: SplitOut
    upper_ppm: int
    model: str
    rule_set: str
    boundary_text: str
    method: str
    valid_until: str | None
    issued_at: str
    withdrawn_because: str | None
    labels: int

    @classmethod
    def of(cls, view: ClaimView) -> Self:
        """Out of the query's value."""
        return cls(
            code=view.code,
            entry_index=view.entry_index,
            state=view.state,
            state_index=view.state_index,
            lot=view.lot,
            material=view.material,
            organisation=view.organisation,
            stretch=list(view.stretch),
            net_g=view.net_g,
            claimed_g=view.claimed_g,
            share_ppm=view.share_ppm,
            split_ppm=SplitOut(
                post_consumer_elv=view.elv_ppm,
                post_consumer=view.post_ppm,
                pre_consumer=view.pre_ppm,
            ),
            upper_ppm=view.upper_ppm,
            model=view.model,
            rule_set=view.rule_set,
            boundary_text=view.boundary_text,
            method=view.method,
            valid_until=view.valid_until and view.valid_until.isoformat(),
            issued_at=view.issued_at.isoformat(),
            withdrawn_because=view.withdrawn_because,
            labels=view.labels,
        )


class ClaimListOut(BaseModel):
    """A page of claims; ``next_before`` continues it."""

    claims: list[ClaimOut]
    next_before: int | None


class ClaimedOut(BaseModel):
    """A claim just issued, and where its entry stands."""

    claim: ClaimOut
    entry_index: int
    leaf_hash: str
    repeated: bool
