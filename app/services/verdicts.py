"""The verdict about a label: what was checked, and what follows from it.

Every check named here is made on the bytes of the log as they are read for this
verdict, by the functions that everybody else can run: ``ledger``. A signature that
verified over the same bytes with the same key before is not computed again. What the
rows of the database say is believed only where a signed entry says the same.

=========== ==================== =========== =====================================
label       claim                checkpoint  verdict
=========== ==================== =========== =====================================
unknown                                      none: ``judge_label`` gives None
any         any                  any         ``unverifiable`` where a check fails
voided      any                  any         ``revoked``
issued      withdrawn, consumed, any         ``revoked``
            run out
issued      affected, corrected  covers it   ``corrected``: the old and the new value
issued      active               not yet     ``pending``
issued      active               covers it   ``valid``
issued      none                 covers it   ``no_claim``
=========== ==================== =========== =====================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from app.models import entry_of
from app.queries.cosigned import Grade, asks_for_witnesses, find_newest_over
from app.queries.verdicts import (
    LabelCase,
    StoredCheckpoint,
    StoredEntry,
    entries_by_index,
    find_label,
)
from app.services.kept_proofs import proofs
from app.services.rules import SHANGHAI
from app.services.signed_figures import compare_claim, compare_label, compare_lot
from labels.codes import code_sha256
from ledger import (
    BadSignature,
    Checkpoint,
    Entry,
    KeyHistory,
    LedgerError,
    MalformedEntry,
    Policy,
    ProofFailed,
    Verifier,
    evaluate_policy,
    leaf_hash,
    open_checkpoint,
    parse_entry,
    verify_entry,
)

_Notes = tuple[tuple[int, bytes], ...]


class VerdictKind(StrEnum):
    """What a label is worth."""

    VALID = "valid"
    CORRECTED = "corrected"
    REVOKED = "revoked"
    PENDING = "pending"
    NO_CLAIM = "no_claim"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked.

    Attributes:
        name: ``checkpoint``, ``entries``, ``inclusion``, ``signatures`` or
            ``figures``, in the order in which they are made.
        passed: True, False, or None where it can only be made in a moment.
        found: What was found wrong, in English; empty when it holds.
    """

    name: str
    passed: bool | None
    found: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed an entry.

    Attributes:
        entry_index: Of the entry.
        key_name: The key.
        held_by: ``organisation`` or ``platform``; None where that is not known.
    """

    entry_index: int
    key_name: str
    held_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What can be said about a label.

    Attributes:
        kind: The verdict.
        cause: What it rests on: ``voided``, ``withdrawn``, ``taken_back``,
            ``consumed``, ``expired``, ``lot_taken_back``, ``affected``, ``corrected``,
            the name of a check that failed, or nothing.
        reason: What the holder gave as the reason, as typed.
        checks: All of them, in order.
        case: The rows.
        label: Data of the signed entry that issued the label.
        claim: Data of the signed entry that issued the claim; None without a claim,
            or where the entry cannot be read.
        signatures: Of the label, the claim and the lot, as far as they verify.
        checkpoint: The newest one, of those that the witnesses have cosigned if one
            covers the entries; None while there is none.
        witnesses: Names, in the policy, of those who have cosigned it.
        grade: ``recorded``, ``logged`` or ``witnessed``.
        origin: Name of the log; empty where its first entry cannot be read.
        proven: Entries that stand under the checkpoint, ascending.
        leaves: Leaf hash of each entry that speaks of the label, as hashed here.
    """

    kind: VerdictKind
    cause: str
    reason: str | None
    checks: tuple[Check, ...]
    case: LabelCase
    label: Mapping[str, Any] | None
    claim: Mapping[str, Any] | None
    signatures: tuple[Signature, ...]
    checkpoint: StoredCheckpoint | None
    witnesses: tuple[str, ...]
    grade: Grade
    origin: str
    proven: tuple[int, ...]
    leaves: Mapping[int, bytes]


def judge_label(
    session: Session, code: str, now: datetime, policy: Policy | None = None
) -> Verdict | None:
    """The verdict about the label with this code; None where no label has it.

    Cost: at most five queries, whatever stands behind the label; at most five more
    where the log has witnesses.

    Args:
        session: One consistent view.
        code: Of the label.
        now: The present.
        policy: Of the log; None where nobody witnesses it.
    """
    found = find_label(session, code_sha256(code))
    if found is None:
        return None
    judgement = _Judgement(session, *found, policy)
    if policy is not None and policy.witnesses:
        judgement.take_cosigned()
    return judgement.verdict(now)


