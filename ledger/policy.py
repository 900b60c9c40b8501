"""Which logs and witnesses a verifier trusts: C2SP tlog-policy.

A policy is lines of text; empty lines and those that begin with ``#`` say nothing::

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <k, any or all> <member>...
    quorum <name, or none>

A name is defined above the line that uses it, and is a member of one group at most. The
witnesses' keys are of type 0x04 (Ed25519 cosignatures). We read UTF-8 only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ledger.checkpoint import Checkpoint, parse_checkpoint_text
from ledger.cosignature import WitnessKey
from ledger.errors import BadSignature, LedgerError, MalformedPolicy
from ledger.note import Verifier, open_note

MAX_LINES = 1000
MAX_TEXT = 1_000_000
NO_QUORUM = "none"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BLANK = re.compile(r"[ \t]+")
_WORD = re.compile(r"[^\x00-\x20\x7f]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that is trusted: its key, of which the name is the origin, and its URL."""

    vkey: str
    url: str | None = None

    @property
    def key(self) -> Verifier:
        """The parsed key."""
        return Verifier.parse(self.vkey)


@dataclass(frozen=True, slots=True)
class PolicyWitness:
    """A witness: its name within the policy, its key and its URL."""

    name: str
    vkey: str
    url: str | None = None

    @property
    def key(self) -> WitnessKey:
        """The parsed key."""
        return WitnessKey.parse(self.vkey)


@dataclass(frozen=True, slots=True)
class PolicyGroup:
    """A group, which has witnessed when ``threshold`` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What it takes for a checkpoint to be believed.

    Attributes:
        logs: Any one of them must have signed.
        witnesses: All that are known.
        groups: Each after those that are its members.
        quorum: The witness or group that must have witnessed; ``none``: nobody.

    Raises:
        MalformedPolicy: A name or key stands twice, or a name is not defined.
    """

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[PolicyWitness, ...] = ()
    groups: tuple[PolicyGroup, ...] = ()
    quorum: str = NO_QUORUM

    def __post_init__(self) -> None:
        try:
            log_keys = [one.key.public_key for one in self.logs]
            witness_keys = [one.key.public_key for one in self.witnesses]
        except LedgerError as error:
            raise MalformedPolicy(str(error), code="policy.key") from error
        _check_once(log_keys, "the key of a log")
        _check_once(witness_keys, "the key of a witness")
        names = [one.name for one in self.witnesses]
        names += [one.name for one in self.groups]
        urls = [one.url for one in self.logs] + [one.url for one in self.witnesses]
        for word in [*names, *urls]:
            if word is not None and not _WORD.fullmatch(word):
                raise MalformedPolicy(f"{word!r} is no word of a policy")
        _check_once([*names, NO_QUORUM], "the name of a witness or group")
        members = [name for group in self.groups for name in group.members]
        _check_once(members, "a member of a group")
        known = {one.name for one in self.witnesses}
        for group in self.groups:
            for name in group.members:
                _check_known(name, known)
            if not 1 <= group.threshold <= len(group.members):
                raise MalformedPolicy(
                    f"group {group.name} asks for {group.threshold} of "
                    f"{len(group.members)}",
                    code="policy.threshold",
                )
            known.add(group.name)
        if self.quorum != NO_QUORUM:
            _check_known(self.quorum, known)

    def is_met(self, witnessed: set[str]) -> bool:
        """Whether these witnesses, by their names in the policy, make the quorum."""
        reached = witnessed & {one.name for one in self.witnesses}
        for group in self.groups:
            if len(reached.intersection(group.members)) >= group.threshold:
                reached.add(group.name)
        return self.quorum == NO_QUORUM or self.quorum in reached


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """What a checkpoint is worth under a policy.

    Attributes:
        checkpoint: Signed by one of the policy's logs.
        witnessed: Policy name of each witness that cosigned -> POSIX seconds.
        satisfied: Whether the quorum is met.
        needs_witnesses: Whether the policy asks for any.
    """

    checkpoint: Checkpoint
    witnessed: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    satisfied: bool = False
    needs_witnesses: bool = False

    @property
    def grade(self) -> str:
        """``witnessed`` when a quorum of witnesses vouches for it, else ``logged``."""
        return "witnessed" if self.satisfied and self.needs_witnesses else "logged"


