"""A lot changes hands: the smallest of three weights goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from graph.errors import InvalidTransfer
from graph.model import Lot, Position, Taking
from graph.places import free_g
from graph.ruler import read


@dataclass(frozen=True, slots=True)
class Handover:
    """What follows from an accepted transfer.

    Attributes:
        goes_on: What the receiver has from now on, as it reads there.
        lost: What lies behind it, as it read at the sender.
        within_tolerance: The two weights differ by no more than their scales may.
        position: Of the lot, at the receiver.
    """

    goes_on: Taking
    lost: Taking
    within_tolerance: bool
    position: Position


def is_untouched(position: Position) -> bool:
    """Whether nothing of a lot is taken, what was given back included, or claimed."""
    return free_g(position) == position.goes_on_g and not position.claimed


def check_untouched(position: Position) -> None:
    """Refuse to let a lot travel of which something was taken or claimed.

    Raises:
        InvalidTransfer: It was.
    """
    if free_g(position) != position.goes_on_g:
        raise InvalidTransfer(
            "something was taken from the lot: split off what is to travel first"
        )
    if position.claimed:
        raise InvalidTransfer(
            "the lot is claimed: withdraw the claim, or deliver the claimed metal"
        )


def hand_over(
    lot: Lot,
    position: Position,
    *,
    dispatched_g: int,
    received_g: int,
    tolerance_g: int,
    leaves_boundary: bool,
) -> Handover:
    """Work out an accepted transfer.

    The lot keeps its code and its ruler; ``[r, before)`` is lost in transit, where
    ``r`` is the smallest of book, dispatched and received weight.

    Args:
        lot: As made.
        position: Before the transfer.
        dispatched_g: The sender's weight.
        received_g: The receiver's weight.
        tolerance_g: What the two scales together can miss.
        leaves_boundary: It goes to a boundary under other control.
    """
    goes_on_g = min(position.goes_on_g, dispatched_g, received_g)
    there = replace(
        position,
        goes_on_g=goes_on_g,
        internal_as_unknown=position.internal_as_unknown or leaves_boundary,
    )
    return Handover(
        goes_on=read(
            lot, [(0, goes_on_g)], internal_as_unknown=there.internal_as_unknown
        ),
        lost=read(
            lot,
            [(goes_on_g, position.goes_on_g)],
            internal_as_unknown=position.internal_as_unknown,
        ),
        within_tolerance=abs(dispatched_g - received_g) <= tolerance_g,
        position=there,
    )