@dataclass(slots=True)
class _Judgement:
    """One case on the table: each check raises LedgerError, or passes."""

    session: Session
    case: LabelCase
    checkpoint: StoredCheckpoint | None
    policy: Policy | None
    head: Checkpoint | None = None
    witnesses: tuple[str, ...] = ()
    origin: str = ""
    stored: dict[int, StoredEntry] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    signatures: list[Signature] = field(default_factory=list)
    proven: tuple[int, ...] = ()

    def take_cosigned(self) -> None:
        """Rest on what the witnesses have cosigned, where that covers the entries."""
        found = find_newest_over(self.session, self.policy, max(self.about))
        if found is not None:
            self.checkpoint = StoredCheckpoint(
                found.size, found.root, found.note, found.signed_at
            )

    @property
    def grade(self) -> Grade:
        """How firmly the entries stand, as far as it was checked."""
        if not self.proven:
            return "recorded"
        met = self.policy is not None and self.policy.is_met(set(self.witnesses))
        return "witnessed" if met and asks_for_witnesses(self.policy) else "logged"

    def verdict(self, now: datetime) -> Verdict:
        checks = tuple(self._check())
        kind, cause, reason = self._decide(checks, now)
        case = self.case
        return Verdict(
            kind=kind,
            cause=cause,
            reason=reason,
            checks=checks,
            case=case,
            label=self._data(case.label_index),
            claim=None if case.claim_index is None else self._data(case.claim_index),
            signatures=tuple(self.signatures),
            checkpoint=self.checkpoint,
            witnesses=self.witnesses,
            grade=self.grade,
            origin=self.origin,
            proven=self.proven,
            leaves={
                index: leaf_hash(self.stored[index].note)
                for index in self.about
                if index in self.stored
            },
        )

    def _data(self, index: int) -> Mapping[str, Any] | None:
        entry = self.entries.get(index)
        return None if entry is None else entry.fact["data"]

    @property
    def about(self) -> list[int]:
        """The entries that speak of the label: its own, the claim's, the lot's."""
        case = self.case
        found = {case.label_index, case.lot_index}
        if case.claim_index is not None:
            found.add(case.claim_index)
        return sorted(found)

    def _check(self) -> Iterator[Check]:
        self._load()
        size = 0 if self.checkpoint is None else self.checkpoint.size
        pending = size <= max(self.about)
        for name, check in (
            ("checkpoint", self._check_checkpoint),
            ("entries", self._check_entries),
            ("inclusion", self._check_inclusion),
            ("signatures", self._check_signatures),
            ("figures", self._check_figures),
        ):
            if pending and name == "inclusion":
                yield Check(name, None)
                continue
            if self.checkpoint is None and name == "checkpoint":
                yield Check(name, None)
                continue
            try:
                check()
            except LedgerError as error:
                yield Check(name, False, str(error))
            else:
                yield Check(name, True)

    def _load(self) -> None:
        """The entries that the checks are about, and those of the keys."""
        about = self.about
        concerned = [self.case.issuer.id, self.case.maker.id]
        indexes = [0, *(entry_of(one) for one in concerned), *about]
        found = entries_by_index(self.session, indexes, keys_of=concerned)
        # A key that was registered later than all of this has signed nothing here
        self.stored = {
            index: stored for index, stored in found.items() if index <= about[-1]
        }

    def _entry(self, index: int) -> Entry:
        stored = self.stored.get(index)
        if stored is None:
            raise MalformedEntry(f"entry {index} is not there")
        return _parse(stored.note)

    def _check_checkpoint(self) -> None:
        checkpoint = self.checkpoint
        assert checkpoint is not None  # noqa: S101 - the caller has looked
        data = self._entry(0).fact["data"]
        self.origin = str(data.get("origin"))
        log_key = Verifier.parse(str(data.get("log_vkey")))
        head = _opened(checkpoint.note, log_key.vkey, self.origin)
        if (head.size, head.root) != (checkpoint.size, checkpoint.root):
            raise ProofFailed("the checkpoint's row says something else than its note")
        if self.policy is not None:
            self.witnesses = _witnessed(checkpoint.note, self.policy)
        self.head = head

    def _check_entries(self) -> None:
        for index, stored in sorted(self.stored.items()):
            if leaf_hash(stored.note) != stored.leaf_hash:
                raise ProofFailed(f"entry {index} is not what its hash says")
        for index in self.about:
            self.entries[index] = self._entry(index)

    def _check_inclusion(self) -> None:
        if self.head is None:
            raise ProofFailed("there is no checkpoint to check against")
        leaves = {
            index: leaf_hash(stored.note) for index, stored in self.stored.items()
        }
        proofs.verify(self.session, leaves, self.head)
        self.proven = tuple(self.about)

    def _check_signatures(self) -> None:
        history = _history(self._key_notes())
        for index in self.about:
            entry = self.entries.get(index) or self._entry(index)
            name = entry.signatures[0].name
            try:
                _verified(entry.note, history.signer_of(index, entry).vkey)
            except LedgerError as error:
                raise BadSignature(f"entry {index}: {error}") from None
            self.signatures.append(Signature(index, name, history.held_by(name)))

    def _key_notes(self) -> _Notes:
        about = set(self.about)
        return tuple(
            (index, stored.note)
            for index, stored in sorted(self.stored.items())
            if index not in about
        )

    def _check_figures(self) -> None:
        for index in self.about:
            if index not in self.entries:
                raise MalformedEntry(f"entry {index} cannot be read")
        compare_label(self.case, self.entries[self.case.label_index])
        compare_lot(self.case, self.entries[self.case.lot_index])
        if self.case.claim_index is not None:
            compare_claim(self.case, self.entries[self.case.claim_index])

    def _decide(
        self, checks: Sequence[Check], now: datetime
    ) -> tuple[VerdictKind, str, str | None]:
        case = self.case
        if failed := next((one for one in checks if one.passed is False), None):
            return VerdictKind.UNVERIFIABLE, failed.name, None
        if case.voided_because is not None:
            return VerdictKind.REVOKED, "voided", case.voided_because
        if (ended := _ended(case, now)) is not None:
            return VerdictKind.REVOKED, *ended
        if any(one.passed is None for one in checks):
            return VerdictKind.PENDING, "", None
        if case.claim is None:
            return VerdictKind.NO_CLAIM, "", None
        if case.claim_state in ("affected", "corrected"):
            return VerdictKind.CORRECTED, case.claim_state, None
        return VerdictKind.VALID, "", None