def evaluate_policy(policy: Policy, note: bytes) -> PolicyOutcome:
    """Check a checkpoint's signatures under a policy.

    A missing quorum is no error here: the outcome says so.

    Raises:
        MalformedNote: The bytes are no signed checkpoint.
        BadSignature: No log of the policy has signed it, or a line by a known log or
            witness does not verify, or the log's key has another name than the origin.
    """
    opened = open_note(note, [one.key for one in policy.logs])
    checkpoint = parse_checkpoint_text(opened.text)
    for line in opened.signatures:
        if line.name != checkpoint.origin:
            raise BadSignature(
                f"a checkpoint of {checkpoint.origin}, signed by {line.name}",
                code="checkpoint.origin",
            )
    by_key = {(one.key.name, one.key.key_id): one for one in policy.witnesses}
    witnessed: dict[str, int] = {}
    for line in opened.unknown:
        witness = by_key.get((line.name, line.key_id))
        if witness is not None:
            time = witness.key.verify(line, opened.text)
            witnessed[witness.name] = max(time, witnessed.get(witness.name, 0))
    return PolicyOutcome(
        checkpoint=checkpoint,
        witnessed=MappingProxyType(witnessed),
        satisfied=policy.is_met(set(witnessed)),
        needs_witnesses=policy.quorum != NO_QUORUM,
    )


def parse_policy(text: str) -> Policy:
    """The policy that a text states.

    Raises:
        MalformedPolicy: It states none; the message names the line.
    """
    if len(text) > MAX_TEXT:
        raise MalformedPolicy("the policy is too long")
    if _CONTROL.search(text):
        raise MalformedPolicy("the policy holds a control character")
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), 1):
        words = _BLANK.split(line.strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            try:
                reader.read(words)
            except LedgerError as error:
                code = (
                    error.code if isinstance(error, MalformedPolicy) else "policy.key"
                )
                raise MalformedPolicy(f"line {number}: {error}", code=code) from error
    if reader.quorum is None:
        raise MalformedPolicy("the policy has no quorum line", code="policy.quorum")
    return Policy(
        tuple(reader.logs), tuple(reader.witnesses), tuple(reader.groups), reader.quorum
    )


class _Reader:
    """Takes the lines of a policy in order: a name is defined before it is used."""

    def __init__(self) -> None:
        self.logs: list[PolicyLog] = []
        self.witnesses: list[PolicyWitness] = []
        self.groups: list[PolicyGroup] = []
        self.quorum: str | None = None
        self._names: set[str] = set()
        self._count = 0

    def read(self, words: Sequence[str]) -> None:
        self._count += 1
        if self._count > MAX_LINES:
            raise MalformedPolicy(f"there are more than {MAX_LINES} lines")
        match words:
            case ["log", vkey, *url] if len(url) <= 1:
                Verifier.parse(vkey)
                self.logs.append(PolicyLog(vkey, *url))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                WitnessKey.parse(vkey)
                self.witnesses.append(PolicyWitness(name, vkey, *url))
                self._define(name)
            case ["group", name, threshold, *members] if members:
                for member in members:
                    _check_known(member, self._names)
                count = _threshold(threshold, len(members))
                self.groups.append(PolicyGroup(name, count, tuple(members)))
                self._define(name)
            case ["quorum", name]:
                if self.quorum is not None:
                    raise MalformedPolicy(
                        "there is a second quorum line", code="policy.quorum"
                    )
                if name != NO_QUORUM:
                    _check_known(name, self._names)
                self.quorum = name
            case _:
                raise MalformedPolicy(f"{' '.join(words)[:80]!r} says nothing known")

    def _define(self, name: str) -> None:
        if name in self._names or name == NO_QUORUM:
            raise MalformedPolicy(f"the name {name} is taken", code="policy.duplicate")
        self._names.add(name)


def _threshold(text: str, count: int) -> int:
    if text in ("any", "all"):
        return 1 if text == "any" else count
    if not _NUMBER.fullmatch(text) or int(text) > count:
        raise MalformedPolicy(
            f"{text} of {count} members is no threshold", code="policy.threshold"
        )
    return int(text)


def format_policy(policy: Policy) -> str:
    """The policy as text, one spelling of each: what ``parse_policy`` reads back."""
    lines = [f"log {one.vkey}{_url(one.url)}" for one in policy.logs]
    lines += [
        f"witness {one.name} {one.vkey}{_url(one.url)}" for one in policy.witnesses
    ]
    lines += [
        f"group {one.name} {one.threshold} {' '.join(one.members)}"
        for one in policy.groups
    ]
    return "\n".join([*lines, f"quorum {policy.quorum}"]) + "\n"


def _url(url: str | None) -> str:
    return "" if url is None else f" {url}"


def _check_once(values: Sequence[object], what: str) -> None:
    if len(set(values)) != len(values):
        raise MalformedPolicy(f"{what} stands twice", code="policy.duplicate")


def _check_known(name: str, known: set[str]) -> None:
    if name not in known:
        raise MalformedPolicy(
            f"the name {name} is not defined above", code="policy.name"
        )
