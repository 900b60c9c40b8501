"""The keys of an organisation, for its own programs."""

from __future__ import annotations

from app.api import bp
from app.db import reading
from app.queries.registers import list_keys
from app.schemas.planning import KeyOut, KeysOut
from app.security import current_actor
from app.services.errors import Conflict
from app.services.genesis import get_trust_root
from ledger import Verifier


@bp.get("/keys")
@bp.output(KeysOut)
def show_keys() -> KeysOut:
    """Every key that your organisation ever had, and the name of the next one.

    A key signs entries behind ``from_index``, up to and with ``ended_index``.
    """
    actor = current_actor()
    actor.require("read-entry", "own")
    if actor.organisation_id is None or actor.organisation_code is None:
        raise Conflict("this belongs to an organisation")
    with reading() as session:
        root = get_trust_root(session)
        views = list_keys(session, actor.organisation_id)[::-1]
        return KeysOut(
            origin=root.origin,
            log_vkey=root.log_vkey,
            genesis=root.leaf_hash,
            organisation=actor.organisation_code,
            next_number=len(views) + 1,
            keys=[
                KeyOut.model_validate(
                    {
                        "key_name": one.key.key_name,
                        "vkey": one.key.vkey,
                        "key_id": Verifier.parse(one.key.vkey).key_id.hex(),
                        "held_by": one.key.held_by,
                        "next": one.key.next_digest,
                        "from_index": one.from_index,
                        "ended_index": one.ended_index,
                    }
                )
                for one in views
            ],
        )
