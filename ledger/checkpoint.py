"""Checkpoints: C2SP tlog-checkpoint."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.errors import MalformedNote
from ledger.note import OpenedNote, Signer, Verifier, open_note, sign_note, split_note
from ledger.tree import HASH_SIZE

LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Size and root of a log at one moment.

    Attributes:
        origin: Name of the log.
        size: Number of entries.
        root: 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint(text: bytes) -> Checkpoint:
    """The checkpoint of a note's text; extension lines are passed over.

    Raises:
        MalformedNote: The text is no checkpoint.
    """
    lines = text.decode().split("\n")
    if len(lines) < LINES + 1 or lines[-1] or "" in lines[:-1]:
        raise MalformedNote("a checkpoint has origin, size and root, a line each")
    origin, size, encoded = lines[:LINES]
    if not size.isascii() or not size.isdecimal() or str(int(size)) != size:
        raise MalformedNote(f"{size!r} is no size")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        raise MalformedNote("the root is not base64") from None
    if len(root) != HASH_SIZE or base64.b64encode(root).decode() != encoded:
        raise MalformedNote("the root is not a hash of 32 bytes")
    return Checkpoint(origin, int(size), root)


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer]) -> bytes:
    """The checkpoint as a signed note."""
    return sign_note(checkpoint.to_text(), signers)


def read_checkpoint(note: bytes) -> Checkpoint:
    """The checkpoint of a signed note, nothing verified.

    Raises:
        MalformedNote: It is none.
    """
    return parse_checkpoint(split_note(note)[0])


def open_checkpoint(
    note: bytes, verifiers: Iterable[Verifier], origin: str
) -> tuple[Checkpoint, OpenedNote]:
    """Verify a checkpoint of one log.

    Raises:
        MalformedNote: It is no checkpoint, or of another log.
        BadSignature: No known key has signed it, or one did not verify.
    """
    opened = open_note(note, verifiers)
    checkpoint = parse_checkpoint(opened.text)
    if checkpoint.origin != origin:
        raise MalformedNote(f"a checkpoint of {checkpoint.origin}, expected {origin}")
    return checkpoint, opened
