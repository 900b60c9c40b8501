"""Signed notes: C2SP signed-note, with Ed25519 keys (type 0x01).

A note is text, an empty line, and signature lines::

    — <key name> <base64(4-byte key ID || signature)>
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from ledger.canonical import decode_base64
from ledger.errors import BadSignature, MalformedNote, NotCanonical, WeakKey

ED25519 = b"\x01"
KEY_SIZE = 32
KEY_ID_SIZE = 4
SIGNATURE_SIZE = 64
MAX_SIGNATURES = 100
MAX_NOTE_SIZE = 1_000_000
_CONTROLS = bytes(byte for byte in range(0x20) if byte != ord("\n"))
DASH = "— "
# Spaces of Unicode, controls, surrogates, and the plus sign that parts a key's text
_NO_NAME = re.compile(r"[\s+\x00-\x1f\ud800-\udfff]")
_FIELD_PRIME = 2**255 - 19
# Encodings of points of order 1, 2, 4 and 8 with y < p; those with y >= p are not
# canonical and refused for that
_LOW_ORDER = {
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )
}


def check_public_key(raw: bytes) -> None:
    """Refuse a public key with which a signature could fit any message.

    Raises:
        WeakKey: It is not 32 bytes, of low order, or encodes y >= 2^255 - 19.
    """
    if len(raw) != KEY_SIZE:
        raise WeakKey(f"a public key has 32 bytes, found {len(raw)}")
    if raw in _LOW_ORDER:
        raise WeakKey("the public key is a point of low order")
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _FIELD_PRIME:
        raise WeakKey("the public key is not in its canonical encoding")


def key_id(name: str, public_key: bytes, kind: bytes = ED25519) -> bytes:
    """First 4 bytes of SHA-256(name || 0x0A || type byte || public key)."""
    return hashlib.sha256(name.encode() + b"\n" + kind + public_key).digest()[
        :KEY_ID_SIZE
    ]


def format_vkey(name: str, public_key: bytes, kind: bytes = ED25519) -> str:
    """A public key as text: ``name+hex key ID+base64(type byte || key)``."""
    encoded = base64.b64encode(kind + public_key).decode()
    return f"{name}+{key_id(name, public_key, kind).hex()}+{encoded}"


def split_vkey(vkey: str, kind: bytes = ED25519) -> tuple[str, bytes]:
    """Name and public key out of a key's text, of which there is one spelling.

    Raises:
        MalformedNote: The text is no key of this type, or its ID does not fit.
        WeakKey: The key must not be used.
    """
    fault = MalformedNote(f"{vkey[:200]!r} is no verifier key", code="key.malformed")
    try:
        name, _, encoded = vkey.split("+", 2)
        decoded = decode_base64(encoded)
    except (ValueError, NotCanonical):
        raise fault from None
    if decoded[:1] != kind or len(decoded) != 1 + KEY_SIZE or not _is_name(name):
        raise fault
    check_public_key(decoded[1:])
    if format_vkey(name, decoded[1:], kind) != vkey:
        raise fault
    return name, decoded[1:]


def check_name(name: str) -> None:
    """Refuse what cannot name a key.

    Raises:
        MalformedNote: It is empty or holds a space, a plus sign, a control or a lone
            surrogate.
    """
    if not _is_name(name):
        raise MalformedNote(f"{name!r} cannot name a key", code="key.malformed")


def _is_name(name: str) -> bool:
    return bool(name) and not _NO_NAME.search(name)


class Verifier:
    """A public key with its name."""

    def __init__(self, name: str, public_key: bytes) -> None:
        check_name(name)
        check_public_key(public_key)
        self.name = name
        self.public_key = public_key
        self.key_id = key_id(name, public_key)
        self._key = Ed25519PublicKey.from_public_bytes(public_key)

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """A key out of its text, ``name+hex key ID+base64(0x01 || key)``.

        Raises:
            MalformedNote: The text is no Ed25519 verifier key, or its ID does not fit.
            WeakKey: The key must not be used.
        """
        return _parse_vkey(vkey)

    @property
    def vkey(self) -> str:
        """The key as text."""
        return format_vkey(self.name, self.public_key)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Check one signature (RFC 8032, as OpenSSL and Go check it).

        Raises:
            BadSignature: It does not verify.
        """
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            raise BadSignature(
                f"the signature by {self.name} does not verify"
            ) from None


@lru_cache(maxsize=4096)
def _parse_vkey(vkey: str) -> Verifier:
    return Verifier(*split_vkey(vkey))


