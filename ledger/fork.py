"""Evidence that a log signed two histories, in one JSON document.

::

    {
      "format": "remelt/fork@v1",
      "policy": text of a tlog-policy that names the log's key,
      "older": {"checkpoint": signed note, "from": where it was met},
      "newer": {"checkpoint": signed note, "from": where it was met},
      "proof": [hex, ...]
    }

``older`` is the checkpoint over fewer entries. Over equally many, two roots are the
evidence and ``proof`` is empty. Otherwise ``proof`` holds hashes of the newer tree that
give both its root and the root over as many of its entries as the older one covers:
where that is not the older one's root, no log holds both. It is the consistency proof
of RFC 6962, with the hash in front that the RFC leaves out where the older size is a
power of two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ledger.bundle import load_bundle
from ledger.checkpoint import Checkpoint, parse_checkpoint_text
from ledger.errors import MalformedProof, ProofFailed
from ledger.note import open_note
from ledger.policy import Policy
from ledger.proof import prove_consistency, root_from_tiles
from ledger.tiles import TileReader
from ledger.tree import EMPTY_ROOT, node_hash

FORMAT = "remelt/fork@v1"
MEMBERS = {"format", "policy", "older", "newer", "proof"}
SIDE = {"checkpoint", "from"}
MAX_PROOF = 65
MAX_FROM = 2000
_HEX = re.compile(r"[0-9a-f]{64}")

Verdict = Literal["fork", "consistent", "unproven"]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two checkpoints, and where it was met."""

    checkpoint: bytes
    where: str


@dataclass(frozen=True, slots=True)
class ForkEvidence:
    """Two checkpoints of a log, its form checked and nothing else.

    Attributes:
        policy: Text of a policy that names the log's key.
        older: The one over fewer entries, or either.
        newer: The other.
        proof: Hashes of the newer tree.
    """

    policy: str
    older: Side
    newer: Side
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ForkReport:
    """What two checkpoints show.

    Attributes:
        verdict: ``fork``: the log signed two histories. ``consistent``: it did not.
            ``unproven``: its key signed both, and the hashes show neither.
        older: The one over fewer entries.
        newer: The other.
        detail: What was found, in English.
    """

    verdict: Verdict
    older: Checkpoint
    newer: Checkpoint
    detail: str


def prefix_proof(reader: TileReader, old_size: int, new_size: int) -> list[bytes]:
    """Hashes of a tree that give its root and the root over its first entries.

    Args:
        reader: Tiles of the larger tree.
        old_size: How many entries the smaller one covers.
        new_size: How many the larger one does.

    Returns:
        Empty where the sizes are the same, or the smaller one is 0.
    """
    if old_size in (0, new_size):
        return []
    proof = prove_consistency(reader, old_size, new_size)
    if old_size & (old_size - 1) == 0:
        proof.insert(0, root_from_tiles(reader, old_size))
    return proof


def prefix_roots(
    proof: Sequence[bytes], old_size: int, new_size: int
) -> tuple[bytes, bytes]:
    """(root over the first ``old_size`` entries, root over all) that hashes give.

    Source: RFC 9162, section 2.1.4.2, with the first hash always there.

    Raises:
        ProofFailed: There are too few or too many for these sizes.
    """
    if not 0 < old_size < new_size or not proof:
        raise ProofFailed(f"no proof leads from size {old_size} to {new_size}")
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            raise ProofFailed("the proof is longer than the tree is high")
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofFailed("the proof is shorter than the tree is high")
    return old, new


def format_fork(evidence: ForkEvidence) -> dict[str, Any]:
    """The evidence as a JSON document."""
    return {
        "format": FORMAT,
        "policy": evidence.policy,
        "older": _format_side(evidence.older),
        "newer": _format_side(evidence.newer),
        "proof": [one.hex() for one in evidence.proof],
    }


def _format_side(side: Side) -> dict[str, str]:
    return {"checkpoint": side.checkpoint.decode(), "from": side.where}


