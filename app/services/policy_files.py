"""Policy files: a tlog-policy, the pinned first entry, and a seal against rot.

Comments carry what tlog-policy has no line for, so that software that knows tlog-policy
only reads the file too::

    # genesis <leaf hash of entry 0, hexadecimal>
    log <vkey>
    quorum none
    # sha256 <SHA-256 of all lines above, hexadecimal>

The seal shows a file that has changed by accident. Against somebody who means it, only
a policy helps that came another way than the files that it is about.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ledger import MalformedNote, MalformedPolicy, Policy, parse_policy, split_note
from ledger.note import SignatureLine

GENESIS = "# genesis "
SEAL = "# sha256 "
_GENESIS = re.compile(r"^# genesis ([0-9a-f]{64})$", re.MULTILINE)
_SEAL = re.compile(rb"# sha256 ([0-9a-f]{64})\n\Z")


@dataclass(frozen=True, slots=True)
class PinnedPolicy:
    """What a verifier trusts.

    Attributes:
        policy: Logs and witnesses.
        genesis: Leaf hash of entry 0, hexadecimal; None where the file pins none.
        text: As it was written, without a seal.
    """

    policy: Policy
    genesis: str | None
    text: str

    def says_the_same(self, other: PinnedPolicy) -> bool:
        """Whether both trust the same logs and witnesses, and no other first entry."""
        pins = {self.genesis, other.genesis} - {None}
        return self.policy == other.policy and len(pins) <= 1

    def with_genesis(self, genesis: str) -> PinnedPolicy:
        """The same policy that pins an entry 0, where it pinned none."""
        if self.genesis is not None:
            return self
        text = f"{GENESIS}{genesis}\n{self.text}"
        return PinnedPolicy(self.policy, genesis, text)


def read_pinned(data: bytes) -> PinnedPolicy:
    """The policy in a file, with or without a seal; a seal is not checked here.

    Raises:
        MalformedPolicy: The file states none.
    """
    found = _SEAL.search(data)
    try:
        text = (data[: found.start()] if found else data).decode()
    except UnicodeDecodeError:
        raise MalformedPolicy("the policy is not UTF-8") from None
    pins = _GENESIS.findall(text)
    if len(set(pins)) > 1:
        raise MalformedPolicy("the policy pins two first entries")
    return PinnedPolicy(parse_policy(text), pins[0] if pins else None, text)


def seal_policy(text: str) -> bytes:
    """A policy as it stands in an archive: with its seal as the last line."""
    body = text.encode()
    return body + f"{SEAL}{hashlib.sha256(body).hexdigest()}\n".encode()


def open_sealed(data: bytes) -> PinnedPolicy:
    """The policy of an archive, whose seal must fit.

    Raises:
        MalformedPolicy: The seal is missing or does not fit, the first entry is not
            pinned, or the file states no policy.
    """
    found = _SEAL.search(data)
    if found is None:
        raise MalformedPolicy("the last line is no seal ('# sha256 ...')")
    if hashlib.sha256(data[: found.start()]).hexdigest().encode() != found[1]:
        raise MalformedPolicy("the file is not what its seal says: it was changed")
    pinned = read_pinned(data)
    if pinned.genesis is None:
        raise MalformedPolicy("no first entry is pinned ('# genesis ...')")
    return pinned


def stranger_lines(policy: Policy, note: bytes) -> list[tuple[int, SignatureLine]]:
    """(line number of the note from 1, line) of each signer whom the policy misses.

    Raises:
        MalformedNote: The bytes are no signed note.
    """
    text, lines = split_note(note)
    known = {(one.key.name, one.key.key_id) for one in policy.logs}
    known |= {(one.key.name, one.key.key_id) for one in policy.witnesses}
    first = text.count(b"\n") + 2
    return [
        (number, line)
        for number, line in enumerate(lines, first)
        if (line.name, line.key_id) not in known
    ]


def keep_known_lines(policy: Policy, note: bytes) -> bytes:
    """A checkpoint with the signature lines only that the policy can check.

    A line that nobody can check says nothing, and rot in it could not be seen.

    Raises:
        MalformedNote: The bytes are no signed note, or no line is left.
    """
    text, lines = split_note(note)
    strangers = {line for _, line in stranger_lines(policy, note)}
    kept = [line for line in lines if line not in strangers]
    if not kept:
        raise MalformedNote("no key of the policy has signed the checkpoint")
    return text + b"\n" + "".join(line.to_text() for line in kept).encode()
