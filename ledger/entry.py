"""Entries: facts as signed notes.

An entry is the line ``remelt/fact@v1``, one line of RFC 8785 JSON, an empty line, and
one signature line for each key that its type asks for, sorted by key name. Signed is
the text above the empty line; stored, and hashed as the leaf, is the whole note.

Key names are ``<log origin>/<organisation code>/<number>``.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import lt
from typing import Any

from ledger.canonical import canonical_json, decode_base64, parse_canonical
from ledger.errors import BadSignature, MalformedEntry, NotCanonical
from ledger.note import (
    SignatureLine,
    Signer,
    Verifier,
    check_name,
    sign_note,
    split_note,
)
from ledger.tiles import MAX_ENTRY_SIZE

HEADER = b"remelt/fact@v1\n"
POSSESSION = "remelt/key-possession@v1\n"
MEMBERS = {"at", "data", "id", "org", "parents", "sd", "seen", "type", "v"}
_ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
_TYPE = re.compile(r"[a-z]+\.[a-z_]+")
_ORG = re.compile(r"[0-9A-Z-]{1,64}")
_AT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_LEAF = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A parsed entry, its signatures not yet verified.

    Attributes:
        fact: The envelope with its data.
        note: The whole signed note: the leaf.
        text: What is signed.
        signatures: Sorted by key name.
    """

    fact: dict[str, Any]
    note: bytes
    text: bytes
    signatures: tuple[SignatureLine, ...]


@dataclass(frozen=True, slots=True)
class KeyName:
    """The three parts of a key's name."""

    origin: str
    organisation: str
    number: int


def key_name(origin: str, organisation: str, number: int) -> str:
    """Name of an organisation's key, numbered from 1."""
    name = f"{origin}/{organisation}/{number}"
    check_name(name)
    return name


def parse_key_name(name: str) -> KeyName:
    """The parts of a key's name.

    Raises:
        MalformedEntry: It is not of the form that this log uses.
    """
    match = re.fullmatch(r"(.+)/([0-9A-Z-]+)/([1-9][0-9]{0,8})", name)
    if match is None:
        raise MalformedEntry(
            f"{name!r} is no key name of an organisation", code="key.name"
        )
    return KeyName(match[1], match[2], int(match[3]))


def sign_entry(fact: Mapping[str, Any], signers: Sequence[Signer]) -> bytes:
    """The entry of a fact: a note signed by each signer.

    Raises:
        NotCanonical: The fact has no canonical form.
        MalformedEntry: The envelope is not complete, or the entry is too long.
    """
    check_envelope(fact)
    text = HEADER + canonical_json(fact, ascii_names=True) + b"\n"
    ordered = sorted(signers, key=lambda one: one.name)
    if len({one.name for one in ordered}) != len(ordered):
        raise MalformedEntry("a key signs twice", code="entry.signatures")
    note = sign_note(text.decode(), ordered)
    _check_size(note)
    return note


def _check_size(note: bytes) -> None:
    if len(note) > MAX_ENTRY_SIZE:
        raise MalformedEntry(
            f"the entry has {len(note)} bytes, at most 65535 fit", code="entry.too_long"
        )


def parse_entry(note: bytes) -> Entry:
    """The entry that these bytes are; there is one spelling of each.

    Raises:
        MalformedEntry: They are none.
        MalformedNote: They are no signed note.
    """
    _check_size(note)
    text, lines = split_note(note)
    check_header(text)
    body = text[len(HEADER) : -1]
    if b"\n" in body:
        raise MalformedEntry("the fact is not on one line")
    try:
        fact = parse_canonical(body)
    except NotCanonical as error:
        raise MalformedEntry(f"the fact {error}", code="entry.not_canonical") from None
    check_envelope(fact)
    names = [line.name for line in lines]
    if names != sorted(set(names)):
        raise MalformedEntry(
            "the signatures are not sorted by key name, each once",
            code="entry.signatures",
        )
    below = "".join(line.to_text() for line in lines)
    if note != text + b"\n" + below.encode():
        raise MalformedEntry(
            "the signature lines are not in their one form", code="entry.signatures"
        )
    return Entry(fact, note, text, lines)


def check_header(text: bytes) -> None:
    """Refuse a text whose first line is not that of an entry.

    Raises:
        MalformedEntry: It is not.
    """
    if not text.startswith(HEADER):
        raise MalformedEntry(
            f"the first line is not {HEADER.decode().strip()}", code="entry.header"
        )


