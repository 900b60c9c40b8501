"""A proof that one can carry away: C2SP tlog-proof, file extension ``.tlog-proof``.

::

    c2sp.org/tlog-proof@v1
    extra <base64>               (optional, and not authenticated)
    index <decimal>
    <base64 of a hash>           (the leaf's sibling first; as many as there are)

    <the checkpoint, with its cosignatures>
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from ledger.canonical import decode_base64
from ledger.checkpoint import MAX_SIZE, read_checkpoint
from ledger.errors import BadSignature, LedgerError, MalformedProof, NotCanonical
from ledger.note import MAX_NOTE_SIZE
from ledger.policy import Policy, PolicyOutcome, evaluate_policy
from ledger.proof import verify_inclusion
from ledger.tree import HASH_SIZE

HEADER = "c2sp.org/tlog-proof@v1"
MAX_HASHES = 63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class ProofFile:
    """Index, path and checkpoint of one entry.

    Attributes:
        index: Of the entry.
        hashes: Inclusion path, the leaf's sibling first.
        checkpoint: Signed note.
        extra: What nobody vouches for.

    Raises:
        MalformedProof: The index is below 0 or beyond 2^63 - 1, a hash is not 32
            bytes, or there are more than 63.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_SIZE:
            raise MalformedProof(f"{self.index} is no index")
        if len(self.hashes) > MAX_HASHES:
            raise MalformedProof("no tree is as high as this path is long")
        if any(len(one) != HASH_SIZE for one in self.hashes):
            raise MalformedProof("a hash is not 32 bytes long")


def format_proof_file(proof: ProofFile) -> bytes:
    """The proof as a ``.tlog-proof`` file."""
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(f"extra {base64.b64encode(proof.extra).decode()}")
    lines.append(f"index {proof.index}")
    lines += [base64.b64encode(one).decode() for one in proof.hashes]
    return "\n".join([*lines, "", ""]).encode() + proof.checkpoint


def parse_proof_file(data: bytes) -> ProofFile:
    """The proof in a ``.tlog-proof`` file, nothing verified.

    Raises:
        MalformedProof: The bytes are none.
    """
    head, empty, checkpoint = data.partition(b"\n\n")
    if not empty or len(data) > 2 * MAX_NOTE_SIZE:
        raise MalformedProof("the file is no proof: no empty line ends its head")
    try:
        lines = head.decode("ascii").split("\n")
        read_checkpoint(checkpoint)
    except (UnicodeDecodeError, LedgerError) as error:
        raise MalformedProof(f"the file is no proof: {error}") from None
    if lines.pop(0) != HEADER:
        raise MalformedProof(f"the first line is not {HEADER}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _decode(lines.pop(0).removeprefix("extra "))
    match = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if match is None:
        raise MalformedProof("the index line is missing or no number")
    return ProofFile(int(match[1]), tuple(map(_decode, lines)), checkpoint, extra)


def _decode(text: str) -> bytes:
    try:
        return decode_base64(text)
    except NotCanonical as error:
        raise MalformedProof(str(error)) from None


def verify_proof_file(
    proof: ProofFile, *, leaf_hash: bytes, policy: Policy
) -> PolicyOutcome:
    """Check that an entry stands in a log that the policy trusts.

    Args:
        proof: As parsed.
        leaf_hash: Of the entry, which the caller has hashed itself.
        policy: Logs and witnesses that the caller trusts.

    Returns:
        The checkpoint, and who witnessed it.

    Raises:
        MalformedNote: The checkpoint is none.
        BadSignature: No trusted log signed it, a signature does not verify, or the
            quorum is not met.
        ProofFailed: The path does not lead to the checkpoint's root.
    """
    outcome = evaluate_policy(policy, proof.checkpoint)
    if not outcome.satisfied:
        raise BadSignature(
            f"the policy's quorum {policy.quorum} is not met", code="quorum.missing"
        )
    verify_inclusion(
        proof.hashes,
        index=proof.index,
        size=outcome.checkpoint.size,
        leaf_hash=leaf_hash,
        root=outcome.checkpoint.root,
    )
    return outcome
