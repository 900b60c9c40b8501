"""Entries skimmed: the envelope is read, the data is left as it stands.

For who goes through millions of entries and wants of each the signature and what it
cites. That each is in its one form is seen by who reads the data (``parse_entry``).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ledger.entry import HEADER, check_header, is_leaf, is_parents
from ledger.errors import MalformedEntry
from ledger.note import SignatureLine, split_note


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The checkpoint that a signer had seen."""

    root: str
    size: int


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The members of a fact; ``data`` is not decoded."""

    at: str
    data: msgspec.Raw
    id: str
    org: str
    parents: list[str]
    sd: list[str]
    seen: Seen | None
    type: str
    v: int


class SkimmedEntry(NamedTuple):
    """An entry of which only the envelope was read; no signature is verified yet."""

    envelope: Envelope
    text: bytes
    signatures: tuple[SignatureLine, ...]


_decode = msgspec.json.Decoder(Envelope).decode


def skim_entry(note: bytes) -> SkimmedEntry:
    """The envelope and the signature lines of an entry: a third of the work.

    Raises:
        MalformedEntry: The envelope cannot be read, or cites what are no hashes.
        MalformedNote: The bytes are no signed note.
    """
    text, lines = split_note(note)
    check_header(text)
    try:
        envelope = _decode(text[len(HEADER) :])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise MalformedEntry(
            f"the fact has no envelope: {error}", code="entry.envelope"
        ) from None
    seen = envelope.seen
    if not is_parents(envelope.parents) or (
        seen is not None and not (seen.size >= 1 and is_leaf(seen.root))
    ):
        raise MalformedEntry("the fact cites no hashes", code="entry.envelope")
    return SkimmedEntry(envelope, text, lines)
