"""Facts become signed entries on the organisation's own machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from app.client.errors import ClientError, LogDisagrees
from app.schemas.entries import check_fact
from app.services.errors import Refused
from app.services.facts import FACT_TYPES, Fact, used_lots
from ledger import (
    LedgerError,
    Signer,
    canonical_json,
    disclose,
    leaf_hash,
    pad_digests,
    parse_entry,
    sign_entry,
)

ID_VERSION, ID_VARIANT = 8, 0b10
# A fact of these types is the door through which its receiver has a lot
HANDED_OVER = ("transfer.accepted", "transfer.dispatched")


@dataclass(frozen=True, slots=True)
class Signed:
    """A fact with its note and the values behind its salted digests."""

    fact: Fact
    note: bytes
    disclosures: tuple[str, ...]

    def to_request(self) -> dict[str, Any]:
        """As it is sent to the API, and as it stands in a file of notes."""
        return {"note": self.note.decode(), "disclosures": list(self.disclosures)}


@dataclass(frozen=True, slots=True)
class Basis:
    """What a fact rests on, as the server told.

    Attributes:
        parents: Leaf hashes, hexadecimal.
        after: Positions of facts of the same batch.
        known_index: Where the fact stands in the log already.
    """

    parents: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    known_index: int | None = field(default=None)


def read_facts(items: object, org: str) -> list[Fact]:
    """Facts of a file: a list of them, or an object with such a list under ``facts``.

    A fact without an id gets one that follows from what it says, so that the same file
    gives the same ids; of two that say the same, the second gets another one.

    Raises:
        ClientError: Naming the place of each fault.
    """
    if isinstance(items, Mapping):
        items = items.get("facts")
    if not isinstance(items, list) or not items:
        raise ClientError("expected a list of facts")
    facts: list[Fact] = []
    faults: list[str] = []
    seen: dict[str, int] = {}
    for number, item in enumerate(items, 1):
        try:
            facts.append(_read_fact(item, org, seen))
        except Refused as refused:
            faults += [
                f"fact {number}: {one.field}: {one.text}" for one in refused.faults
            ]
        except (LedgerError, ValidationError, TypeError, ValueError) as error:
            faults.append(f"fact {number}: {error}")
    if faults:
        raise ClientError("\n".join(faults))
    return facts


def _read_fact(item: object, org: str, seen: dict[str, int]) -> Fact:
    if not isinstance(item, Mapping):
        raise TypeError("expected an object")
    given = dict(item)
    if "id" not in given:
        content = canonical_json({**given, "org": org}).decode()
        count = seen[content] = seen.get(content, 0) + 1
        given["id"] = derived_id(content, count)
    fact = check_fact(given, org)
    if fact.org != org:
        raise ValueError(f"org: found {fact.org}, expected {org}, whose key signs")
    known = FACT_TYPES[fact.type].private
    if unknown := sorted(set(fact.private) - set(known)):
        raise ValueError(f"private.{unknown[0]}: is no private field of {fact.type}")
    return fact


def derived_id(content: str, count: int) -> str:
    """A UUID of version 8 out of what a fact says and the how-manieth such it is."""
    digest = hashlib.sha256(f"remelt/fact-id@v1\n{count}\n{content}".encode()).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | ID_VERSION << 76
    value = value & ~(0b11 << 62) | ID_VARIANT << 62
    return str(UUID(int=value))


def sign_facts(
    signer: Signer,
    facts: Sequence[Fact],
    bases: Sequence[Basis],
    seen: Mapping[str, Any] | None,
) -> list[Signed]:
    """Sign facts in their order; those that stand in the log already are left out.

    Raises:
        ClientError: An entry would be too long, or a text cannot be signed.
    """
    signed: dict[int, Signed] = {}
    for position, (fact, basis) in enumerate(zip(facts, bases, strict=True)):
        if basis.known_index is not None:
            continue
        parents = set(basis.parents)
        parents.update(
            leaf_hash(signed[one].note).hex() for one in basis.after if one in signed
        )
        try:
            signed[position] = sign_fact(signer, fact, sorted(parents), seen)
        except LedgerError as error:
            raise ClientError(f"fact {position + 1}: {error}") from None
    return list(signed.values())


def sign_fact(
    signer: Signer,
    fact: Fact,
    parents: Sequence[str],
    seen: Mapping[str, Any] | None,
) -> Signed:
    """One fact as a signed entry, its private values salted.

    Raises:
        LedgerError: It has no canonical form, or is too long.
    """
    kind = FACT_TYPES[fact.type]
    shown = [disclose(name, value) for name, value in sorted(fact.private.items())]
    envelope = {
        "at": fact.at_text,
        "data": dict(fact.data),
        "id": fact.id,
        "org": fact.org,
        "parents": list(parents),
        "sd": pad_digests([one.digest for one in shown], kind.slots),
        "seen": None if seen is None else dict(seen),
        "type": fact.type,
        "v": 1,
    }
    note = sign_entry(envelope, [signer])
    return Signed(fact, note, tuple(one.text for one in shown))


def check_parents(
    fact: Fact, parents: Mapping[str, int], read: Callable[[int], str | None]
) -> None:
    """Check that each parent that can be read is what the server says of it.

    Args:
        fact: That names them.
        parents: Index of each leaf hash.
        read: The note of an entry; None where it is not for us to read.

    Raises:
        LogDisagrees: A note has another hash, or has nothing to do with the fact.
    """
    lots = set(used_lots(fact))
    for leaf, index in parents.items():
        note = read(index)
        if note is None:
            continue
        if leaf_hash(note.encode()).hex() != leaf:
            raise LogDisagrees(f"entry {index} has not the leaf hash {leaf}")
        said = parse_entry(note.encode()).fact
        if not _concerns(fact, lots, said):
            raise LogDisagrees(
                f"entry {index}, {said['type']}, has nothing to do with {fact.type}"
            )


def _concerns(fact: Fact, lots: set[str], said: Mapping[str, Any]) -> bool:
    """Whether an entry makes, hands over or states what the fact uses."""
    data = said["data"]
    match said["type"]:
        case "lot.sourced":
            return data["lot"] in lots
        case "run.recorded":
            made = {flow["lot"] for flow in data["outputs"]}
            if made & lots:
                return True
        case "claim.issued":
            if data["claim"] == fact.data.get("claim"):
                return True
        case "label.issued":
            if fact.data.get("code_sha256") in data["codes_sha256"]:
                return True
        case "transfer.dispatched" if data["transfer"] == fact.data.get("transfer"):
            return True
        case "transfer.accepted":
            # Which lot came is said by the dispatch, which names the same transfer
            return bool(lots)
    return said["id"] in (fact.data.get("corrects"), fact.data.get("of"))
