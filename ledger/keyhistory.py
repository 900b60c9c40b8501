"""Which key may sign what, at which index: a fold over the log's own facts.

Keys are valid by entry index and not by clock. A key is valid from the entry after the
one that registered it, up to and with the entry that ends it.

======================== =============================================================
fact                     signed by
======================== =============================================================
log.genesis              the registrar's key that it names
organisation.registered  a key of the operator
key.registered           where the organisation has no valid key, as at first: a key of
                         the operator; else a valid key of the organisation
key.rotated              the new key, whose digest the old key's registration named; so
                         an old key that was revoked can still be replaced
key.revoked              a valid key of the organisation, or of the operator
any other                a valid key of the organisation that states it
======================== =============================================================

The operator's keys sign the types of ``OPERATOR_TYPES`` and nothing else. ``next`` is
SHA-256 of the next public key's 32 bytes, ``old`` and ``key_id`` are key IDs, all in
hexadecimal. A fold over a part of the log, such as a bundle, knows only what that part
says: a revocation that is left out cannot be seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.entry import Entry, check_possession, parse_key_name, verify_entry
from ledger.errors import BadSignature, BrokenHistory, LedgerError
from ledger.note import SignatureLine, Verifier

HOLDERS = ("organisation", "platform")
"""Who may keep the key of an organisation."""
OPERATOR_TYPES = frozenset(
    {
        "log.genesis",
        "organisation.registered",
        "key.registered",
        "key.rotated",
        "key.revoked",
        "disclosure.erased",
        "entry.corrected",
        "reference.changed",
        "statement.released",
    }
)
KEY_TYPES = frozenset(
    {
        "log.genesis",
        "organisation.registered",
        "key.registered",
        "key.rotated",
        "key.revoked",
    }
)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key and the stretch of the log in which it is valid.

    Attributes:
        verifier: The public key with its name.
        organisation: Code of whose it is.
        number: Position among the organisation's keys, from 1.
        held_by: ``organisation`` or ``platform``; the operator's first key:
            ``operator``.
        registered_index: Entry that registered it.
        next_digest: SHA-256 of the public key that may replace it, hexadecimal.
        ended_index: Entry that ended it; None while it is valid.
    """

    verifier: Verifier
    organisation: str
    number: int
    held_by: str
    registered_index: int
    next_digest: str | None = None
    ended_index: int | None = None

    def is_valid_at(self, index: int) -> bool:
        """Whether the key may sign the entry at this index."""
        if index <= self.registered_index:
            return False
        return self.ended_index is None or index <= self.ended_index


