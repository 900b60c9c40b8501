"""The signatures of an entry, each checked against the key that the log registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import OrganisationRow, SigningKeyEndRow, SigningKeyRow, entry_of
from app.queries.facts import EntryView
from app.services.genesis import get_trust_root
from ledger import Entry, LedgerError, SignatureLine, Verifier, parse_entry

Holder = Literal["organisation", "platform", "operator"]


@dataclass(frozen=True, slots=True)
class SignatureView:
    """One signature of an entry.

    Attributes:
        key_name: As the line names it.
        organisation: Whose key it is; None: the operator's, or nobody's.
        holder: Who keeps the private key; None where the log has no such key.
        from_index: The entry that registered the key.
        ended_index: The entry that ended it; None while it is valid.
        valid_here: The key may sign at the index of the entry.
        holds: The signature is by this key, over this text.
    """

    key_name: str
    organisation: OrganisationRow | None
    holder: Holder | None
    from_index: int
    ended_index: int | None
    valid_here: bool
    holds: bool


def check_signatures(session: Session, view: EntryView) -> list[SignatureView]:
    """Every signature of an entry, checked now.

    Cost: one Ed25519 verification each.
    """
    entry = parse_entry(view.note.encode())
    registrar = Verifier.parse(get_trust_root(session).registrar_vkey)
    names = [line.name for line in entry.signatures]
    rows = session.execute(
        select(SigningKeyRow, SigningKeyEndRow.id, OrganisationRow)
        .join(OrganisationRow, OrganisationRow.id == SigningKeyRow.organisation_id)
        .outerjoin(
            SigningKeyEndRow, SigningKeyEndRow.signing_key_id == SigningKeyRow.id
        )
        .where(SigningKeyRow.key_name.in_(names))
    )
    known = {row[0].key_name: row for row in rows}
    found = []
    for line in entry.signatures:
        if line.name == registrar.name:
            holds = _holds(registrar, line, entry)
            found.append(
                SignatureView(line.name, None, "operator", 0, None, True, holds)
            )
        elif line.name in known:
            key, end, organisation = known[line.name]
            found.append(_of_key(view, entry, line, key, end, organisation))
        else:
            found.append(SignatureView(line.name, None, None, 0, None, False, False))
    return found


def _of_key(
    view: EntryView,
    entry: Entry,
    line: SignatureLine,
    key: SigningKeyRow,
    end: int | None,
    organisation: OrganisationRow,
) -> SignatureView:
    index, start = view.entry_index, entry_of(key.id)
    ended = None if end is None else entry_of(end)
    # The key that takes the place of another signs its own registration
    begun = start < index or (start == index and view.fact["type"] == "key.rotated")
    return SignatureView(
        line.name,
        organisation,
        "platform" if key.held_by == "platform" else "organisation",
        start,
        ended,
        begun and (ended is None or index <= ended),
        _holds(Verifier.parse(key.vkey), line, entry),
    )


def _holds(key: Verifier, line: SignatureLine, entry: Entry) -> bool:
    if (line.name, line.key_id) != (key.name, key.key_id):
        return False
    try:
        key.verify(line.signature, entry.text)
    except LedgerError:
        return False
    return True