def load_fork(data: bytes) -> ForkEvidence:
    """The evidence in a file.

    Raises:
        MalformedBundle: It is no JSON object.
        MalformedProof: It is no evidence; the message names the member.
    """
    return parse_fork(load_bundle(data))


def parse_fork(document: Mapping[str, Any]) -> ForkEvidence:
    """The evidence that a JSON document holds; nothing is verified.

    Raises:
        MalformedProof: It is none; the message names the member.
    """
    if document.keys() != MEMBERS or document["format"] != FORMAT:
        raise MalformedProof(f"the document is no {FORMAT}")
    proof = document["proof"]
    if not isinstance(proof, list) or len(proof) > MAX_PROOF:
        raise MalformedProof(f"proof: expected at most {MAX_PROOF} hashes")
    if not all(isinstance(one, str) and _HEX.fullmatch(one) for one in proof):
        raise MalformedProof("proof: expected hashes of 64 hexadecimal digits")
    if not isinstance(document["policy"], str):
        raise MalformedProof("policy: expected text")
    return ForkEvidence(
        document["policy"],
        _parse_side("older", document["older"]),
        _parse_side("newer", document["newer"]),
        tuple(bytes.fromhex(one) for one in proof),
    )


def _parse_side(name: str, value: object) -> Side:
    if not isinstance(value, dict) or value.keys() != SIDE:
        raise MalformedProof(f"{name}: expected checkpoint and from")
    if not all(isinstance(one, str) for one in value.values()):
        raise MalformedProof(f"{name}: expected text")
    if len(value["from"]) > MAX_FROM:
        raise MalformedProof(f"{name}.from: is too long")
    try:
        return Side(value["checkpoint"].encode(), value["from"])
    except UnicodeEncodeError:
        raise MalformedProof(f"{name}: holds a lone surrogate") from None


def verify_fork(evidence: ForkEvidence, policy: Policy) -> ForkReport:
    """Check evidence under the log key that the caller knows.

    The evidence's own policy is not believed. Witnesses do not matter: a log may sign
    one history only, seen or unseen.

    Raises:
        MalformedNote: A checkpoint is none.
        BadSignature: The log of the policy has not signed both.
        MalformedProof: The two are not of one log, or not in order.
    """
    older = _open(evidence.older.checkpoint, policy)
    newer = _open(evidence.newer.checkpoint, policy)
    if older.origin != newer.origin:
        raise MalformedProof("the two checkpoints are of two logs")
    if older.size > newer.size:
        raise MalformedProof("the older checkpoint covers more than the newer one")
    verdict, detail = _judge(older, newer, evidence.proof)
    return ForkReport(verdict, older, newer, detail)


def _open(note: bytes, policy: Policy) -> Checkpoint:
    opened = open_note(note, [one.key for one in policy.logs])
    checkpoint = parse_checkpoint_text(opened.text)
    if any(line.name != checkpoint.origin for line in opened.signatures):
        raise MalformedProof("a checkpoint was signed by another log's key")
    return checkpoint


def _judge(
    older: Checkpoint, newer: Checkpoint, proof: Sequence[bytes]
) -> tuple[Verdict, str]:
    log = older.origin
    if older.size == newer.size:
        if older.root == newer.root:
            return "consistent", f"both are of one root over {older.size} entries"
        return "fork", f"{log} signed two roots over {older.size} entries"
    if older.size == 0:
        if older.root == EMPTY_ROOT:
            return "consistent", "the older one is of the empty log"
        return "fork", f"{log} signed a root of the empty log that it cannot have"
    try:
        begun, whole = prefix_roots(proof, older.size, newer.size)
    except ProofFailed as error:
        return "unproven", f"the hashes show nothing: {error}"
    if whole != newer.root:
        return "unproven", "the hashes do not lead to the newer root"
    sizes = f"{older.size} and {newer.size} entries"
    if begun == older.root:
        return "consistent", f"the newer one extends the older one ({sizes})"
    return "fork", (
        f"{log} signed two histories ({sizes}): over the first {older.size} entries of "
        "the newer one the root is another than the older one says"
    )
