"""Submitting checkpoints to witnesses: C2SP tlog-witness, both sides, no network.

A log sends ``add-checkpoint`` with a body of lines::

    old <size that the witness holds>
    <base64 hash>*                    (consistency proof from there, 63 at most)
    <empty line>
    <checkpoint, as signed by the log>

and gets one of these:

====== =====================================================================
status meaning
====== =====================================================================
200    cosignature lines; the witness has stored the checkpoint before
400    malformed, or the old size is larger than the checkpoint's
403    no key trusted for this origin has signed, or its line does not verify
404    the origin is unknown
409    the witness holds another size, which is the body: ``<size>``
422    the proof does not lead from the tree that the witness holds to this one
====== =====================================================================
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.checkpoint import MAX_SIZE, Checkpoint, parse_checkpoint_text
from ledger.cosignature import WitnessKey
from ledger.errors import BadSignature, LedgerError, MalformedMessage, ProofFailed
from ledger.note import SignatureLine, Verifier, open_note, parse_line, split_note
from ledger.proof import verify_consistency
from ledger.tree import EMPTY_ROOT, HASH_SIZE

ADD_CHECKPOINT = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
MAX_PROOF = 63
MAX_REQUEST = 256 * 1024
MAX_ANSWER = 64 * 1024
MAX_LINES = 100
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to a witness.

    Attributes:
        old_size: What the log believes that the witness holds; 0 for nothing.
        proof: Consistency proof from there, the lowest hash first.
        note: The checkpoint, as signed by the log.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says; nothing is verified.

        Raises:
            MalformedNote: It is no checkpoint.
        """
        return parse_checkpoint_text(split_note(self.note)[0])


@dataclass(frozen=True, slots=True)
class WitnessedTree:
    """The largest tree of one log that a witness has cosigned."""

    size: int
    root: bytes


NO_TREE = WitnessedTree(0, EMPTY_ROOT)
"""What a witness holds of a log of which it has cosigned nothing."""


