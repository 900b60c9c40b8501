"""Signing keys that the platform keeps, encrypted, for those who keep none themselves.

A platform-held key is a 32-byte Ed25519 seed under AES-256-GCM; the key name is bound
in as associated data, so that a sealed key cannot be moved to another name. The
key-encryption key is a setting: it is not in the database, nor in its backup.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import OrganisationRow, SealedKeyRow, SigningKeyEndRow, SigningKeyRow
from app.services.errors import NoSigningKey
from ledger import Signer, canonical_json

if TYPE_CHECKING:
    from app.services.device_signing import Device

NONCE_SIZE = 12
KEY_SIZE = 32


class KeyRing:
    """Opens sealed keys, and keeps those it has opened for the life of the process.

    Args:
        key_encryption_key: 32 bytes.

    Raises:
        ValueError: The key-encryption key has another length.
    """

    def __init__(self, key_encryption_key: bytes) -> None:
        if len(key_encryption_key) != KEY_SIZE:
            raise ValueError("the key-encryption key is not 32 bytes long")
        self._cipher = AESGCM(key_encryption_key)
        self._digest_key = hmac.digest(
            key_encryption_key, b"remelt request digest", "sha256"
        )
        self._opened: dict[str, Signer] = {}
        self.device: Device | None = None

    def for_device(self, device: Device) -> KeyRing:
        """The same ring in the hand of somebody whose browser signs."""
        ring = copy(self)
        ring.device = device
        return ring

    def seal(self, signer: Signer) -> bytes:
        """The private key of a signer, encrypted under its name."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, signer.seed, signer.name.encode())

    def open(self, key_name: str, sealed: bytes) -> Signer:
        """The signer behind a sealed key.

        Raises:
            cryptography.exceptions.InvalidTag: Another key-encryption key sealed it,
                or it was sealed under another name.
        """
        nonce, body = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        seed = self._cipher.decrypt(nonce, body, key_name.encode())
        return Signer.from_bytes(key_name, seed)

    def seal_data(self, data: bytes, place: bytes) -> bytes:
        """Bytes encrypted under the key-encryption key, bound to their place."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, data, place)

    def open_data(self, sealed: bytes, place: bytes) -> bytes:
        """The bytes that were sealed for this place.

        Raises:
            cryptography.exceptions.InvalidTag: They were not.
        """
        return self._cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], place)

    def signer_of(self, session: Session, org: str) -> Signer:
        """The newest valid key that the platform holds for an organisation.

        Raises:
            NoSigningKey: The platform holds none.
        """
        if (signer := self._opened.get(org)) is not None:
            return signer
        newest = session.execute(
            select(SealedKeyRow.key_name, SealedKeyRow.sealed)
            .join(SigningKeyRow, SigningKeyRow.key_name == SealedKeyRow.key_name)
            .join(OrganisationRow, OrganisationRow.id == SigningKeyRow.organisation_id)
            .outerjoin(
                SigningKeyEndRow, SigningKeyEndRow.signing_key_id == SigningKeyRow.id
            )
            .where(OrganisationRow.code == org, SigningKeyEndRow.id.is_(None))
            .order_by(SigningKeyRow.number.desc())
            .limit(1)
        ).first()
        if newest is None:
            raise NoSigningKey(
                f"the platform holds no key of organisation {org}: it signs itself"
            )
        signer = self.open(newest.key_name, newest.sealed)
        self._opened[org] = signer
        return signer

    def forget(self, org: str) -> None:
        """Drop an opened key, after the organisation got another one, or lost it."""
        self._opened.pop(org, None)

    def request_digest(self, request: Mapping[str, Any]) -> bytes:
        """Keyed digest of a request's canonical JSON: HMAC-SHA-256, 32 bytes.

        Keyed, so that the table of digests tells nothing about private values.
        """
        return hmac.digest(self._digest_key, canonical_json(request), "sha256")

    def note_digest(self, note: bytes) -> bytes:
        """Keyed digest of a note that the client signed."""
        return hmac.digest(self._digest_key, note, "sha256")


def store_sealed(
    session: Session, keyring: KeyRing, signer: Signer, now: datetime
) -> None:
    """Keep the private key of a new signer, sealed."""
    session.add(
        SealedKeyRow(key_name=signer.name, sealed=keyring.seal(signer), created_at=now)
    )
    session.flush()


def short_digest(public_key: bytes) -> str:
    """The first 16 hexadecimal digits of a public key's SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]
