"""Keys under which private values are kept: one for what was stated at once.

AES-256-GCM. A value's digest is bound in as associated data, so that no sealed value
can be put behind another digest; a key's organisation and number are bound into it as
it is sealed under the key-encryption key. To destroy a key is to erase what is sealed
under it, in every copy of the database.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.services.errors import ServiceError

if TYPE_CHECKING:
    from app.services.keys import KeyRing

KEY_SIZE = 32
NONCE_SIZE = 12
NUMBER_BITS = 53


class Unreadable(ServiceError):
    """What is sealed cannot be opened with the keys that are here."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key of one organisation.

    Attributes:
        org: Whose values it keeps.
        number: Its name among that organisation's keys; random, so that two processes
            never give the same.
        sealed: The key under the key-encryption key.
        secret: The key, 32 bytes.
    """

    org: str
    number: int
    sealed: bytes
    secret: bytes

    def __repr__(self) -> str:
        """Without the key."""
        return f"DataKey({self.org}, {self.number})"

    def seal(self, digest: str, text: str) -> bytes:
        """A disclosure text, encrypted behind its digest."""
        nonce = secrets.token_bytes(NONCE_SIZE)
        cipher = AESGCM(self.secret)
        return nonce + cipher.encrypt(nonce, text.encode(), digest.encode())

    def open(self, digest: str, sealed: bytes) -> str:
        """The disclosure text behind a digest.

        Raises:
            Unreadable: Other bytes, another digest or another key.
        """
        nonce, body = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:]
        try:
            return AESGCM(self.secret).decrypt(nonce, body, digest.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unreadable("the sealed value does not open") from None


def make_data_key(keyring: KeyRing, org: str) -> DataKey:
    """A fresh key for an organisation; it is kept with the first value under it."""
    number, secret = secrets.randbits(NUMBER_BITS), secrets.token_bytes(KEY_SIZE)
    return DataKey(org, number, keyring.seal_data(secret, _place(org, number)), secret)


def open_data_key(keyring: KeyRing, org: str, number: int, sealed: bytes) -> DataKey:
    """A key as it was kept.

    Raises:
        Unreadable: Another key-encryption key sealed it, or it is another key.
    """
    try:
        secret = keyring.open_data(sealed, _place(org, number))
    except (InvalidTag, ValueError):
        raise Unreadable(
            "key {number} of {org} does not open with the key-encryption key",
            number=number,
            org=org,
        ) from None
    return DataKey(org, number, sealed, secret)


def _place(org: str, number: int) -> bytes:
    # No name of a signing key holds a line break: the two cannot be mistaken
    return f"remelt/disclosure-key@v1\n{org}\n{number}".encode()


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A private value as it is kept.

    Attributes:
        digest: What stands in the entry.
        name: Of the field.
        sealed: The disclosure text under the key.
        key: Which.
    """

    digest: str
    name: str
    sealed: bytes
    key: DataKey


def seal_file(
    keyring: KeyRing, org: str, job_id: str, content: bytes
) -> tuple[bytes, bytes]:
    """A file that was handed in, under a key of its own.

    Returns:
        The sealed file, and its key under the key-encryption key.
    """
    secret, nonce = secrets.token_bytes(KEY_SIZE), secrets.token_bytes(NONCE_SIZE)
    sealed = nonce + AESGCM(secret).encrypt(nonce, content, None)
    return sealed, keyring.seal_data(secret, _file_place(org, job_id))


def open_file(
    keyring: KeyRing, org: str, job_id: str, sealed: bytes, key: bytes
) -> bytes:
    """A file as it was handed in.

    Raises:
        Unreadable: Other bytes, or another key.
    """
    try:
        secret = keyring.open_data(key, _file_place(org, job_id))
        return AESGCM(secret).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], None)
    except (InvalidTag, ValueError):
        raise Unreadable("the file that was handed in does not open") from None


def _file_place(org: str, job_id: str) -> bytes:
    return f"remelt/import-file@v1\n{org}\n{job_id}".encode()


class Vault:
    """Seals the values of what is stated at once, with one key an organisation."""

    def __init__(self, keyring: KeyRing) -> None:
        self._keyring = keyring
        self._keys: dict[str, DataKey] = {}

    def lock(self, org: str, digest: str, name: str, text: str) -> SealedValue:
        """Seal one disclosure."""
        key = self._keys.get(org)
        if key is None:
            key = self._keys[org] = make_data_key(self._keyring, org)
        return SealedValue(digest, name, key.seal(digest, text), key)
