"""Facts in, entries out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.api import bp
from app.db import reading
from app.publishing import log_policy
from app.queries.cosigned import find_published_covering
from app.queries.facts import EntryView, get_entry_view, list_entries
from app.queries.log import DatabaseTiles
from app.queries.registers import keys_by_name
from app.schemas.entries import (
    EntriesIn,
    EntriesOut,
    EntryListIn,
    EntryListOut,
    EntryOut,
    ProofOut,
    ReceiptOut,
    parse_requests,
)
from app.schemas.planning import PlansOut, plans_out
from app.security import current_actor, doors, keyring, log_reader_for, now
from app.services.errors import FieldFault, Refused
from app.services.facts import Fact
from app.services.planning import plan_entries
from app.services.recording import record_mixed, require_right
from ledger import prove_inclusion


@bp.post("/entries")
@bp.input(EntriesIn, arg_name="body")
@bp.output(EntriesOut, status_code=201)
def post_entries(body: EntriesIn) -> EntriesOut:
    """Record up to 1,000 facts, all of them or none.

    Each item is a fact, which the platform signs with the key that it holds for your
    organisation, or ``{"note": ..., "disclosures": [...]}``, an entry that you signed.
    The same fact under the same id is answered with its first receipt.
    """
    actor = current_actor()
    requests = parse_requests(body.facts, actor.organisation_code)
    receipts = record_mixed(doors(), keyring(), actor, requests, now())
    return EntriesOut(
        receipts=[
            ReceiptOut(
                position=position,
                id=one.fact_id,
                entry_index=one.entry_index,
                leaf_hash=one.leaf_hash,
                repeated=one.repeated,
            )
            for position, one in enumerate(receipts)
        ],
        size=max(one.entry_index for one in receipts) + 1,
    )


@bp.post("/entries/parents")
@bp.input(EntriesIn, arg_name="body")
@bp.output(PlansOut)
def post_plans(body: EntriesIn) -> PlansOut:
    """What up to 1,000 facts rest on, for programs that sign them themselves.

    Nothing is recorded. Facts that would be refused are refused here already; of one
    that stands in the log, its place is told.
    """
    actor = current_actor()
    facts = []
    for position, one in enumerate(parse_requests(body.facts, actor.organisation_code)):
        if not isinstance(one, Fact):
            raise Refused(
                [FieldFault(position, "note", "expected a fact, found a signed note")]
            )
        require_right(actor, one)
        facts.append(one)
    return plans_out(plan_entries(doors(), keyring(), facts, now()))


@bp.get("/entries")
@bp.input(EntryListIn, location="query", arg_name="query")
@bp.output(EntryListOut)
def show_entries(query: EntryListIn) -> EntryListOut:
    """Entries that you may read, in log order, from behind ``after`` on."""
    reader = log_reader_for(current_actor())
    with reading() as session:
        views = list_entries(
            session,
            reader,
            after=query.after,
            limit=query.limit,
            fact_type=query.type,
        )
        entries = _out(session, views)
    more = len(views) == query.limit
    return EntryListOut(
        entries=entries,
        next_after=views[-1].entry_index if more else None,
    )


@bp.get("/entries/<int:index>")
@bp.output(EntryOut)
def show_entry(index: int) -> EntryOut:
    """One entry, with its note as signed."""
    with reading() as session:
        view = get_entry_view(session, log_reader_for(current_actor()), index)
        return _out(session, [view])[0]


@bp.get("/entries/<int:index>/proof")
@bp.output(ProofOut)
def show_proof(index: int) -> ProofOut:
    """Inclusion proof of an entry under the first checkpoint that covers it.

    The first that the witnesses have cosigned, where the log has witnesses; until
    then the first that the log has signed.
    """
    with reading() as session:
        view = get_entry_view(session, log_reader_for(current_actor()), index)
        checkpoint = find_published_covering(session, log_policy(), index)
        proof: list[bytes] = []
        if checkpoint is not None:
            proof = prove_inclusion(DatabaseTiles(session), index, checkpoint.size)
        return ProofOut(
            entry_index=index,
            leaf_hash=view.leaf_hash,
            grade="recorded" if checkpoint is None else checkpoint.grade,
            proof=[one.hex() for one in proof],
            checkpoint=None if checkpoint is None else checkpoint.note.decode(),
        )


def _out(session: Session, views: Sequence[EntryView]) -> list[EntryOut]:
    keys = keys_by_name(session, (name for view in views for name in view.signers))
    entries = []
    for view in views:
        fields: dict[str, Any] = {
            name: getattr(view, name)
            for name in EntryOut.model_fields
            if name != "held_by"
        }
        fields["signers"] = list(view.signers)
        # The registrar's key is in log.genesis, and in no row
        fields["held_by"] = [
            keys[name].held_by if name in keys else "operator" for name in view.signers
        ]
        entries.append(EntryOut(**fields))
    return entries
