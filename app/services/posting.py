"""Post a batch of sealed facts: all of them or nothing, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.models import DisclosureKeyRow, DisclosureRow
from app.queries.prepared import at_once, insert_rows
from app.services import (
    claims,
    corrections,
    erasing,
    key_ends,
    labels,
    lots,
    organisations,
    runs,
    transfers,
)
from app.services.data_keys import DataKey, SealedValue
from app.services.errors import (
    FieldFault,
    Refused,
    RepeatMismatch,
    positioned,
    refuse,
)
from app.services.facts import Fact, SealedFact
from app.services.journal import Journal, find_known, is_future
from app.services.loading import load_after_lock, load_work
from app.services.repeats import is_repeat
from app.services.work import Work
from graph import GraphError

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_DISCLOSURES: Any = DisclosureRow.__table__
_VAULT_KEYS: Any = DisclosureKeyRow.__table__
Handler = Callable[[Work, Fact, int], None]
HANDLERS: dict[str, Handler] = {
    "organisation.registered": organisations.post_organisation,
    "facility.registered": organisations.post_facility,
    "key.registered": organisations.post_key,
    "key.rotated": key_ends.post_rotated,
    "key.revoked": key_ends.post_revoked,
    "lot.sourced": lots.post_sourced,
    "lot.assayed": lots.post_assayed,
    "lot.delivered": lots.post_delivered,
    "run.recorded": runs.post_run,
    "transfer.dispatched": transfers.post_dispatched,
    "transfer.accepted": transfers.post_accepted,
    "transfer.refused": transfers.post_refused,
    "claim.issued": claims.post_issued,
    "claim.withdrawn": claims.post_withdrawn,
    "label.issued": labels.post_issued,
    "label.voided": labels.post_voided,
    "entry.corrected": corrections.post_corrected,
    "disclosure.erased": erasing.post_erased,
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a fact stands in the log: final once the transaction has committed.

    Attributes:
        fact_id: As the client named it.
        entry_index: Its place in the log.
        leaf_hash: Hexadecimal.
        repeated: The log held it already; nothing was added.
    """

    fact_id: str
    entry_index: int
    leaf_hash: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a batch: a receipt or faults for each fact, by position."""

    receipts: dict[int, Receipt]
    faults: tuple[FieldFault, ...]


def post(session: Session, batch: Sequence[SealedFact], now: datetime) -> list[Receipt]:
    """Append every fact of a batch in the caller's transaction, or refuse it whole.

    The same fact under the same id is answered with its first receipt.

    Raises:
        Refused: Faults by position; as many as could be found at once.
        RepeatMismatch: Another request stands in the log under one of the ids.
        KeyEnded: A key that signed was rotated or revoked meanwhile.
    """
    posted = post_what_fits(session, batch, now)
    if posted.faults:
        raise Refused(posted.faults)
    return [posted.receipts[position] for position in range(len(batch))]


def post_what_fits(
    session: Session, batch: Sequence[SealedFact], now: datetime
) -> Posted:
    """Append the facts without faults; give the faults of the others.

    A fact that uses what a refused one would have made is refused too. The caller
    decides whether to commit.

    Raises:
        RepeatMismatch: Another request stands in the log under one of the ids.
        KeyEnded: A key that signed was rotated or revoked meanwhile.
    """
    facts = [sealed.fact for sealed in batch]
    work = load_work(session, facts, now)
    journal = Journal(session)
    known = find_known(session, [(fact.org, fact.id) for fact in facts])
    load_after_lock(work, facts)
    key_ends.load_ended(work, journal.last_end)
    receipts: dict[int, Receipt] = {}
    faults: list[FieldFault] = []
    disclosures: list[dict[str, Any]] = []
    vault_keys: dict[int, dict[str, Any]] = {}
    for position, sealed in enumerate(batch):
        fact = sealed.fact
        if (entry := known.get((fact.org, fact.id))) is not None:
            receipts[position] = _repeated(session, sealed, entry)
            continue
        index = journal.size
        try:
            with positioned(position):
                _check_time(fact, now)
                key_ends.check_signer(work, sealed)
                _handle(work, fact, index)
        except Refused as refused:
            faults.extend(refused.faults)
            continue
        journal.add(sealed)
        known[fact.org, fact.id] = (index, sealed.leaf_hash, sealed.request_digest)
        receipts[position] = Receipt(fact.id, index, sealed.leaf_hash.hex(), False)
        for one in sealed.disclosures:
            disclosures.append(_disclosure_row(one, index))
            vault_keys[one.key.number] = _key_row(one.key, now)
    with at_once(work.connection):
        journal.write()
        work.write()
        insert_rows(work.connection, _VAULT_KEYS, list(vault_keys.values()))
        insert_rows(work.connection, _DISCLOSURES, disclosures)
    return Posted(receipts, tuple(faults))


def _disclosure_row(one: SealedValue, index: int) -> dict[str, Any]:
    return {
        "digest": one.digest,
        "entry_index": index,
        "name": one.name,
        "sealed": one.sealed,
        "key_number": one.key.number,
    }


def _key_row(key: DataKey, now: datetime) -> dict[str, Any]:
    return {
        "org": key.org,
        "number": key.number,
        "sealed": key.sealed,
        "created_at": now,
    }


@dataclass(frozen=True, slots=True)
class Replayed:
    """An entry of the log that is posted again, at the index that it has.

    Attributes:
        index: In the log.
        sealed: The entry.
        takes_effect: Whether its handler is asked; else it only keeps its place.
    """

    index: int
    sealed: SealedFact
    takes_effect: bool


def replay(
    session: Session, batch: Sequence[Replayed]
) -> list[tuple[Replayed, Refused]]:
    """Post entries that the log holds into other tables, each at its own index.

    Returns:
        What the rules of this version refuse: it keeps its place, and does nothing.

    Raises:
        ValueError: An entry is not the next one.
    """
    facts = [one.sealed.fact for one in batch if one.takes_effect]
    # No rule asks the clock once a fact was taken; the instant is there for none
    work = load_work(session, facts, facts[-1].at if facts else _NO_TIME)
    journal = Journal(session)
    load_after_lock(work, facts)
    refused: list[tuple[Replayed, Refused]] = []
    for one in batch:
        if one.index != journal.size:
            raise ValueError(f"entry {one.index} comes where {journal.size} should")
        handler = HANDLERS.get(one.sealed.fact.type)
        if one.takes_effect and handler is not None:
            try:
                _handle(work, one.sealed.fact, one.index)
            except Refused as error:
                refused.append((one, error))
        journal.add(one.sealed)
    with at_once(work.connection):
        journal.write()
        work.write()
    return refused


def _handle(work: Work, fact: Fact, index: int) -> None:
    try:
        HANDLERS[fact.type](work, fact, index)
    except GraphError as error:
        path = f"data.{error.field}" if error.field else "data"
        raise refuse(path, error.message, **error.values) from error


def _repeated(
    session: Session, sealed: SealedFact, entry: tuple[int, bytes, bytes]
) -> Receipt:
    index, leaf_hash, digest = entry
    if not is_repeat(session, index, digest, sealed.request_digest, sealed.fact):
        raise RepeatMismatch(
            "entry {index} stands in the log under the id {id}, "
            "and it says something else",
            index=index,
            id=sealed.fact.id,
        )
    return Receipt(sealed.fact.id, index, leaf_hash.hex(), True)


def _check_time(fact: Fact, now: datetime) -> None:
    if is_future(fact.at, now):
        raise refuse("at", "found {at}, which lies in the future", at=fact.at_text)
