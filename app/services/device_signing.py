"""Entries that a browser signs with a key of its own: drafted here, checked here.

A form that logs something is answered with what is to be signed (``SignatureNeeded``);
the browser signs it and sends the same form again, with the notes. So every form works
with either kind of key and knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.services.errors import positioned, refuse
from app.services.facts import FACT_TYPES, Fact, SealedFact, parse_at
from app.services.journal import find_known
from app.services.planning import Plan, plan_entries
from app.services.signing import accept_note, check_parents
from ledger import LedgerError, disclose, pad_digests, parse_disclosure

if TYPE_CHECKING:
    from app.services.keys import KeyRing
    from app.services.recording import Doors, OwnEntry


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that signs.

    Attributes:
        key_name: Of the key in it.
        notes: What it has signed for this request, by fact id.
    """

    key_name: str
    notes: Mapping[str, OwnEntry]


@dataclass(frozen=True, slots=True)
class Unsigned:
    """An entry that waits for a signature.

    Attributes:
        envelope: The fact; ``seen`` is for the browser to fill.
        after: Positions of those before it whose leaf hashes are parents too.
        disclosures: Behind its salted digests.
    """

    envelope: dict[str, Any]
    after: tuple[int, ...]
    disclosures: tuple[str, ...]


class SignatureNeeded(Exception):
    """The browser that keeps the key has to sign before anything is recorded.

    Args:
        key_name: Of the key.
        entries: To be signed, in this order.
        changed: Others were signed; what has happened since made these of them.
    """

    def __init__(
        self, key_name: str, entries: Sequence[Unsigned], *, changed: bool
    ) -> None:
        super().__init__(f"{len(entries)} entries wait for {key_name}")
        self.key_name = key_name
        self.entries = tuple(entries)
        self.changed = changed


def seal_on_device(
    doors: Doors,
    keyring: KeyRing,
    device: Device,
    facts: Sequence[Fact],
    now: datetime,
) -> list[SealedFact]:
    """The entries of facts, as the browser signed them.

    Faults of the facts are found before anybody is asked to sign them.

    Raises:
        SignatureNeeded: The browser has not signed yet, or something else.
        Refused: Faults by position, of the facts or of what was signed.
        RepeatMismatch: Another fact stands in the log under one of the ids.
        NoSuchKey: An entry is signed by a key that is not registered.
    """
    # The clock is no part of the wish: what was signed says when
    facts = [_at_signed(fact, device.notes.get(fact.id)) for fact in facts]
    plans = plan_entries(doors, keyring, facts, now)
    new = [plan.fact for plan in plans if plan.known is None]
    if not all(_is_signed(fact, device.notes.get(fact.id)) for fact in new):
        raise SignatureNeeded(
            device.key_name, list(_drafts(plans)), changed=bool(device.notes)
        )
    signed = iter(_accepted(doors, keyring, device, new))
    return [
        next(signed) if plan.known is None else _as_known(doors, plan.fact)
        for plan in plans
    ]


def _at_signed(fact: Fact, own: OwnEntry | None) -> Fact:
    return fact if own is None else replace(fact, at=parse_at(own.entry.fact["at"]))


def _is_signed(fact: Fact, own: OwnEntry | None) -> bool:
    """Whether what was signed says what is to be recorded, private values included."""
    if own is None:
        return False
    said = own.entry.fact
    try:
        shown = [parse_disclosure(text) for text in own.disclosures]
    except LedgerError:
        return False
    return (
        said["type"] == fact.type
        and said["org"] == fact.org
        and own.data == fact.data
        and {one.name: one.value for one in shown} == dict(fact.private)
    )


def _drafts(plans: Sequence[Plan]) -> Iterator[Unsigned]:
    """What is to be signed; facts that stand in the log already are left out."""
    places: dict[int, int] = {}
    for position, plan in enumerate(plans):
        if plan.known is not None:
            continue
        places[position] = len(places)
        fact = plan.fact
        shown = [disclose(name, value) for name, value in sorted(fact.private.items())]
        digests = [one.digest for one in shown]
        yield Unsigned(
            {
                "at": fact.at_text,
                "data": dict(fact.data),
                "id": fact.id,
                "org": fact.org,
                "parents": sorted(parent.leaf_hash for parent in plan.parents),
                "sd": pad_digests(digests, FACT_TYPES[fact.type].slots),
                "seen": None,
                "type": fact.type,
                "v": 1,
            },
            tuple(places[one] for one in plan.after if one in places),
            tuple(one.text for one in shown),
        )


def _accepted(
    doors: Doors, keyring: KeyRing, device: Device, facts: Sequence[Fact]
) -> list[SealedFact]:
    sealed = []
    with doors.reading() as session:
        for position, fact in enumerate(facts):
            own = device.notes[fact.id]
            with positioned(position):
                try:
                    sealed.append(
                        accept_note(
                            session, keyring, own.entry, own.data, own.disclosures
                        )
                    )
                except LedgerError as error:
                    raise refuse("", "{reason}", reason=str(error)) from error
        check_parents(session, sealed)
    return sealed


def _as_known(doors: Doors, fact: Fact) -> SealedFact:
    """What posting recognises as a repeat, and answers with the first receipt."""
    with doors.reading() as session:
        known = find_known(session, [(fact.org, fact.id)])
    _, leaf_hash, digest = known[fact.org, fact.id]
    return SealedFact(
        fact=fact,
        note=b"",
        leaf_hash=leaf_hash,
        request_digest=digest,
        disclosures=(),
        parents=(),
    )