def check_envelope(fact: Mapping[str, Any]) -> None:
    """Refuse a fact whose envelope is not complete, or holds more.

    Raises:
        MalformedEntry: Naming the member.
    """
    if fact.keys() != MEMBERS:
        wrong = sorted(fact.keys() ^ MEMBERS)[0]
        verb = "is missing" if wrong in MEMBERS else "is unknown"
        raise MalformedEntry(f"the member {wrong} {verb}", code="entry.envelope")
    for name, fits in _MEMBER_CHECKS:
        if not fits(fact[name]):
            raise MalformedEntry(
                f"the member {name} is not as it should be", code="entry.envelope"
            )


def _is_instant(value: object) -> bool:
    """Whether it is a UTC second that the calendar has."""
    if not isinstance(value, str) or not (match := _AT.fullmatch(value)):
        return False
    try:
        datetime(*map(int, match.groups()))  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def _is_text(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    fullmatch = pattern.fullmatch
    return lambda value: isinstance(value, str) and fullmatch(value) is not None


def _is_sorted_list(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    """Of text that fits, each once, ascending."""
    fullmatch = re.compile(f"{pattern.pattern}(?:\n{pattern.pattern})*").fullmatch

    def fits(value: object) -> bool:
        if not isinstance(value, list):
            return False
        if not value:
            return True
        try:
            # One search for all: no entry of a list that fits holds a line break
            joined = "\n".join(value)
        except TypeError:
            return False
        return fullmatch(joined) is not None and all(map(lt, value, value[1:]))

    return fits


def _is_version(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_checkpoint(value: object) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, Mapping)
        and value.keys() == {"root", "size"}
        and type(value["size"]) is int
        and value["size"] >= 1
        and is_leaf(value["root"])
    )


is_leaf = _is_text(_LEAF)
"""Whether a value is a leaf hash, in hexadecimal."""
is_parents = _is_sorted_list(_LEAF)
"""Whether a value is a list of leaf hashes, each once, ascending."""
_MEMBER_CHECKS: tuple[tuple[str, Callable[[object], bool]], ...] = (
    ("id", _is_text(_ID)),
    ("type", _is_text(_TYPE)),
    ("v", _is_version),
    ("org", _is_text(_ORG)),
    ("at", _is_instant),
    ("data", _is_mapping),
    ("sd", _is_sorted_list(_DIGEST)),
    ("parents", is_parents),
    ("seen", _is_checkpoint),
)


def verify_entry(entry: Entry, verifiers: Sequence[Verifier]) -> None:
    """Check that exactly these keys have signed, and that each signature verifies.

    Raises:
        BadSignature: A line is missing, too many, or does not verify.
    """
    verify_lines(entry.text, entry.signatures, verifiers)


def verify_lines(
    text: bytes, lines: Sequence[SignatureLine], verifiers: Sequence[Verifier]
) -> None:
    """The same of the text and the signature lines of an entry.

    Raises:
        BadSignature: A line is missing, too many, or does not verify.
    """
    if len(verifiers) == len(lines) == 1:
        [line], [one] = lines, verifiers
        if line.name == one.name and line.key_id == one.key_id:
            one.verify(line.signature, text)
            return
    expected = sorted((one.name, one.key_id) for one in verifiers)
    found = [(line.name, line.key_id) for line in lines]
    if found != expected:
        raise BadSignature(
            f"signed by {', '.join(name for name, _ in found)}, "
            f"expected {', '.join(name for name, _ in expected)}",
            code="signature.unexpected",
        )
    by_name = {one.name: one for one in verifiers}
    for line in lines:
        by_name[line.name].verify(line.signature, text)


def proof_of_possession_text(organisation: str, vkey: str) -> bytes:
    r"""What a new key signs to show that its holder has it: three lines.

    >>> proof_of_possession_text("ORG", "name+id+key")
    b'remelt/key-possession@v1\nORG\nname+id+key\n'
    """
    return f"{POSSESSION}{organisation}\n{vkey}\n".encode()


def prove_possession(organisation: str, signer: Signer) -> str:
    """A new key's signature over its own registration, base64."""
    text = proof_of_possession_text(organisation, signer.vkey)
    return base64.b64encode(signer.sign(text)).decode()


def check_possession(organisation: str, vkey: str, proof: str) -> None:
    """Check a new key's signature over its own registration.

    Raises:
        BadSignature: It does not verify.
        MalformedNote: The text is no key.
        WeakKey: The key must not be used.
    """
    try:
        signature = decode_base64(proof)
    except NotCanonical as error:
        raise BadSignature(
            f"the proof of possession {error}", code="possession.malformed"
        ) from None
    text, verifier = proof_of_possession_text(organisation, vkey), Verifier.parse(vkey)
    try:
        verifier.verify(signature, text)
    except BadSignature:
        raise BadSignature(
            f"the proof of possession by {verifier.name} does not verify",
            code="possession.bad",
        ) from None
