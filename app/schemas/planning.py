"""What a client has to know before it signs: parents of its facts, and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from app.schemas.fields import Closed
from app.services.planning import Plan


class ParentOut(Closed):
    """An entry that a fact rests on."""

    leaf_hash: str
    entry_index: int


class PlanOut(Closed):
    """What one fact rests on.

    Attributes:
        position: Of the fact in the request.
        id: Of the fact.
        parents: Entries of the log, by leaf hash.
        after: Positions of facts in the same request whose leaf hashes, once they
            are signed, are parents too.
        entry_index: Where the fact stands already; null: it is new.
        leaf_hash: Of that entry.
    """

    position: int
    id: str
    parents: list[ParentOut]
    after: list[int]
    entry_index: int | None
    leaf_hash: str | None


class PlansOut(Closed):
    """One plan for each fact, in the order of the request."""

    plans: list[PlanOut]


class KeyOut(Closed):
    """A signing key of the organisation, and the stretch of the log it is valid in."""

    key_name: str
    vkey: str
    key_id: str
    held_by: Literal["organisation", "platform"]
    next: str | None
    from_index: int
    ended_index: int | None


class KeysOut(Closed):
    """The keys of an organisation, and what a new one is named after.

    Attributes:
        origin: Of the log: key names begin with it.
        log_vkey: The key that signs checkpoints.
        genesis: Leaf hash of entry 0.
        organisation: Code of the organisation.
        next_number: Number of the next key.
        keys: By number.
    """

    origin: str
    log_vkey: str
    genesis: str
    organisation: str
    next_number: int
    keys: list[KeyOut]


def plans_out(plans: Sequence[Plan]) -> PlansOut:
    """Plans as they are sent."""
    return PlansOut(
        plans=[
            PlanOut(
                position=position,
                id=one.fact.id,
                parents=[
                    ParentOut(leaf_hash=leaf.leaf_hash, entry_index=leaf.entry_index)
                    for leaf in one.parents
                ],
                after=list(one.after),
                entry_index=None if one.known is None else one.known.entry_index,
                leaf_hash=None if one.known is None else one.known.leaf_hash,
            )
            for position, one in enumerate(plans)
        ]
    )
