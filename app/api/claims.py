"""Claims: issued out of the composition of lots, withdrawn, listed."""

from __future__ import annotations

from hashlib import sha256

from app.api import bp
from app.db import reading
from app.queries.claims import ClaimFilter, ClaimView, get_claim, list_claims
from app.queries.errors import NotFound
from app.queries.facts import Reader
from app.schemas.claims import (
    ClaimedOut,
    ClaimIn,
    ClaimListIn,
    ClaimListOut,
    ClaimOut,
    WithdrawalIn,
)
from app.security import current_actor, doors, keyring, now, reader_for
from app.services.claim_composing import ClaimWish, issue_claim, withdraw_claim
from labels.codes import BadCode, code_from_bytes, parse_code


@bp.get("/claims")
@bp.input(ClaimListIn, location="query", arg_name="query")
@bp.output(ClaimListOut)
def show_claims(query: ClaimListIn) -> ClaimListOut:
    """Claims of your organisation, newest first."""
    reader = reader_for(current_actor())
    with reading() as session:
        views = list_claims(
            session,
            ClaimFilter(
                text=query.text,
                state=query.state,
                lot=_code(query.lot) if query.lot else None,
            ),
            organisation_id=reader.organisation_id,
            everything=reader.everything,
            before=query.before,
            limit=query.limit,
        )
    more = len(views) == query.limit
    return ClaimListOut(
        claims=[ClaimOut.of(view) for view in views],
        next_before=views[-1].id if more else None,
    )


@bp.post("/claims")
@bp.input(ClaimIn, arg_name="body")
@bp.output(ClaimedOut, status_code=201)
def post_claim(body: ClaimIn) -> ClaimedOut:
    """Claim the recycled share of a lot: no figure is sent, all follow from the lot.

    Without ``net_g``, the largest piece that is free and unclaimed is claimed. Without
    ``claim``, the code follows from ``id``.
    """
    actor = current_actor()
    wish = ClaimWish(
        fact_id=body.id,
        lot=body.lot,
        claim=body.claim or code_from_fact_id(body.id),
        net_g=body.net_g,
        valid_until=body.last_day,
    )
    issued = issue_claim(doors(), keyring(), actor, wish, now())
    return ClaimedOut(
        claim=ClaimOut.of(_get(reader_for(actor), issued.code)),
        entry_index=issued.receipt.entry_index,
        leaf_hash=issued.receipt.leaf_hash,
        repeated=issued.receipt.repeated,
    )


@bp.get("/claims/<code>")
@bp.output(ClaimOut)
def show_claim(code: str) -> ClaimOut:
    """One claim with its state."""
    return ClaimOut.of(_get(reader_for(current_actor()), _code(code)))


@bp.post("/claims/<code>/withdrawal")
@bp.input(WithdrawalIn, arg_name="body")
@bp.output(ClaimOut)
def post_withdrawal(code: str, body: WithdrawalIn) -> ClaimOut:
    """Take a claim back: its labels say so from now on."""
    actor = current_actor()
    parsed = _code(code)
    withdraw_claim(
        doors(),
        keyring(),
        actor,
        claim=parsed,
        reason=body.reason,
        fact_id=body.id,
        now=now(),
    )
    return ClaimOut.of(_get(reader_for(actor), parsed))


def _code(text: str) -> str:
    """The code in an address.

    Raises:
        NotFound: It is none, so nothing has it.
    """
    try:
        return parse_code(text)
    except BadCode:
        raise NotFound("no such code: {text}", text=text[:40]) from None


def _get(reader: Reader, code: str) -> ClaimView:
    with reading() as session:
        return get_claim(
            session,
            code,
            organisation_id=reader.organisation_id,
            everything=reader.everything,
        )


def code_from_fact_id(fact_id: str) -> str:
    """The code of a claim whose client named none: of its id's digest."""
    return code_from_bytes(sha256(fact_id.encode()).digest())