def _ended(case: LabelCase, now: datetime) -> tuple[str, str | None] | None:
    """Why the claim, or the lot, holds no longer; of two signs the worse counts."""
    if case.lot_state == "voided":
        return "lot_taken_back", None
    if case.claim is None:
        return None
    if case.claim_taken_back:
        return "taken_back", case.claim_ended_because
    if case.claim_state == "withdrawn" or case.claim_ended_because is not None:
        return "withdrawn", case.claim_ended_because
    if case.claim_state == "consumed":
        return "consumed", None
    until = case.claim["valid_until"]
    if until is not None and now.astimezone(SHANGHAI).date() > until:
        return "expired", None
    return None


@lru_cache(maxsize=512)
def _parse(note: bytes) -> Entry:
    """The entry that these bytes are: the same bytes are read once."""
    return parse_entry(note)


@lru_cache(maxsize=512)
def _history(notes: _Notes) -> KeyHistory:
    """Keys folded from these notes, each signature verified; the same notes once."""
    history = KeyHistory()
    for index, note in notes:
        history.check(index, _parse(note))
    return history


@lru_cache(maxsize=512)
def _verified(note: bytes, vkey: str) -> None:
    """Check a signature: what verified once, the same bytes and key, does so again."""
    verify_entry(_parse(note), [Verifier.parse(vkey)])


@lru_cache(maxsize=64)
def _witnessed(note: bytes, policy: Policy) -> tuple[str, ...]:
    """Who has cosigned, by name in the policy: each line of the same bytes once."""
    return tuple(sorted(evaluate_policy(policy, note).witnessed))


@lru_cache(maxsize=64)
def _opened(note: bytes, vkey: str, origin: str) -> Checkpoint:
    """The checkpoint of a note whose signature verifies: the same bytes once."""
    return open_checkpoint(note, [Verifier.parse(vkey)], origin)