class Signer:
    """A private key with its name."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self._key = private_key
        self.seed = private_key.private_bytes_raw()
        self.verifier = Verifier(name, private_key.public_key().public_bytes_raw())
        self.name = name

    @classmethod
    def generate(cls, name: str) -> Signer:
        """A new random key."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, name: str, seed: bytes) -> Signer:
        """The key of a 32-byte seed."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public_key(self) -> bytes:
        """32 bytes."""
        return self.verifier.public_key

    @property
    def vkey(self) -> str:
        """The public key as text."""
        return self.verifier.vkey

    def sign(self, message: bytes) -> bytes:
        """A signature of 64 bytes, checked before it is given away.

        A fault in the making of a deterministic signature can give the key away.
        """
        signature = self._key.sign(message)
        self.verifier.verify(signature, message)
        return signature


class SignatureLine(NamedTuple):
    """One line below a note: who signed, which key, and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def to_text(self) -> str:
        """The line, with its newline."""
        encoded = base64.b64encode(self.key_id + self.signature).decode()
        return f"{DASH}{self.name} {encoded}\n"


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note of which at least one known key's signature verified.

    Attributes:
        text: With its last newline.
        signatures: Lines whose signatures verified, one for each key, in order.
        unknown: Lines of keys that the caller did not name.
    """

    text: bytes
    signatures: tuple[SignatureLine, ...]
    unknown: tuple[SignatureLine, ...]


def sign_note(text: str, signers: Sequence[Signer]) -> bytes:
    """A note over a text, signed by each signer in turn.

    Raises:
        MalformedNote: The text does not end in a newline, or holds a control or a lone
            surrogate; or nobody signs.
    """
    if not signers:
        raise MalformedNote("a note needs a signature")
    try:
        body = text.encode()
    except UnicodeEncodeError:
        raise MalformedNote("the text holds a lone surrogate") from None
    check_text(body)
    lines = [
        SignatureLine(one.name, one.verifier.key_id, one.sign(body)).to_text()
        for one in signers
    ]
    return body + b"\n" + "".join(lines).encode()


def check_text(body: bytes) -> None:
    """Refuse what cannot be the text of a note.

    Raises:
        MalformedNote: It is empty, does not end in a newline, is not UTF-8, or holds
            an ASCII control other than newline.
    """
    if not body.endswith(b"\n"):
        raise MalformedNote("the text does not end in a newline")
    try:
        body.decode()
    except UnicodeDecodeError:
        raise MalformedNote("the note is not UTF-8") from None
    # Three times as fast as to search for one of them
    if len(body.translate(None, _CONTROLS)) != len(body):
        raise MalformedNote("the note holds a control character")


def split_note(note: bytes) -> tuple[bytes, tuple[SignatureLine, ...]]:
    """Text and signature lines of a note, nothing verified.

    Raises:
        MalformedNote: The bytes are no signed note.
    """
    if len(note) > MAX_NOTE_SIZE:
        raise MalformedNote(f"a note of {len(note)} bytes is too long")
    check_text(note)
    cut = note.rfind(b"\n\n")
    if cut < 0:
        raise MalformedNote("no empty line stands between text and signatures")
    text, below = note[: cut + 1], note[cut + 2 :].decode()
    if not below:
        raise MalformedNote("the note has no signature")
    lines = below[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedNote(f"the note has {len(lines)} signatures")
    return text, (*map(parse_line, lines),)


def parse_line(line: str) -> SignatureLine:
    """One signature line, without its newline.

    Raises:
        MalformedNote: It is none.
    """
    if line.startswith(DASH):
        try:
            name, encoded = line[len(DASH) :].split(" ")
            decoded = decode_base64(encoded)
        except (ValueError, NotCanonical):
            pass
        else:
            if _is_name(name) and len(decoded) > KEY_ID_SIZE:
                key_id, signature = decoded[:KEY_ID_SIZE], decoded[KEY_ID_SIZE:]
                return SignatureLine(name, key_id, signature)
    raise MalformedNote(f"{line[:200]!r} is no signature line")


def open_note(note: bytes, verifiers: Iterable[Verifier]) -> OpenedNote:
    """Verify a note with the keys that the caller trusts.

    Lines of unknown keys are passed over; a known key's bad signature condemns the
    whole note.

    Raises:
        MalformedNote: The bytes are no signed note.
        BadSignature: A known key's signature does not verify, or none is there.
    """
    text, lines = split_note(note)
    known: dict[tuple[str, bytes], Verifier] = {}
    for one in verifiers:
        # Two keys under one name and ID: nobody could say which has signed
        if known.setdefault((one.name, one.key_id), one).public_key != one.public_key:
            raise BadSignature(
                f"two different keys have the ID of {one.name}", code="key.ambiguous"
            )
    verified: dict[tuple[str, bytes], SignatureLine] = {}
    unknown: list[SignatureLine] = []
    for line in lines:
        key = (line.name, line.key_id)
        verifier = known.get(key)
        if verifier is None:
            unknown.append(line)
            continue
        verifier.verify(line.signature, text)
        verified.setdefault(key, line)
    if not verified:
        raise BadSignature("no known key has signed the note", code="signature.missing")
    return OpenedNote(text, tuple(verified.values()), tuple(unknown))
