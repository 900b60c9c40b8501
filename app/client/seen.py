"""The newest state of the log that this client has verified: what entries cite as seen.

It is kept in a small file beside the key, ``<key file>.seen``: the checkpoint's note as
it came. A newer one takes its place only when the log's key has signed it and the log
has proved that it extends the one before. What is cited binds the log: a history in
which that state never was does not fit the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.client.errors import ClientError, LogDisagrees
from app.client.key_file import KeyFile, write_private
from app.client.server import Server
from ledger import (
    Checkpoint,
    LedgerError,
    ProofFailed,
    Verifier,
    open_checkpoint,
    prove_consistency,
    verify_consistency,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A verified checkpoint, and its note."""

    checkpoint: Checkpoint
    note: bytes

    def to_fact(self) -> dict[str, str | int]:
        """As it stands in an entry."""
        return {"root": self.checkpoint.root.hex(), "size": self.checkpoint.size}


def seen_path(key: KeyFile) -> Path:
    """Where the state beside a key file lies."""
    return key.path.with_name(f"{key.path.name}.seen")


def read_seen(key: KeyFile) -> Seen | None:
    """What this client verified last; None before its first time.

    Raises:
        LogDisagrees: The file holds no checkpoint that the log's key has signed.
    """
    path = seen_path(key)
    if not path.exists():
        return None
    try:
        return _verified(key, path.read_bytes())
    except LedgerError as error:
        raise LogDisagrees(
            f"{path} holds no checkpoint of {key.origin}: {error}. Somebody changed it"
        ) from None


def look(key: KeyFile, server: Server) -> Seen | None:
    """The newest state of the log, verified against the one seen before.

    None while the log has signed nothing yet.

    Raises:
        LogDisagrees: The log's key did not sign it, or it does not extend what was
            seen before: two histories. Both checkpoints are kept beside the key.
        ClientError: The server cannot be reached.
    """
    before = read_seen(key)
    note = server.checkpoint()
    try:
        after = _verified(key, note)
    except LedgerError as error:
        raise LogDisagrees(
            f"{server.url} shows a checkpoint that the log {key.origin} did not sign: "
            f"{error}"
        ) from None
    if after.checkpoint.size == 0:
        return before
    if before is not None:
        if after.checkpoint.size < before.checkpoint.size:
            before, after = after, before
        _check_extends(key, server, before, after)
    write_private(seen_path(key), after.note, over=True)
    return after


def _verified(key: KeyFile, note: bytes) -> Seen:
    verifier = Verifier.parse(key.log_vkey)
    return Seen(open_checkpoint(note, [verifier], key.origin), note)


def _check_extends(key: KeyFile, server: Server, old: Seen, new: Seen) -> None:
    was, now = old.checkpoint, new.checkpoint
    try:
        proof = prove_consistency(server, was.size, now.size)
        verify_consistency(
            proof,
            old_size=was.size,
            new_size=now.size,
            old_root=was.root,
            new_root=now.root,
        )
    except ProofFailed as error:
        evidence = key.path.with_name(f"{key.path.name}.fork-{was.size}-{now.size}")
        write_private(evidence, old.note + b"\n" + new.note, over=True)
        raise LogDisagrees(
            f"the log shows two histories: its states of {was.size} and {now.size} "
            f"entries do not fit together ({error}). Nothing was signed. Both are kept "
            f"in {evidence}: show them to the others who use this log"
        ) from None
    except LedgerError as error:
        raise ClientError(f"the log's tiles cannot be read: {error}") from None