class KeyHistory:
    """The keys of a log, folded from its facts in log order."""

    def __init__(self) -> None:
        self.origin = ""
        self.operator = ""
        self.log_vkey = ""
        self.organisations: set[str] = set()
        self._keys: dict[str, KeyRecord] = {}
        self._names: dict[str, list[str]] = {}
        self._public_keys: set[bytes] = set()
        self._last = -1

    def keys_of(self, organisation: str) -> list[KeyRecord]:
        """All keys that an organisation ever had, by number."""
        return [self._keys[name] for name in self._names.get(organisation, ())]

    def held_by(self, name: str) -> str | None:
        """Who keeps the key of this name; None when there is no such key."""
        record = self._keys.get(name)
        return None if record is None else record.held_by

    def key_at(self, name: str, index: int) -> KeyRecord:
        """The key of this name, which must be valid at this index.

        Raises:
            BadSignature: There is none, or it is not valid there.
        """
        record = self._keys.get(name)
        if record is None:
            raise BadSignature(
                f"the log has registered no key {name}", code="key.unknown"
            )
        if not record.is_valid_at(index):
            raise BadSignature(
                f"the key {name} is not valid at entry {index}", code="key.not_valid"
            )
        return record

    def signer_of(self, index: int, entry: Entry) -> Verifier:
        """The one key that must have signed an entry at this index.

        The signature itself is not verified: ``verify_entry`` does that.

        Raises:
            BadSignature: The key that the entry names may not sign it.
            BrokenHistory: The fact lacks what would tell.
        """
        fact = entry.fact
        _only_line(entry.signatures)
        if (fact["type"] == "log.genesis") != (index == 0):
            raise BrokenHistory(
                "log.genesis is entry 0, and entry 0 is log.genesis",
                code="genesis.place",
            )
        if index == 0:
            return _key(fact, "registrar_vkey")
        if fact["type"] == "key.rotated":
            return _key(fact, "vkey")
        return self.signer_among(index, fact["type"], fact["org"], entry.signatures)

    def signer_among(
        self, index: int, kind: str, org: str, lines: Sequence[SignatureLine]
    ) -> Verifier:
        """The same, of a type whose facts do not name a key of their own.

        Args:
            index: Of the entry.
            kind: Type of its fact; neither ``log.genesis`` nor ``key.rotated``.
            org: Code of the organisation that states it.
            lines: Below the entry.

        Raises:
            BadSignature: The key that the entry names may not sign it.
        """
        record = self.key_at(_only_line(lines).name, index)
        # Nearly all facts: those about keys alone need a closer look
        own = kind not in KEY_TYPES and record.organisation == org
        if not own and record.organisation not in self._signing_organisations(
            kind, org, index
        ):
            raise BadSignature(
                f"{kind} of {org} was signed by {record.organisation}, which may not",
                code="signer.not_allowed",
            )
        if record.organisation == self.operator and kind not in OPERATOR_TYPES:
            raise BadSignature(
                f"the operator may not sign {kind}", code="signer.not_allowed"
            )
        return record.verifier

    def has_valid_key(self, organisation: str, index: int) -> bool:
        """Whether any key of an organisation may sign the entry at this index."""
        return any(one.is_valid_at(index) for one in self.keys_of(organisation))

    def _signing_organisations(self, kind: str, org: str, index: int) -> set[str]:
        match kind:
            case "organisation.registered":
                return {self.operator} & {org}
            case "key.registered":
                return {org if self.has_valid_key(org, index) else self.operator}
            case "key.revoked":
                return {self.operator, org}
            case _:
                return {org}

    def check(self, index: int, entry: Entry) -> None:
        """Verify an entry's signature at its index, and fold its fact.

        Raises:
            BadSignature: It was not signed by a key that may.
            BrokenHistory: Its fact does not fit those before it.
        """
        verify_entry(entry, [self.signer_of(index, entry)])
        self.add(index, entry.fact)

    def add(self, index: int, fact: Mapping[str, Any]) -> None:
        """Fold one fact whose signature was verified; in log order, gaps allowed.

        Raises:
            BrokenHistory: It does not fit the facts before it.
        """
        if index <= self._last:
            raise BrokenHistory(
                f"entry {index} comes after entry {self._last}", code="history.order"
            )
        if not self.origin and fact["type"] != "log.genesis":
            raise BrokenHistory(
                "the first fact is not log.genesis", code="history.no_genesis"
            )
        try:
            match fact["type"]:
                case "log.genesis":
                    self._found(index, fact)
                case "organisation.registered":
                    self._register_organisation(fact)
                case "key.registered":
                    self._register_key(index, fact)
                case "key.rotated":
                    self._rotate_key(index, fact)
                case "key.revoked":
                    self._revoke_key(index, fact)
        except BrokenHistory:
            raise
        except LedgerError as error:
            raise BrokenHistory(f"{fact['type']}: {error}", code=error.code) from error
        self._last = index

    def _found(self, index: int, fact: Mapping[str, Any]) -> None:
        if index != 0:
            raise BrokenHistory("log.genesis is not entry 0", code="genesis.place")
        log_key, registrar = _key(fact, "log_vkey"), _key(fact, "registrar_vkey")
        origin, name = _text(fact, "origin"), parse_key_name(registrar.name)
        if origin != log_key.name or (name.origin, name.organisation) != (
            origin,
            fact["org"],
        ):
            raise BrokenHistory(
                "log.genesis: the names of its keys do not fit", code="genesis.names"
            )
        if log_key.public_key == registrar.public_key:
            raise BrokenHistory(
                "log.genesis: log and registrar share a key", code="genesis.shared_key"
            )
        self.origin, self.operator = origin, str(fact["org"])
        self.log_vkey = log_key.vkey
        self._public_keys.add(log_key.public_key)
        self._keep(KeyRecord(registrar, self.operator, name.number, "operator", index))

    def _register_organisation(self, fact: Mapping[str, Any]) -> None:
        code = _text(fact, "code")
        if code in self.organisations or code == self.operator:
            raise BrokenHistory(
                f"organisation {code} is registered twice", code="organisation.twice"
            )
        self.organisations.add(code)

    def _register_key(self, index: int, fact: Mapping[str, Any]) -> None:
        org, verifier = str(fact["org"]), _key(fact, "vkey")
        if org not in self.organisations and org != self.operator:
            raise BrokenHistory(
                f"organisation {org} is not registered", code="organisation.unknown"
            )
        check_possession(org, verifier.vkey, _text(fact, "proof"))
        self._keep(self._new_record(index, fact, verifier, _holder(fact)))

    def _rotate_key(self, index: int, fact: Mapping[str, Any]) -> None:
        old, verifier = self._key_by_id(fact, "old"), _key(fact, "vkey")
        if old.next_digest != hashlib.sha256(verifier.public_key).hexdigest():
            raise BrokenHistory(
                f"the key {old.verifier.name} names another next key",
                code="rotation.other_key",
            )
        self._keep(self._new_record(index, fact, verifier, old.held_by))
        if old.ended_index is None:
            self._end_key(old, index)

    def _revoke_key(self, index: int, fact: Mapping[str, Any]) -> None:
        record = self._key_by_id(fact, "key_id")
        if not record.is_valid_at(index):
            raise BrokenHistory(
                f"the key {record.verifier.name} has ended before", code="key.ended"
            )
        self._end_key(record, index)

    def _new_record(
        self, index: int, fact: Mapping[str, Any], verifier: Verifier, held_by: str
    ) -> KeyRecord:
        org, name = str(fact["org"]), parse_key_name(verifier.name)
        if (name.origin, name.organisation) != (self.origin, org):
            raise BrokenHistory(
                f"{verifier.name} is no key name of {org} in this log", code="key.name"
            )
        known = self.keys_of(org)
        if known and name.number <= known[-1].number:
            raise BrokenHistory(
                f"the number of {verifier.name} was given before", code="key.number"
            )
        following = fact["data"].get("next")
        return KeyRecord(
            verifier,
            org,
            name.number,
            held_by,
            index,
            next_digest=None if following is None else _text(fact, "next"),
        )

    def _keep(self, record: KeyRecord) -> None:
        public_key = record.verifier.public_key
        if public_key in self._public_keys:
            raise BrokenHistory(
                f"the key of {record.verifier.name} is in use already",
                code="key.in_use",
            )
        self._public_keys.add(public_key)
        self._keys[record.verifier.name] = record
        # Numbers only grow, so that the list stays in their order
        self._names.setdefault(record.organisation, []).append(record.verifier.name)

    def _key_by_id(self, fact: Mapping[str, Any], member: str) -> KeyRecord:
        wanted = _text(fact, member)
        for record in reversed(self.keys_of(str(fact["org"]))):
            if record.verifier.key_id.hex() == wanted:
                return record
        raise BrokenHistory(f"{fact['org']} has no key {wanted}", code="key.unknown")

    def _end_key(self, record: KeyRecord, index: int) -> None:
        self._keys[record.verifier.name] = replace(record, ended_index=index)


def _text(fact: Mapping[str, Any], member: str) -> str:
    value = fact["data"].get(member)
    if not isinstance(value, str):
        raise BrokenHistory(
            f"{fact['type']}: {member} is missing or no text", code="fact.malformed"
        )
    return value


def _holder(fact: Mapping[str, Any]) -> str:
    found = _text(fact, "held_by")
    if found not in HOLDERS:
        raise BrokenHistory(
            f"{fact['type']}: held_by is neither of {', '.join(HOLDERS)}",
            code="fact.malformed",
        )
    return found


def _only_line(lines: Sequence[SignatureLine]) -> SignatureLine:
    if len(lines) != 1:
        raise BadSignature(
            f"found {len(lines)} signatures, expected one", code="signature.count"
        )
    return lines[0]


def _key(fact: Mapping[str, Any], member: str) -> Verifier:
    try:
        return Verifier.parse(_text(fact, member))
    except BrokenHistory:
        raise
    except LedgerError as error:
        raise BrokenHistory(
            f"{fact['type']}: {member}: {error}", code=error.code
        ) from error
