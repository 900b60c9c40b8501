"""Facts as the services know them: their types, their parts, what they refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.services.data_keys import SealedValue

INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class FactType:
    """What every fact of a type has in common.

    Attributes:
        name: As it stands in entries.
        private: Names of the fields that stand as salted digests only.
        slots: How many digests an entry of this type carries, decoys included.
        registrar: Signed by the registrar, not by the organisation itself.
    """

    name: str
    private: tuple[str, ...] = ()
    slots: int = 0
    registrar: bool = False


FACT_TYPES: dict[str, FactType] = {
    kind.name: kind
    for kind in (
        FactType("log.genesis", registrar=True),
        FactType(
            "organisation.registered",
            ("legal_name", "contact", "address"),
            4,
            registrar=True,
        ),
        FactType("facility.registered", ("address", "coordinates"), 2),
        FactType("key.registered"),
        FactType("key.rotated"),
        FactType("key.revoked"),
        FactType(
            "lot.sourced",
            (
                "supplier",
                "vehicle",
                "ticket",
                "price",
                "invoice",
                "declaration_number",
                "contract",
                "note",
            ),
            8,
        ),
        FactType("lot.assayed", ("certificate_number",), 2),
        FactType("run.recorded", ("operator", "recipe"), 2),
        FactType(
            "transfer.dispatched",
            ("vehicle", "driver", "waybill", "price", "contract"),
            6,
        ),
        FactType("transfer.accepted", ("ticket",), 2),
        FactType("transfer.refused"),
        FactType("lot.delivered", ("customer", "invoice"), 4),
        FactType("claim.issued"),
        FactType("claim.withdrawn"),
        FactType("label.issued"),
        FactType("label.voided"),
        FactType("entry.corrected"),
        FactType("disclosure.erased"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A checked fact: the data of its type's closed schema, as plain JSON values.

    Attributes:
        id: UUID of the client, lower case.
        type: One of FACT_TYPES.
        org: Code of the organisation that states it.
        at: When it happened, UTC to the second.
        data: As in facts.md, of version 1.
        private: Values that go into disclosures, by field name.
    """

    id: str
    type: str
    org: str
    at: datetime
    data: Mapping[str, Any]
    private: Mapping[str, str] = field(default_factory=dict)

    @property
    def at_text(self) -> str:
        """The instant as it stands in the entry."""
        return self.at.strftime(INSTANT)


def to_request(fact: Fact) -> dict[str, Any]:
    """A fact as the API takes it."""
    return {
        "id": fact.id,
        "type": fact.type,
        "org": fact.org,
        "at": fact.at_text,
        "data": dict(fact.data),
        "private": dict(fact.private),
    }


def parse_at(text: str) -> datetime:
    """The instant that an entry names, aware UTC."""
    # All entries spell instants in one way; reading any ISO form is ten times as fast
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFact:
    """A fact with its signed note: everything of an entry but its index.

    Attributes:
        fact: What is stated.
        note: The signed note; hashed as the leaf.
        leaf_hash: 32 bytes.
        request_digest: Keyed digest of the request, 32 bytes.
        disclosures: Each private value, sealed.
        parents: Leaf hashes that the entry names, hexadecimal.
        key_name: Of the key that signed; None: nobody did, for a dry run.
    """

    fact: Fact
    note: bytes
    leaf_hash: bytes
    request_digest: bytes
    disclosures: tuple[SealedValue, ...]
    parents: tuple[str, ...]
    key_name: str | None = None


def used_lots(fact: Fact) -> Iterator[str]:
    """Codes of the lots that a fact draws on or speaks of (not of those it makes)."""
    data = fact.data
    match fact.type:
        case "run.recorded":
            yield from (flow["lot"] for flow in data["inputs"])
        case (
            "lot.assayed"
            | "transfer.dispatched"
            | "lot.delivered"
            | "claim.issued"
            | "label.issued"
        ):
            if (lot := data.get("lot")) is not None:
                yield lot


def made_lots(fact: Fact) -> Iterator[str]:
    """Codes of the lots that a fact makes."""
    match fact.type:
        case "lot.sourced":
            yield fact.data["lot"]
        case "run.recorded":
            yield from (flow["lot"] for flow in fact.data["outputs"])


def named_facilities(fact: Fact) -> Iterator[str]:
    """Codes of the facilities that a fact names."""
    if fact.type == "facility.registered":
        yield fact.data["code"]
    for name in ("facility", "from", "to"):
        if fact.type == "lot.delivered" and name == "to":
            continue
        if isinstance(code := fact.data.get(name), str):
            yield code
