r"""Witnesses' cosignatures: C2SP tlog-cosignature, Ed25519 (type 0x04).

A cosignature says that at this time, this was the largest tree that its witness had
seen of this log, and that it extended all that the witness saw before. It is one more
signature line below a checkpoint. Signed are two lines and the checkpoint's text::

    cosignature/v1
    time <POSIX seconds>
    <origin, size and root, with any extension lines>

The signature is the time, 8 bytes big endian, and 64 bytes of Ed25519.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.checkpoint import parse_checkpoint_text
from ledger.errors import BadSignature
from ledger.note import (
    SIGNATURE_SIZE,
    SignatureLine,
    Signer,
    Verifier,
    format_vkey,
    key_id,
    split_note,
    split_vkey,
)

COSIGNATURE = b"\x04"
TIME_SIZE = 8
MAX_TIME = 2**63 - 1


class WitnessKey:
    """A witness's public key with its name."""

    def __init__(self, name: str, public_key: bytes) -> None:
        self._verifier = Verifier(name, public_key)
        self.name = name
        self.public_key = public_key
        self.key_id = key_id(name, public_key, COSIGNATURE)

    @classmethod
    def parse(cls, vkey: str) -> WitnessKey:
        """A key out of its text, ``name+hex key ID+base64(0x04 || key)``.

        Raises:
            MalformedNote: The text is no Ed25519 cosigner's key.
            WeakKey: The key must not be used.
        """
        return cls(*split_vkey(vkey, COSIGNATURE))

    @property
    def vkey(self) -> str:
        """The key as text."""
        return format_vkey(self.name, self.public_key, COSIGNATURE)

    def verify(self, line: SignatureLine, text: bytes) -> int:
        """Check one cosignature line over a checkpoint's text.

        Returns:
            When it was made, as the witness says: POSIX seconds.

        Raises:
            BadSignature: It is another key's, is not well formed, or does not verify.
        """
        if (line.name, line.key_id) != (self.name, self.key_id):
            raise BadSignature(
                f"the line is not by {self.name}", code="cosignature.other"
            )
        if len(line.signature) != TIME_SIZE + SIGNATURE_SIZE:
            raise self._malformed("a wrong length")
        time = int.from_bytes(line.signature[:TIME_SIZE], "big")
        if time > MAX_TIME:
            raise self._malformed("no possible time")
        try:
            self._verifier.verify(line.signature[TIME_SIZE:], cosigned_text(time, text))
        except BadSignature as error:
            raise BadSignature(str(error), code="cosignature.bad") from None
        return time

    def _malformed(self, found: str) -> BadSignature:
        return BadSignature(
            f"the cosignature by {self.name} has {found}", code="cosignature.malformed"
        )


class Witness:
    """A witness's private key with its name; one key for one witness.

    The signed message does not name the witness, so that a key under two names would
    count twice.
    """

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        self._signer = Signer(name, private_key)
        self.key = WitnessKey(name, self._signer.public_key)

    @classmethod
    def from_bytes(cls, name: str, seed: bytes) -> Witness:
        """The witness with the key of a 32-byte seed."""
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def vkey(self) -> str:
        """The public key as text."""
        return self.key.vkey

    def cosign(self, note: bytes, time: int) -> SignatureLine:
        """A cosignature line for a checkpoint.

        The caller has checked the log's signature, and that the tree extends the last
        one that this witness cosigned.

        Args:
            note: The checkpoint, as signed by the log.
            time: POSIX seconds.

        Raises:
            MalformedNote: The note is no checkpoint.
            ValueError: The time lies outside 0 to 2^63 - 1.
        """
        if not 0 <= time <= MAX_TIME:
            raise ValueError(f"{time} is no time of a cosignature")
        text = split_note(note)[0]
        parse_checkpoint_text(text)
        signature = self._signer.sign(cosigned_text(time, text))
        stamp = time.to_bytes(TIME_SIZE, "big")
        return SignatureLine(self.key.name, self.key.key_id, stamp + signature)


def cosigned_text(time: int, text: bytes) -> bytes:
    """What a cosignature signs."""
    return f"cosignature/v1\ntime {time}\n".encode() + text


def add_lines(note: bytes, lines: list[SignatureLine]) -> bytes:
    """A note with more signature lines below it; those that it has stay first.

    Raises:
        MalformedNote: The bytes are no signed note, or get too many lines.
    """
    known = split_note(note)[1]
    new = [line.to_text() for line in lines if line not in known]
    made = note + "".join(new).encode()
    split_note(made)
    return made
