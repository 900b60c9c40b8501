"""Claims out of traced composition: what a lot bears, why it cannot, issue, withdraw.

Nobody types a share. Its figures follow from the composition of the lot, rounded to
the side of caution, and the handler of the fact checks them again under the lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ClaimRow, ClaimWithdrawalRow, FacilityRow, LotRow, row_id
from app.queries.claims import find_boundary
from app.queries.lots import LotView, get_lot
from app.services.access import Actor
from app.services.claims import METHOD, RULE_SET
from app.services.errors import (
    FieldFault,
    Refused,
    RepeatMismatch,
    refuse,
)
from app.services.facts import Fact
from app.services.journal import find_known
from app.services.keys import KeyRing
from app.services.posting import Receipt
from app.services.recording import Doors, record
from app.services.rules import SHANGHAI
from app.services.work import HELD
from graph import (
    LEAST_METAL_G,
    Claimable,
    GraphError,
    Stretch,
    claim_stretch,
    free_stretches,
    metal_at,
)
from graph.places import without

ATTEMPTS = 5
SEGREGATED, BLENDED = "segregated", "controlled_blending"

BLOCKS: Mapping[str, FieldFault] = {
    "no_scale": FieldFault(
        None,
        "lot",
        "the lot cannot be claimed: its facility has registered no scale for it",
    ),
    "scale_expired": FieldFault(
        None,
        "lot",
        "the lot cannot be claimed: the certificate of its scale had run out",
    ),
    "load_too_small": FieldFault(
        None,
        "lot",
        "the lot cannot be claimed: it weighed less than 20 divisions of its scale",
    ),
    "weights_differ": FieldFault(
        None,
        "lot",
        "the lot cannot be claimed: the weights at dispatch and at acceptance differ "
        "by more than the two scales can miss, and neither side has corrected its own",
    ),
    "in_transit": FieldFault(
        None, "lot", "the lot is on its way: claim it where it arrives"
    ),
    "quarantined": FieldFault(
        None, "lot", "the lot is in quarantine: its radiation check failed"
    ),
    "voided": FieldFault(None, "lot", "the lot was taken back"),
    "not_held": FieldFault(
        None, "lot", "another organisation holds the lot: only the holder claims"
    ),
    "no_metal": FieldFault(None, "lot", "the lot holds no metal"),
    "not_recycled": FieldFault(
        None, "lot", "none of the lot's metal is recycled: there is nothing to claim"
    ),
    "nothing_left": FieldFault(None, "lot", "nothing is left of the lot"),
    "all_claimed": FieldFault(None, "lot", "all that is left of the lot is claimed"),
    "too_little": FieldFault(
        None,
        "lot",
        "less than 10 kg of metal lie in one piece that is free and unclaimed",
    ),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What can still be claimed of a lot.

    Attributes:
        view: The lot with its balance.
        pieces: Stretches that are free, unclaimed and hold 10 kg of metal or more.
        block: Why nothing can be claimed; None when something can.
    """

    view: LotView
    pieces: tuple[Stretch, ...]
    block: str | None

    @property
    def largest_g(self) -> int:
        """Net grams of the largest piece; 0 when nothing can be claimed."""
        return max((end - start for start, end in self.pieces), default=0)

    @property
    def claimable_g(self) -> int:
        """Net grams of all pieces together."""
        return sum(end - start for start, end in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimWish:
    """What somebody wants to claim.

    Attributes:
        fact_id: Makes the request one: the same id claims once.
        lot: Code of the lot.
        claim: Code that the claim gets.
        net_g: Net grams; None for the largest piece that is free and unclaimed.
        valid_until: Last day on which the claim holds, if it is to end.
    """

    fact_id: str
    lot: str
    claim: str
    net_g: int | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class IssuedClaim:
    """A claim and where its entry stands."""

    code: str
    receipt: Receipt


def make_offer(view: LotView, organisation: str | None) -> Offer:
    """What an organisation can claim of a lot, or why it cannot."""
    if (block := _lot_block(view, organisation)) is not None:
        return Offer(view, (), block)
    free = free_stretches(view.position)
    unclaimed = free
    for claimed in view.position.claimed:
        unclaimed = without(unclaimed, claimed)
    pieces = tuple(one for one in unclaimed if _metal_g(view, one) >= LEAST_METAL_G)
    if pieces:
        return Offer(view, pieces, None)
    if not free:
        return Offer(view, (), "nothing_left")
    return Offer(view, (), "too_little" if unclaimed else "all_claimed")


def _lot_block(view: LotView, organisation: str | None) -> str | None:
    if view.holder != organisation:
        return "not_held"
    if view.state != HELD:
        return view.state
    if view.claim_block is not None:
        return view.claim_block
    if view.shares is None:
        return "no_metal"
    return None if view.shares.share_ppm else "not_recycled"


def _metal_g(view: LotView, stretch: Stretch) -> int:
    return metal_at(view.lot, stretch[1]) - metal_at(view.lot, stretch[0])


def compose(offer: Offer, net_g: int | None = None) -> tuple[Stretch, Claimable]:
    """The stretch of a claim over so many net grams, and what it may say.

    It lies at the end of the smallest piece that is large enough: what is taken from
    the lot goes by the front, so that the claim is met last.

    Args:
        offer: Of the lot.
        net_g: Net grams; None for the largest piece.

    Raises:
        Refused: Nothing can be claimed, or not so much, or too little metal.
    """
    if offer.block is not None:
        raise Refused([BLOCKS[offer.block]])
    wanted_g = offer.largest_g if net_g is None else net_g
    fitting = [one for one in offer.pieces if one[1] - one[0] >= wanted_g]
    if not fitting:
        raise refuse(
            "net_g",
            "found {found} g, expected at most {most} g, the largest piece that is "
            "free and unclaimed",
            found=wanted_g,
            most=offer.largest_g,
        )
    _, end = min(fitting, key=lambda one: one[1] - one[0])
    stretch = (end - wanted_g, end)
    try:
        return stretch, claim_stretch(offer.view.lot, offer.view.position, stretch)
    except GraphError as error:
        raise refuse("net_g", error.message, **error.values) from None


def claim_data(
    wish: ClaimWish, stretch: Stretch, found: Claimable, facility: FacilityRow
) -> dict[str, Any]:
    """The data of ``claim.issued``: every share rounded down, the upper end up."""
    shares = found.shares
    data: dict[str, Any] = {
        "claim": wish.claim,
        "lot": wish.lot,
        "stretch": list(stretch),
        "claimed_g": found.taking.metal_g,
        "share_ppm": shares.share_ppm,
        "split_ppm": {
            "post_consumer_elv": shares.elv_ppm,
            "post_consumer": shares.post_ppm,
            "pre_consumer": shares.pre_ppm,
        },
        "upper_ppm": shares.upper_ppm,
        "model": SEGREGATED if found.segregated else BLENDED,
        "rule_set": RULE_SET,
        "boundary_text": boundary_text(facility),
        "method": METHOD,
    }
    if wish.valid_until is not None:
        data["valid_until"] = wish.valid_until.isoformat()
    return data


def boundary_text(facility: FacilityRow) -> str:
    """What the process boundary of a facility is, in the languages that it names."""
    texts = [facility.boundary_text_zh, facility.boundary_text_en]
    return " / ".join(text for text in texts if text) or facility.boundary_code


def issue_claim(
    doors: Doors, keyring: KeyRing, actor: Actor, wish: ClaimWish, now: datetime
) -> IssuedClaim:
    """Compose a claim from the lot's composition and post it.

    When somebody else claims of the same lot in the same moment, it is composed anew
    from what is left.

    Raises:
        Forbidden: The actor may not claim.
        NotFound: There is no such lot for the actor.
        Refused: Nothing, or not so much, can be claimed; says why.
        RepeatMismatch: The id stands for another request.
        NoSigningKey: The organisation keeps its own keys.
    """
    actor.require("claim.issued")
    today = now.astimezone(SHANGHAI).date()
    if wish.valid_until is not None and wish.valid_until < today:
        raise refuse("valid_until", "found a day that is over, expected a later one")
    for attempt in range(1, ATTEMPTS + 1):
        with doors.reading() as session:
            if (known := _find_repeat(session, actor, wish)) is not None:
                return known
            view = get_lot(
                session,
                wish.lot,
                organisation_id=actor.organisation_id,
                everything=False,
            )
            facility = find_boundary(session, view.id)
        stretch, found = compose(make_offer(view, actor.organisation_code), wish.net_g)
        data = claim_data(wish, stretch, found, facility)
        fact = _fact(actor, wish.fact_id, "claim.issued", data, now)
        try:
            [receipt] = record(doors, keyring, actor, [fact], now)
        except (Refused, RepeatMismatch):
            if attempt == ATTEMPTS or not _moved(doors, actor, wish, view):
                raise
        else:
            return IssuedClaim(wish.claim, receipt)
    raise AssertionError("the last attempt returns or raises")


def withdraw_claim(
    doors: Doors,
    keyring: KeyRing,
    actor: Actor,
    *,
    claim: str,
    reason: str,
    fact_id: str,
    now: datetime,
) -> Receipt:
    """Take a claim back: its grams can be claimed again, its labels say so.

    Raises:
        Forbidden: The actor may not withdraw claims.
        Refused: It is no claim of the actor's organisation, or it has ended.
        RepeatMismatch: The id stands for another request.
        NoSigningKey: The organisation keeps its own keys.
    """
    actor.require("claim.withdrawn")
    with doors.reading() as session:
        known = _find_withdrawal(session, actor, fact_id, claim, reason)
    if known is not None:
        return known
    data = {"claim": claim, "reason": reason}
    fact = _fact(actor, fact_id, "claim.withdrawn", data, now)
    [receipt] = record(doors, keyring, actor, [fact], now)
    return receipt


def _fact(
    actor: Actor, fact_id: str, kind: str, data: Mapping[str, Any], now: datetime
) -> Fact:
    return Fact(
        id=fact_id,
        type=kind,
        org=actor.organisation_code or "",
        at=now.replace(microsecond=0),
        data=data,
    )


def _find_withdrawal(
    session: Session, actor: Actor, fact_id: str, claim: str, reason: str
) -> Receipt | None:
    """What an earlier request with this id has withdrawn."""
    key = (actor.organisation_code or "", fact_id)
    if (entry := find_known(session, [key]).get(key)) is None:
        return None
    index, leaf_hash, _ = entry
    found = session.execute(
        select(ClaimRow.code, ClaimWithdrawalRow.reason)
        .join(ClaimWithdrawalRow, ClaimWithdrawalRow.claim_id == ClaimRow.id)
        .where(ClaimWithdrawalRow.id == row_id(index))
    ).first()
    if found is None or tuple(found) != (claim, reason):
        raise _another_request(index, fact_id)
    return Receipt(fact_id, index, leaf_hash.hex(), True)


def _another_request(index: int, fact_id: str) -> RepeatMismatch:
    return RepeatMismatch(
        "entry {index} stands in the log under the id {id}, and it says something else",
        index=index,
        id=fact_id,
    )


def _find_repeat(session: Session, actor: Actor, wish: ClaimWish) -> IssuedClaim | None:
    """The claim that an earlier request with this id has issued."""
    key = (actor.organisation_code or "", wish.fact_id)
    if (entry := find_known(session, [key]).get(key)) is None:
        return None
    index, leaf_hash, _ = entry
    row = session.get(ClaimRow, row_id(index))
    lot = None if row is None else session.get_one(LotRow, row.lot_id)
    if (
        row is None
        or lot is None
        or (row.code, lot.code) != (wish.claim, wish.lot)
        or row.valid_until != wish.valid_until
        or wish.net_g not in (None, row.to_g - row.from_g)
    ):
        raise _another_request(index, wish.fact_id)
    receipt = Receipt(wish.fact_id, index, leaf_hash.hex(), True)
    return IssuedClaim(row.code, receipt)


def _moved(doors: Doors, actor: Actor, wish: ClaimWish, before: LotView) -> bool:
    """Whether the lot has changed since it was read: then it is worth another try."""
    with doors.reading() as session:
        after = get_lot(
            session, wish.lot, organisation_id=actor.organisation_id, everything=False
        )
    return after.position != before.position
