"""Check a bundle: every claim that it makes, without asking anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.bundle import Bundle, BundleEntry, parse_bundle
from ledger.disclosure import parse_disclosure
from ledger.entry import Entry, parse_entry
from ledger.errors import LedgerError, MalformedEntry, ProofFailed
from ledger.keyhistory import KeyHistory
from ledger.policy import Policy, PolicyOutcome, evaluate_policy, parse_policy
from ledger.proof import verify_inclusion
from ledger.tree import leaf_hash


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked.

    Attributes:
        name: ``policy``, ``checkpoint``, ``genesis``, ``inclusion``, ``entries``,
            ``keys``, ``parents``, ``seen``, ``disclosures`` or ``subject``.
        passed: Whether it holds.
        detail: What was found, in English.
        code: Of the first failure, one of ``CODES``; None where it holds.
    """

    name: str
    passed: bool
    detail: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class BundleFact:
    """A fact that a bundle shows.

    Attributes:
        index: Of its entry.
        leaf: Leaf hash, hexadecimal.
        fact: Envelope and data.
        private: Names and values of the private fields that are disclosed.
        key_name: The key that the entry names as its signer.
        held_by: Who keeps that key; None where the bundle does not say.
    """

    index: int
    leaf: str
    fact: Mapping[str, Any]
    private: Mapping[str, str]
    key_name: str
    held_by: str | None


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What was checked of a bundle, and what it says.

    Attributes:
        kind: ``public`` or ``full``.
        checks: All of them, in order; each is always there.
        facts: In log order; to be believed only when every check passed.
        outcome: What the checkpoint is worth; None when it is worth nothing.
    """

    kind: str
    checks: tuple[Check, ...]
    facts: tuple[BundleFact, ...]
    outcome: PolicyOutcome | None

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


def verify_bundle(
    document: Mapping[str, Any], policy: Policy, *, genesis: str | None
) -> BundleReport:
    """Check a bundle under what the caller trusts.

    Args:
        document: The bundle's JSON.
        policy: The caller's own; the bundle's must say the same.
        genesis: Leaf hash of entry 0 as the caller knows it, hexadecimal. None: the
            bundle's own is taken, and the report says so.

    Returns:
        A report, whatever the checks found.

    Raises:
        MalformedBundle: The document is no bundle.
    """
    verification = _Verification(parse_bundle(document), policy, genesis)
    checks = tuple(verification.run())
    return BundleReport(
        verification.bundle.kind,
        checks,
        tuple(verification.facts()),
        verification.outcome,
    )


class _Verification:
    """The checks of one bundle, each of which gives a sentence or raises."""

    def __init__(self, bundle: Bundle, policy: Policy, genesis: str | None) -> None:
        self.bundle = bundle
        self.outcome: PolicyOutcome | None = None
        self._policy, self._genesis = policy, genesis
        self._history = KeyHistory()
        self._shown: list[tuple[BundleEntry, Entry]] = []

    def run(self) -> Iterator[Check]:
        checks: dict[str, Callable[[], str]] = {
            "policy": self._check_policy,
            "checkpoint": self._check_checkpoint,
            "entries": self._check_entries,
            "genesis": self._check_genesis,
            "inclusion": self._check_inclusion,
            "keys": self._check_keys,
            "parents": self._check_parents,
            "seen": self._check_seen,
            "disclosures": self._check_disclosures,
            "subject": self._check_subject,
        }
        for name, check in checks.items():
            try:
                yield Check(name, True, check())
            except LedgerError as error:
                yield Check(name, False, str(error), error.code)

    def facts(self) -> Iterator[BundleFact]:
        for shown, entry in self._shown:
            private = {}
            for text in shown.disclosures:
                try:
                    one = parse_disclosure(text)
                except LedgerError:
                    continue  # the check of disclosures has failed and says so
                private[one.name] = one.value
            name = entry.signatures[0].name
            yield BundleFact(
                shown.index,
                shown.leaf.hex(),
                entry.fact,
                private,
                name,
                self._history.held_by(name),
            )

    def _check_policy(self) -> str:
        if parse_policy(self.bundle.policy) != self._policy:
            raise ProofFailed(
                "the bundle was made under another policy than yours",
                code="policy.other",
            )
        return "the bundle names the policy that it was checked under"

    def _check_checkpoint(self) -> str:
        outcome = evaluate_policy(self._policy, self.bundle.checkpoint)
        if not outcome.satisfied:
            raise ProofFailed(
                f"the quorum {self._policy.quorum} is not met", code="quorum.missing"
            )
        self.outcome = outcome
        found = outcome.checkpoint
        return (
            f"{found.origin} signed size {found.size}; "
            f"{len(outcome.witnessed)} witnesses vouch for it"
        )

    def _check_entries(self) -> str:
        for entry in self.bundle.entries:
            if entry.note is None:
                continue
            if leaf_hash(entry.note) != entry.leaf:
                raise ProofFailed(
                    f"entry {entry.index} has another leaf hash", code="leaf.other"
                )
            try:
                self._shown.append((entry, parse_entry(entry.note)))
            except LedgerError as error:
                raise MalformedEntry(
                    f"entry {entry.index}: {error}", code=error.code
                ) from None
        hidden = len(self.bundle.entries) - len(self._shown)
        if hidden and self.bundle.kind == "full":
            raise ProofFailed(
                f"{hidden} entries of a full bundle lack their note",
                code="bundle.incomplete",
            )
        return f"{len(self._shown)} entries are shown, {hidden} by their hash only"

    def _check_genesis(self) -> str:
        anchor = self.bundle.genesis
        if self._genesis is not None and anchor.hex() != self._genesis:
            raise ProofFailed(
                "the bundle's genesis is not the one that you know",
                code="genesis.other",
            )
        if not self._shown or self._shown[0][0].index != 0:
            raise ProofFailed("entry 0 is not shown", code="genesis.missing")
        first, entry = self._shown[0]
        if first.leaf != anchor:
            raise ProofFailed(
                "entry 0 is not the bundle's genesis", code="genesis.leaf"
            )
        data = entry.fact["data"]
        if data.get("log_vkey") not in [one.vkey for one in self._policy.logs]:
            raise ProofFailed(
                "entry 0 names a log key that the policy does not",
                code="genesis.log_key",
            )
        if self.outcome and self.outcome.checkpoint.origin != data.get("origin"):
            raise ProofFailed(
                "entry 0 is of another log than the checkpoint", code="genesis.origin"
            )
        if self._genesis is None:
            return "entry 0 fits the bundle; you named no genesis to compare it with"
        return "entry 0 is the genesis that you know"

    def _check_inclusion(self) -> str:
        if self.outcome is None:
            raise ProofFailed(
                "there is no checkpoint to check against",
                code="inclusion.no_checkpoint",
            )
        head = self.outcome.checkpoint
        for entry in self.bundle.entries:
            try:
                verify_inclusion(
                    entry.proof,
                    index=entry.index,
                    size=head.size,
                    leaf_hash=entry.leaf,
                    root=head.root,
                )
            except ProofFailed as error:
                raise ProofFailed(
                    f"entry {entry.index}: {error}", code=error.code
                ) from None
        return f"{len(self.bundle.entries)} entries stand under the checkpoint"

    def _check_keys(self) -> str:
        for shown, entry in self._shown:
            try:
                self._history.check(shown.index, entry)
            except LedgerError as error:
                raise type(error)(
                    f"entry {shown.index}: {error}", code=error.code
                ) from None
        return f"{len(self._shown)} entries are signed by keys valid at their index"

    def _check_parents(self) -> str:
        index_of: dict[bytes, int] = {}
        for listed in self.bundle.entries:
            index_of.setdefault(listed.leaf, listed.index)
        count = 0
        for shown, entry in self._shown:
            for parent in map(bytes.fromhex, entry.fact["parents"]):
                if index_of.get(parent, shown.index) >= shown.index:
                    raise ProofFailed(
                        f"entry {shown.index} names the parent {parent.hex()}, "
                        "which does not stand before it in the bundle",
                        code="parents.missing",
                    )
                count += 1
        return f"{count} parents stand before the entries that name them"

    def _check_seen(self) -> str:
        count = 0
        for shown, entry in self._shown:
            seen = entry.fact["seen"]
            if seen is None:
                continue
            if seen["size"] > shown.index:
                raise ProofFailed(
                    f"entry {shown.index} says that its signer saw {seen['size']} "
                    "entries before it: the log is another one than the signer saw",
                    code="seen.ahead",
                )
            count += 1
        return f"{count} entries name a checkpoint that their signer had seen"

    def _check_disclosures(self) -> str:
        count = 0
        for shown, entry in self._shown:
            names = set()
            for text in shown.disclosures:
                one = parse_disclosure(text)
                if one.digest not in entry.fact["sd"]:
                    raise ProofFailed(
                        f"entry {shown.index} holds no digest of {one.name}",
                        code="disclosure.unknown",
                    )
                if one.name in names:
                    raise ProofFailed(
                        f"entry {shown.index} shows {one.name} twice",
                        code="disclosure.twice",
                    )
                names.add(one.name)
            count += len(names)
        return f"{count} private values fit the digests in their entries"

    def _check_subject(self) -> str:
        subject = self.bundle.subject
        found: list[Mapping[str, Any]] = [entry.fact for _, entry in self._shown]
        labels = [
            fact["data"]
            for fact in found
            if fact["type"] == "label.issued"
            and subject.get("label_sha256") in _items(fact["data"], "codes_sha256")
        ]
        claims = [
            fact["data"]
            for fact in found
            if fact["type"] == "claim.issued"
            and "claim" in subject
            and fact["data"].get("claim") == subject["claim"]
        ]
        if "label_sha256" in subject and not labels:
            raise ProofFailed("no shown entry issues the label", code="subject.label")
        if "claim" in subject:
            if not claims:
                raise ProofFailed(
                    "no shown entry issues the claim", code="subject.claim"
                )
            if any(one.get("claim") != subject["claim"] for one in labels):
                raise ProofFailed(
                    "the label was issued for something else", code="subject.mixed"
                )
        if "lot" in subject and not _is_about_lot(
            subject["lot"], [*labels, *claims], found
        ):
            raise ProofFailed(
                "the shown entries are not about the lot", code="subject.lot"
            )
        return "the shown entries are about what the bundle names"


def _is_about_lot(
    lot: str, named: list[Mapping[str, Any]], facts: list[Mapping[str, Any]]
) -> bool:
    """Whether label and claim name the lot; without them, whether a fact made it."""
    lots = [data["lot"] for data in named if "lot" in data]
    if lots:
        return all(one == lot for one in lots)
    for fact in facts:
        outputs = _items(fact["data"], "outputs")
        made = [one.get("lot") for one in outputs if isinstance(one, Mapping)]
        if lot in made or fact["data"].get("lot") == lot:
            return True
    return False


def _items(data: Mapping[str, Any], member: str) -> list[Any]:
    value = data.get(member)
    return value if isinstance(value, list) else []
