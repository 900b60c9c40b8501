"""The key file of a witness: its name and its private key, for its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ledger import LedgerError, Witness

OWNER_ONLY = 0o600
SEED_BYTES = 32


class KeyFileError(Exception):
    """The file holds no key of a witness, or others can read it."""


def make_key(path: Path, name: str) -> Witness:
    """A new key in a new file.

    Raises:
        FileExistsError: There is a file of that name.
        MalformedNote: The name cannot name a key.
    """
    seed = secrets.token_bytes(SEED_BYTES)
    witness = Witness.from_bytes(name, seed)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(f"{name}\n{seed.hex()}\n")
        stream.flush()
        os.fsync(stream.fileno())
    return witness


def read_key(path: Path) -> Witness:
    """The key of a file.

    Raises:
        KeyFileError: Others can read the file, or it holds no key.
        OSError: It cannot be read.
    """
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        name, seed = path.read_text("utf-8").split()
        return Witness.from_bytes(name, bytes.fromhex(seed))
    except (ValueError, LedgerError):
        raise KeyFileError(f"{path} holds no key of a witness") from None