class WitnessRefusal(LedgerError):
    """A witness does not cosign.

    Attributes:
        status: Of the HTTP answer: 400, 403, 404, 409 or 422.
        size: What the witness holds; with 409 only.
    """

    def __init__(self, status: int, reason: str, size: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.size = status, size

    @property
    def content_type(self) -> str:
        """Of the HTTP answer."""
        return "text/plain; charset=utf-8" if self.size is None else SIZE_TYPE

    @property
    def body(self) -> bytes:
        """Of the HTTP answer: the size that the witness holds, or the reason."""
        return f"{self if self.size is None else self.size}\n".encode()


def format_add_checkpoint(request: AddCheckpoint) -> bytes:
    """The body of a request."""
    lines = [base64.b64encode(one).decode() for one in request.proof]
    head = "\n".join([f"old {request.old_size}", *lines])
    return f"{head}\n\n".encode() + request.note


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """The request of a body; its checkpoint can be read, but nothing is verified.

    Raises:
        MalformedMessage: It is none.
    """
    if len(body) > MAX_REQUEST:
        raise MalformedMessage(f"a request of {len(body)} bytes is too long")
    head, empty_line, note = body.partition(b"\n\n")
    first, *encoded = head.split(b"\n")
    old = _OLD.fullmatch(first)
    if not empty_line or old is None or int(old[1]) > MAX_SIZE:
        raise MalformedMessage("expected 'old <size>', a proof, an empty line, a note")
    if len(encoded) > MAX_PROOF:
        raise MalformedMessage(f"a proof of {len(encoded)} hashes is too long")
    request = AddCheckpoint(int(old[1]), tuple(map(_parse_hash, encoded)), note)
    try:
        _ = request.checkpoint
    except LedgerError as error:
        raise MalformedMessage(f"no checkpoint: {error}") from None
    return request


def _parse_hash(line: bytes) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except binascii.Error:
        found = b""
    if len(found) != HASH_SIZE or base64.b64encode(found) != line:
        raise MalformedMessage(f"{line[:80]!r} is no hash in base64")
    return found


def open_add_checkpoint(
    body: bytes, logs: Mapping[str, Sequence[Verifier]]
) -> AddCheckpoint:
    """A request that a log known to the witness has signed: a witness's first step.

    Args:
        body: Of the request.
        logs: Origin -> keys trusted for it.

    Returns:
        The request; its note holds the lines of trusted keys alone.

    Raises:
        WitnessRefusal: 400, 404 or 403.
    """
    try:
        request = parse_add_checkpoint(body)
    except MalformedMessage as error:
        raise WitnessRefusal(400, str(error)) from None
    origin = request.checkpoint.origin
    if origin not in logs:
        raise WitnessRefusal(404, f"no log {origin} is known here")
    try:
        opened = open_note(request.note, logs[origin])
    except BadSignature as error:
        raise WitnessRefusal(403, str(error)) from None
    lines = "".join(line.to_text() for line in opened.signatures)
    note = opened.text + b"\n" + lines.encode()
    return AddCheckpoint(request.old_size, request.proof, note)


def extend_tree(held: WitnessedTree, request: AddCheckpoint) -> WitnessedTree:
    """What a witness holds once it has cosigned: a witness's second step.

    The caller reads ``held`` and stores the result under one lock, before it answers.
    The same checkpoint once more is no fault: it gets a fresh cosignature.

    Args:
        held: What the witness holds of the log of the request; ``NO_TREE`` at first.
        request: Opened, so that its signature is known to be good.

    Raises:
        WitnessRefusal: 400, 409 or 422.
    """
    new = request.checkpoint
    if request.old_size > new.size:
        raise WitnessRefusal(
            400, f"the old size {request.old_size} is larger than {new.size}"
        )
    if request.old_size != held.size:
        raise WitnessRefusal(409, f"the size held here is {held.size}", held.size)
    try:
        _check_extends(held, request)
    except ProofFailed as error:
        raise WitnessRefusal(422, str(error)) from None
    return WitnessedTree(new.size, new.root)


def _check_extends(held: WitnessedTree, request: AddCheckpoint) -> None:
    new = request.checkpoint
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise ProofFailed("an empty tree has another root")
    if held.size:
        verify_consistency(
            request.proof,
            old_size=held.size,
            new_size=new.size,
            old_root=held.root,
            new_root=new.root,
        )
    elif request.proof:
        raise ProofFailed("from size 0 no proof leads anywhere")


def parse_cosignatures(body: bytes) -> tuple[SignatureLine, ...]:
    """The lines that a witness answers with 200; none of them is verified.

    Raises:
        MalformedMessage: They are no signature lines.
    """
    if len(body) > MAX_ANSWER:
        raise MalformedMessage(f"an answer of {len(body)} bytes is too long")
    try:
        *lines, rest = body.decode().split("\n")
    except UnicodeDecodeError:
        raise MalformedMessage("the answer is not UTF-8") from None
    if rest or not 1 <= len(lines) <= MAX_LINES:
        raise MalformedMessage("expected signature lines, each with its newline")
    try:
        return tuple(parse_line(line) for line in lines)
    except LedgerError as error:
        raise MalformedMessage(str(error)) from None


def parse_size(body: bytes) -> int:
    """The size that a witness answers with 409.

    Raises:
        MalformedMessage: It is no size in its one spelling, with its newline.
    """
    found = _SIZE.fullmatch(body)
    if found is None or int(found[1]) > MAX_SIZE:
        raise MalformedMessage(f"{body[:80]!r} is no size of a log")
    return int(found[1])


def pick_cosignatures(
    lines: Iterable[SignatureLine], keys: Iterable[WitnessKey], note: bytes
) -> dict[bytes, tuple[SignatureLine, int]]:
    """The cosignatures of known witnesses out of an answer.

    Lines of others are passed over. Of several by one key the latest counts.

    Args:
        lines: As answered.
        keys: Of the witnesses behind the address that was asked.
        note: The checkpoint that was sent.

    Returns:
        Public key -> its line and its time in POSIX seconds.

    Raises:
        BadSignature: A line by a known key does not verify.
    """
    text = split_note(note)[0]
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[bytes, tuple[SignatureLine, int]] = {}
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        time = key.verify(line, text)
        if key.public_key not in found or found[key.public_key][1] < time:
            found[key.public_key] = line, time
    return found


def monitoring_path(origin: str) -> str:
    """Where a witness shows the newest checkpoint that it cosigned for a log."""
    return f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
