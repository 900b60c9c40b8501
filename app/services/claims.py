"""Claims: issued, withdrawn. Handlers of their facts."""

from __future__ import annotations

from datetime import date

from app.models import ClaimRow, ClaimWithdrawalRow, row_id
from app.services.errors import refuse
from app.services.facts import Fact
from app.services.work import ClaimState, Work
from graph import Claimable, claim_stretch, unclaim

ACTIVE, WITHDRAWN = "active", "withdrawn"
METHOD = "1"
"""Version of the method by which shares are worked out: design section 6, ruler."""
RULE_SET = "base"
ROUNDED_AWAY_PPM = 2
"""What three parts of a share can lose by being rounded down, each by itself."""
OPEN_STATES = ("active", "affected", "corrected")


def post_issued(work: Work, fact: Fact, index: int) -> None:
    """``claim.issued``: never above what the lot bears, every gram once.

    Raises:
        Refused: The lot cannot be claimed, the code is in use, or a figure is above
            (the upper one below) what follows from the composition.
        GraphError: The stretch is not free, claimed already, or too small.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    if data["claim"] in work.claims:
        raise refuse(
            "data.claim", "the code {code} is in use already", code=data["claim"]
        )
    state = work.held_lot(data["lot"], organisation, "data.lot")
    if state.claim_block is not None:
        raise refuse(
            "data.lot",
            "lot {code} cannot be claimed: {reason}",
            code=data["lot"],
            reason=state.claim_block,
        )
    start, end = data["stretch"]
    claimable = claim_stretch(state.lot, state.position, (start, end))
    _check_figures(fact, claimable)
    claim_id = row_id(index)
    split = data["split_ppm"]
    work.add_row(
        ClaimRow,
        {
            "id": claim_id,
            "code": data["claim"],
            "lot_id": state.id,
            "organisation_id": organisation.id,
            "from_g": start,
            "to_g": end,
            "claimed_g": data["claimed_g"],
            "share_ppm": data["share_ppm"],
            "elv_ppm": split.get("post_consumer_elv", 0),
            "post_ppm": split.get("post_consumer", 0),
            "pre_ppm": split.get("pre_consumer", 0),
            "upper_ppm": data["upper_ppm"],
            "model": data["model"],
            "rule_set": data["rule_set"],
            "boundary_text": data["boundary_text"],
            "method": data["method"],
            "valid_until": _day(data.get("valid_until")),
            "issued_at": fact.at,
        },
    )
    claim = ClaimState(
        id=claim_id,
        code=data["claim"],
        lot=data["lot"],
        organisation_id=organisation.id,
        from_g=start,
        to_g=end,
        share_ppm=data["share_ppm"],
        state=ACTIVE,
    )
    work.add_claim(claim, index)
    state.position = claimable.position
    work.touch(state, index)


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _check_figures(fact: Fact, claimable: Claimable) -> None:
    data, found = fact.data, claimable.shares
    if data["claimed_g"] != claimable.taking.metal_g:
        raise refuse(
            "data.claimed_g",
            "found {found} g, expected {expected} g, the metal on the stretch",
            found=data["claimed_g"],
            expected=claimable.taking.metal_g,
        )
    split = data["split_ppm"]
    most = {
        "share_ppm": (data["share_ppm"], found.share_ppm),
        "split_ppm.post_consumer_elv": (
            split.get("post_consumer_elv", 0),
            found.elv_ppm,
        ),
        "split_ppm.post_consumer": (split.get("post_consumer", 0), found.post_ppm),
        "split_ppm.pre_consumer": (split.get("pre_consumer", 0), found.pre_ppm),
    }
    for name, (claimed, bears) in most.items():
        if claimed > bears:
            raise refuse(
                f"data.{name}",
                "found {claimed} ppm, expected at most {bears} ppm, what the lot bears",
                claimed=claimed,
                bears=bears,
            )
    parts_ppm = sum(split.values())
    if not parts_ppm <= data["share_ppm"] <= parts_ppm + ROUNDED_AWAY_PPM:
        raise refuse(
            "data.split_ppm",
            "the parts add up to {found} ppm, expected the share, {share} ppm",
            found=parts_ppm,
            share=data["share_ppm"],
        )
    if data["upper_ppm"] < found.upper_ppm:
        raise refuse(
            "data.upper_ppm",
            "found {claimed} ppm, expected at least {bears} ppm",
            claimed=data["upper_ppm"],
            bears=found.upper_ppm,
        )
    if data["model"] == "segregated" and not claimable.segregated:
        raise refuse(
            "data.model",
            "found segregated, but the lot mixes origin classes: it is "
            "controlled_blending",
        )
    for name, expected in (("rule_set", RULE_SET), ("method", METHOD)):
        if data[name] != expected:
            raise refuse(
                f"data.{name}",
                "found {found}, expected {expected}",
                found=data[name],
                expected=expected,
            )


def post_withdrawn(work: Work, fact: Fact, index: int) -> None:
    """``claim.withdrawn``: the stretch can be claimed again.

    Raises:
        Refused: It is no claim of this organisation, or it has ended.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    claim = work.claims.get(data["claim"])
    if claim is None or claim.organisation_id != organisation.id:
        raise refuse(
            "data.claim", "found {code}, which is no claim of yours", code=data["claim"]
        )
    if claim.state not in OPEN_STATES:
        raise refuse("data.claim", "claim {code} has ended already", code=data["claim"])
    work.add_row(
        ClaimWithdrawalRow,
        {"id": row_id(index), "claim_id": claim.id, "reason": data["reason"]},
    )
    work.set_claim(claim, WITHDRAWN, index)
    state = work.lots[claim.lot]
    state.position = unclaim(state.position, (claim.from_g, claim.to_g))
    work.touch(state, index)
