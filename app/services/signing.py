"""Turn facts into signed entries, before the transaction that posts them.

Signing, hashing and the checks of signatures happen here, outside every lock. What an
entry names as its parents is immutable once it is in the log, so it can be read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    ClaimRow,
    LabelRow,
    LogEntryRow,
    LotBalanceRow,
    LotRow,
    OrganisationRow,
    SigningKeyRow,
    TransferRow,
    entry_of,
)
from app.services.data_keys import Vault
from app.services.errors import NoSuchKey, positioned, refuse
from app.services.facts import (
    FACT_TYPES,
    Fact,
    SealedFact,
    made_lots,
    parse_at,
    used_lots,
)
from app.services.journal import chunks
from app.services.keys import KeyRing
from ledger import (
    Entry,
    Signer,
    Verifier,
    disclose,
    leaf_hash,
    pad_digests,
    parse_disclosure,
    sign_entry,
    verify_entry,
)


class Parents:
    """Leaf hashes of the entries that made what facts use.

    Of a lot: the entry that made it, and the acceptance through which its holder has
    it. Of a transfer, claim, label or corrected fact: its own entry.
    """

    def __init__(self, session: Session, facts: Sequence[Fact]) -> None:
        self._session = session
        self._of_lot: dict[str, list[str]] = {}
        self._of_thing: dict[tuple[str, str], str] = {}
        self._lot_of: dict[str, str] = {}
        self._load(facts)

    def of(self, fact: Fact) -> tuple[str, ...]:
        """The parents of one fact, hexadecimal and sorted; unknown things have none."""
        parents: set[str] = set()
        for lot in used_lots(fact):
            parents.update(self._of_lot.get(lot, ()))
        for key in _things(fact):
            if (parent := self._of_thing.get(key)) is not None:
                parents.add(parent)
        return tuple(sorted(parents))

    def learn(self, fact: Fact, leaf: str) -> None:
        """A fact of the same batch, whose entry later ones may use."""
        for lot in made_lots(fact):
            self._of_lot[lot] = [leaf]
        self._of_thing["fact", fact.id] = leaf
        match fact.type:
            case "transfer.dispatched":
                self._of_thing["transfer", fact.data["transfer"]] = leaf
                self._lot_of[fact.data["transfer"]] = fact.data["lot"]
            case "transfer.accepted":
                sent = self._lot_of.get(fact.data["transfer"])
                if sent is not None and sent in self._of_lot:
                    self._of_lot[sent] = [self._of_lot[sent][0], leaf]
            case "claim.issued":
                self._of_thing["claim", fact.data["claim"]] = leaf
            case "label.issued":
                for digest in fact.data["codes_sha256"]:
                    self._of_thing["label", digest] = leaf

    def _load(self, facts: Sequence[Fact]) -> None:
        wanted: dict[str, set[str]] = {}
        for fact in facts:
            for kind, value in _things(fact):
                wanted.setdefault(kind, set()).add(value)
        indexes: dict[tuple[str, str], int] = {}
        received: dict[str, int | None] = {}
        lots = {code for fact in facts for code in used_lots(fact)}
        for chunk in chunks(sorted(lots)):
            rows = self._session.execute(
                select(LotRow.code, LotRow.id, LotBalanceRow.received_index)
                .join(LotBalanceRow, LotBalanceRow.lot_id == LotRow.id)
                .where(LotRow.code.in_(chunk))
            )
            for code, lot_id, received_index in rows:
                indexes["lot", code] = entry_of(lot_id)
                received[code] = received_index
        self._find_things(wanted, indexes)
        leaves = self._leaves(
            {*indexes.values(), *(i for i in received.values() if i is not None)}
        )
        for (kind, value), index in indexes.items():
            if kind == "lot":
                later = received[value]
                self._of_lot[value] = [leaves[index]]
                if later is not None:
                    self._of_lot[value].append(leaves[later])
            else:
                self._of_thing[kind, value] = leaves[index]

    def _find_things(
        self, wanted: Mapping[str, set[str]], indexes: dict[tuple[str, str], int]
    ) -> None:
        queries: dict[str, Any] = {
            "transfer": (TransferRow.code, TransferRow.id),
            "claim": (ClaimRow.code, ClaimRow.id),
        }
        for kind, (code, key) in queries.items():
            for chunk in chunks(sorted(wanted.get(kind, ()))):
                for value, row in self._session.execute(
                    select(code, key).where(code.in_(chunk))
                ):
                    indexes[kind, value] = entry_of(row)
        for chunk in chunks(sorted(wanted.get("label", ()))):
            digests = [bytes.fromhex(digest) for digest in chunk]
            for digest, row in self._session.execute(
                select(LabelRow.code_sha256, LabelRow.id).where(
                    LabelRow.code_sha256.in_(digests)
                )
            ):
                indexes["label", digest.hex()] = entry_of(row)
        for chunk in chunks(sorted(wanted.get("fact", ()))):
            for value, index in self._session.execute(
                select(LogEntryRow.fact_id, LogEntryRow.entry_index).where(
                    LogEntryRow.fact_id.in_(chunk)
                )
            ):
                indexes["fact", value] = index

    def _leaves(self, indexes: Iterable[int]) -> dict[int, str]:
        leaves: dict[int, str] = {}
        for chunk in chunks(sorted(indexes)):
            rows = self._session.execute(
                select(LogEntryRow.entry_index, LogEntryRow.leaf_hash).where(
                    LogEntryRow.entry_index.in_(chunk)
                )
            )
            leaves.update((index, leaf.hex()) for index, leaf in rows)
        return leaves


def _things(fact: Fact) -> Iterable[tuple[str, str]]:
    """What a fact speaks of, other than lots, that an entry made."""
    data = fact.data
    match fact.type:
        case "transfer.accepted" | "transfer.refused":
            yield "transfer", data["transfer"]
        case "claim.withdrawn":
            yield "claim", data["claim"]
        case "label.issued" if data.get("claim"):
            yield "claim", data["claim"]
        case "label.voided":
            yield "label", data["code_sha256"]
        case "entry.corrected":
            yield "fact", data["corrects"]
        case "disclosure.erased":
            yield "fact", data["of"]


def seal_facts(
    session: Session,
    keyring: KeyRing,
    facts: Sequence[Fact],
    signer: Signer | None = None,
) -> list[SealedFact]:
    """Sign facts with the key that the platform holds for their organisation.

    Args:
        session: For reading only.
        keyring: Opens the platform's keys.
        facts: In the order in which they will be posted.
        signer: Signs all of them instead: the registrar's key.

    Raises:
        NoSigningKey: The platform holds no key of the organisation.
        Refused: A private field is not one of its type.
    """
    parents = Parents(session, facts)
    vault = Vault(keyring)
    sealed = []
    for position, fact in enumerate(facts):
        with positioned(position):
            key = signer or keyring.signer_of(session, fact.org)
            one = _seal(fact, key, parents.of(fact), keyring, vault)
        parents.learn(fact, one.leaf_hash.hex())
        sealed.append(one)
    return sealed


def pretend_sealed(facts: Sequence[Fact]) -> list[SealedFact]:
    """Facts as if they were signed: for a transaction that is taken back.

    A dry run checks what facts say; the signature of a note that nobody keeps would
    cost as much as all of that.
    """
    return [
        SealedFact(
            fact=fact,
            note=b"",
            leaf_hash=leaf_hash(fact.id.encode()),
            request_digest=b"",
            disclosures=(),
            parents=(),
        )
        for fact in facts
    ]


def _seal(
    fact: Fact,
    signer: Signer,
    parents: tuple[str, ...],
    keyring: KeyRing,
    vault: Vault,
) -> SealedFact:
    kind = FACT_TYPES[fact.type]
    disclosures = []
    for name, value in sorted(fact.private.items()):
        if name not in kind.private:
            raise refuse(
                f"private.{name}",
                "found {name}, expected one of: {known}",
                name=name,
                known=", ".join(kind.private),
            )
        one = disclose(name, value)
        disclosures.append(vault.lock(fact.org, one.digest, name, one.text))
    sd = pad_digests([one.digest for one in disclosures], kind.slots)
    envelope = {
        "at": fact.at_text,
        "data": fact.data,
        "id": fact.id,
        "org": fact.org,
        "parents": list(parents),
        "sd": sd,
        "seen": None,
        "type": fact.type,
        "v": 1,
    }
    note = sign_entry(envelope, [signer])
    return SealedFact(
        fact=fact,
        note=note,
        leaf_hash=leaf_hash(note),
        request_digest=request_digest_of(fact, keyring),
        disclosures=tuple(disclosures),
        parents=parents,
        key_name=signer.name,
    )


def request_digest_of(fact: Fact, keyring: KeyRing) -> bytes:
    """Keyed digest of a fact as it was asked for: what a repeat has to equal."""
    request = {
        "at": fact.at_text,
        "data": fact.data,
        "id": fact.id,
        "org": fact.org,
        "private": dict(fact.private),
        "type": fact.type,
    }
    return keyring.request_digest(request)


def accept_note(
    session: Session,
    keyring: KeyRing,
    entry: Entry,
    data: Mapping[str, Any],
    disclosures: Sequence[str],
) -> SealedFact:
    """Take over an entry that an organisation signed itself.

    Args:
        session: For reading only.
        keyring: For the digest of the request.
        entry: Parsed; its data already checked against the closed schema.
        data: The checked data, which must be what the entry holds.
        disclosures: Disclosure texts for digests of the entry.

    Raises:
        NoSuchKey: The signing key is not registered for the organisation.
        Refused: A digest is missing, the number of digests is wrong, or the data are
            not in the one accepted form.
        ledger.BadSignature: A signature does not verify.
    """
    envelope = entry.fact
    kind = FACT_TYPES[envelope["type"]]
    if dict(data) != envelope["data"]:
        raise refuse("data", "the signed data are not in their plain form")
    if len(envelope["sd"]) != kind.slots:
        raise refuse(
            "sd",
            "found {found} digests, expected {slots}",
            found=len(envelope["sd"]),
            slots=kind.slots,
        )
    verify_entry(entry, _keys_for(session, entry))
    vault = Vault(keyring)
    shown = []
    for text in disclosures:
        one = parse_disclosure(text)
        if one.digest not in envelope["sd"] or one.name not in kind.private:
            raise refuse(
                "disclosures",
                "{name}: its digest does not stand in the entry",
                name=one.name,
            )
        shown.append(vault.lock(envelope["org"], one.digest, one.name, one.text))
    fact = Fact(
        id=envelope["id"],
        type=envelope["type"],
        org=envelope["org"],
        at=parse_at(envelope["at"]),
        data=data,
    )
    return SealedFact(
        fact=fact,
        note=entry.note,
        leaf_hash=leaf_hash(entry.note),
        request_digest=keyring.note_digest(entry.note),
        disclosures=tuple(shown),
        parents=tuple(envelope["parents"]),
        key_name=entry.signatures[0].name,
    )


def _keys_for(session: Session, entry: Entry) -> list[Verifier]:
    """The key that must have signed: registered, or, in a rotation, the new one."""
    if entry.fact["type"] == "key.rotated":
        return [Verifier.parse(entry.fact["data"]["vkey"])]
    names = [line.name for line in entry.signatures]
    vkeys = session.scalars(
        select(SigningKeyRow.vkey)
        .join(OrganisationRow, OrganisationRow.id == SigningKeyRow.organisation_id)
        .where(
            OrganisationRow.code == entry.fact["org"],
            SigningKeyRow.key_name.in_(names),
        )
    ).all()
    if len(vkeys) != len(names) or len(names) != 1:
        raise NoSuchKey(
            f"found signatures by {', '.join(names)}, expected one by a key that is "
            f"registered for organisation {entry.fact['org']}"
        )
    return [Verifier.parse(vkey) for vkey in vkeys]


def check_parents(session: Session, sealed: Sequence[SealedFact]) -> None:
    """Every named parent stands in the log, and no needed one is left out.

    For entries that clients sign; those that the platform signs name the right ones.

    Raises:
        Refused: With the position of the fact.
    """
    needed = Parents(session, [one.fact for one in sealed])
    earlier: set[str] = set()
    for position, one in enumerate(sealed):
        with positioned(position):
            missing = set(needed.of(one.fact)) - set(one.parents)
            if missing:
                raise refuse(
                    "parents",
                    "expected {leaf}, which made what is used",
                    leaf=min(missing),
                )
            unknown = set(one.parents) - earlier
            known: set[str] = set()
            for chunk in chunks([bytes.fromhex(leaf) for leaf in sorted(unknown)]):
                found = session.scalars(
                    select(LogEntryRow.leaf_hash).where(
                        LogEntryRow.leaf_hash.in_(chunk)
                    )
                )
                known.update(leaf.hex() for leaf in found)
            if unknown - known:
                raise refuse(
                    "parents",
                    "found {leaf}, which is not in the log",
                    leaf=min(unknown - known),
                )
        needed.learn(one.fact, one.leaf_hash.hex())
        earlier.add(one.leaf_hash.hex())
