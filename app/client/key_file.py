r"""Key files: an Ed25519 key under a passphrase, in one small JSON file of mode 0600.

The members::

    format   "remelt/key@v1"
    org      code of the organisation
    number   of the key, from 1; null: not given yet, in the file of a next key
    public   the public key, 32 bytes, base64
    log      {"origin": ..., "vkey": ...}: the log and the key of its checkpoints
    kdf      {"name": "scrypt", "n": 32768, "r": 8, "p": 3, "salt": base64}
    sealed   base64 of a 12-byte nonce and AES-256-GCM of the 32-byte seed

The key of the cipher is scrypt of the passphrase (UTF-8, NFC). Every other member is
bound in as associated data, in its RFC 8785 form: a file whose name, number or log was
changed does not open.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import stat
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from app.client.errors import BadKeyFile
from ledger import LedgerError, Signer, Verifier, canonical_json, key_name

FORMAT = "remelt/key@v1"
KDF = {"name": "scrypt", "n": 32768, "r": 8, "p": 3}
SALT_SIZE = 16
NONCE_SIZE = 12
KEY_SIZE = 32
MODE = 0o600
MAX_BYTES = 10_000
LEAST_PASSPHRASE = 12
_MEMBERS = {"format", "org", "number", "public", "log", "kdf", "sealed"}


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file as read, still under its passphrase.

    Attributes:
        path: Where it lies.
        org: Code of the organisation.
        number: Of the key; None: not given yet.
        public_key: 32 bytes.
        origin: Of the log.
        log_vkey: Key of the log's checkpoints.
        document: The whole of it.
    """

    path: Path
    org: str
    number: int | None
    public_key: bytes
    origin: str
    log_vkey: str
    document: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the public key: what the key before commits to."""
        return hashlib.sha256(self.public_key).hexdigest()

    @property
    def name(self) -> str:
        """Name of the key.

        Raises:
            BadKeyFile: It has no number yet.
        """
        if self.number is None:
            raise BadKeyFile(f"{self.path} is a next key: it signs once it is rotated")
        return key_name(self.origin, self.org, self.number)

    def open(self, passphrase: str, number: int | None = None) -> Signer:
        """The signer behind the file.

        Args:
            passphrase: As it was given when the file was made.
            number: Of a next key that gets its number now.

        Raises:
            BadKeyFile: The passphrase does not fit, or the file was changed.
        """
        seed = _open(self.document, passphrase, self.path)
        known = self if number is None else replace(self, number=number)
        signer = Signer.from_bytes(known.name, seed)
        if signer.public_key != self.public_key:
            raise BadKeyFile(f"{self.path}: the public key is not that of the seed")
        return signer


def new_seed() -> bytes:
    """32 fresh random bytes."""
    return secrets.token_bytes(KEY_SIZE)


def write_key_file(
    path: Path,
    seed: bytes,
    passphrase: str,
    *,
    org: str,
    number: int | None,
    log_vkey: str,
) -> KeyFile:
    """Write a new key file; an existing file is never written over.

    Raises:
        BadKeyFile: There is a file already, or the passphrase is too short.
    """
    if len(passphrase) < LEAST_PASSPHRASE:
        raise BadKeyFile(f"a passphrase has {LEAST_PASSPHRASE} characters or more")
    log = Verifier.parse(log_vkey)
    named = key_name(log.name, org, number or 1)
    document: dict[str, Any] = {
        "format": FORMAT,
        "org": org,
        "number": number,
        "public": _encode(Signer.from_bytes(named, seed).public_key),
        "log": {"origin": log.name, "vkey": log_vkey},
        "kdf": {**KDF, "salt": _encode(secrets.token_bytes(SALT_SIZE))},
    }
    nonce = secrets.token_bytes(NONCE_SIZE)
    cipher = AESGCM(_derive(document["kdf"], passphrase))
    sealed = cipher.encrypt(nonce, seed, canonical_json(document))
    document["sealed"] = _encode(nonce + sealed)
    text = json.dumps(document, indent=2) + "\n"
    write_private(path, text.encode())
    return read_key_file(path)


def write_private(path: Path, content: bytes, *, over: bool = False) -> None:
    """Write a file that only its owner reads, durable before this returns.

    Raises:
        BadKeyFile: There is one already, and ``over`` does not allow it.
    """
    if not over and path.exists():
        raise BadKeyFile(f"{path} exists: it is not written over")
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_key_file(path: Path) -> KeyFile:
    """Read a key file; the key in it stays under its passphrase.

    Raises:
        BadKeyFile: It is none, or others than its owner may read or write it.
    """
    try:
        status = path.stat()
        content = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise BadKeyFile(f"{path}: {error.strerror}") from None
    loose = stat.S_IMODE(status.st_mode) & ~MODE
    if os.name == "posix" and loose:
        raise BadKeyFile(
            f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, expected 0600: "
            "others than its owner could read it. If nobody did, run: chmod 600"
        )
    try:
        document = json.loads(content.decode())
        if document.keys() != _MEMBERS or document["format"] != FORMAT:
            raise ValueError("the members are not those of a key file")
        log = Verifier.parse(document["log"]["vkey"])
        if log.name != document["log"]["origin"]:
            raise ValueError("the key of the log is named after another one")
        number = document["number"]
        if number is not None and (type(number) is not int or number < 1):
            raise ValueError("the number is none")
        public_key = base64.b64decode(document["public"], validate=True)
        Verifier(key_name(log.name, document["org"], number or 1), public_key)
    except (ValueError, KeyError, TypeError, AttributeError, LedgerError) as error:
        raise BadKeyFile(f"{path} is no key file: {error}") from None
    return KeyFile(
        path, document["org"], number, public_key, log.name, log.vkey, document
    )


def _open(document: dict[str, Any], passphrase: str, path: Path) -> bytes:
    bound = {name: value for name, value in document.items() if name != "sealed"}
    try:
        sealed = base64.b64decode(document["sealed"], validate=True)
        cipher = AESGCM(_derive(document["kdf"], passphrase))
        return cipher.decrypt(
            sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], canonical_json(bound)
        )
    except InvalidTag:
        raise BadKeyFile(
            f"{path} does not open: the passphrase is wrong, or the file was changed"
        ) from None
    except (ValueError, KeyError, TypeError, LedgerError) as error:
        raise BadKeyFile(f"{path} is no key file: {error}") from None


def _derive(kdf: dict[str, Any], passphrase: str) -> bytes:
    if {name: kdf.get(name) for name in KDF} != KDF:
        raise ValueError("the passphrase was stretched in an unknown way")
    salt = base64.b64decode(kdf["salt"], validate=True)
    stretch = Scrypt(salt=salt, length=KEY_SIZE, n=kdf["n"], r=kdf["r"], p=kdf["p"])
    return stretch.derive(unicodedata.normalize("NFC", passphrase).encode())


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
