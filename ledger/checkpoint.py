"""Checkpoints: C2SP tlog-checkpoint."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.canonical import decode_base64
from ledger.errors import MalformedNote, NotCanonical
from ledger.note import Signer, Verifier, open_note, sign_note, split_note
from ledger.tree import HASH_SIZE

LINES = 3
MAX_SIZE = 2**63 - 1
# Entries begin with this; a log so named could sign a checkpoint that reads as one
ENTRY_PREFIX = "remelt/"
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Size and root of a log at one moment.

    Attributes:
        origin: Name of the log.
        size: Number of entries.
        root: 32 bytes.

    Raises:
        MalformedNote: The origin is empty, not one line, or begins like an entry; the
            size is not within 0 to 2^63 - 1; the root is not 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin:
            raise _fault("the origin is no line of text")
        if self.origin.startswith(ENTRY_PREFIX):
            raise _fault(f"no log may be named {self.origin}")
        if not 0 <= self.size <= MAX_SIZE:
            raise _fault(f"{self.size} is no size of a log")
        if len(self.root) != HASH_SIZE:
            raise _fault("the root is not a hash of 32 bytes")

    def to_text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint_text(text: bytes) -> Checkpoint:
    """The checkpoint of a note's text; extension lines are passed over.

    Raises:
        MalformedNote: The text is no checkpoint.
    """
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError:
        raise _fault("the checkpoint is not UTF-8") from None
    if len(lines) < LINES + 1 or lines[-1] or "" in lines[:-1]:
        raise _fault("a checkpoint has origin, size and root, a line each")
    origin, size, encoded = lines[:LINES]
    if not _SIZE.fullmatch(size):
        raise _fault(f"{size!r} is no size")
    try:
        root = decode_base64(encoded)
    except NotCanonical as error:
        raise _fault(f"the root {error}") from None
    return Checkpoint(origin, int(size), root)


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer]) -> bytes:
    """The checkpoint as a signed note."""
    return sign_note(checkpoint.to_text(), signers)


def read_checkpoint(note: bytes) -> Checkpoint:
    """The checkpoint of a signed note, nothing verified.

    Raises:
        MalformedNote: It is none.
    """
    return parse_checkpoint_text(split_note(note)[0])


def open_checkpoint(
    note: bytes, verifiers: Iterable[Verifier], origin: str
) -> Checkpoint:
    """Verify a checkpoint of one log.

    Raises:
        MalformedNote: It is no checkpoint, or of another log.
        BadSignature: No known key has signed it, or one did not verify.
    """
    opened = open_note(note, verifiers)
    checkpoint = parse_checkpoint_text(opened.text)
    if checkpoint.origin != origin:
        raise MalformedNote(
            f"a checkpoint of {checkpoint.origin}, expected {origin}",
            code="checkpoint.origin",
        )
    return checkpoint


def _fault(found: str) -> MalformedNote:
    return MalformedNote(found, code="checkpoint.malformed")
