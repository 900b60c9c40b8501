"""Rotation: the next key, committed to long ago, takes the place of the current one.

Three files: ``FILE`` holds the current key, ``FILE.next`` the one that its registration
committed to, and after a rotation ``FILE.ended-N`` the one that was replaced. Every
step can be interrupted and taken again: what the log says decides where one stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.client.errors import BadKeyFile, ClientError
from app.client.key_file import (
    KeyFile,
    new_seed,
    read_key_file,
    write_key_file,
    write_private,
)
from app.client.seen import look
from app.client.server import Server
from app.client.signing import sign_fact
from app.services.fact_ids import new_fact_id
from app.services.facts import Fact
from ledger import Verifier


@dataclass(frozen=True, slots=True)
class Pair:
    """A current key and the next one that it commits to."""

    current: KeyFile
    following: KeyFile


def next_path(path: Path) -> Path:
    """Where the next key of a key file lies."""
    return path.with_name(f"{path.name}.next")


def make_pair(
    path: Path, passphrase: str, *, org: str, number: int, log_vkey: str
) -> Pair:
    """A new key, and the next one beside it.

    Raises:
        BadKeyFile: One of the files exists.
    """
    if next_path(path).exists():
        raise BadKeyFile(f"{next_path(path)} exists: it is not written over")
    current = write_key_file(
        path, new_seed(), passphrase, org=org, number=number, log_vkey=log_vkey
    )
    following = write_key_file(
        next_path(path),
        new_seed(),
        passphrase,
        org=org,
        number=None,
        log_vkey=log_vkey,
    )
    return Pair(current, following)


def rotate(path: Path, passphrase: str, server: Server) -> int:
    """Rotate a key file; give the index of the entry.

    Raises:
        ClientError: The next key is missing, or is not the one that was committed to.
        BadKeyFile: A file does not open.
        ServerRefused: The log does not take the rotation.
    """
    current, waiting = read_key_file(path), next_path(path)
    if not waiting.exists():
        raise ClientError(
            f"{waiting} is missing: only the key that {current.name} committed to can "
            "take its place. Revoke the key, and register another one"
        )
    following = read_key_file(waiting)
    later_path = path.with_name(f"{path.name}.later")
    keys = server.get("/keys")
    entry = _registered(keys, following)
    if entry is None:
        old = _registered(keys, current)
        if old is None or old["next"] != following.digest:
            raise ClientError(
                f"the registration of {current.name} did not commit to the key in "
                f"{waiting}"
            )
        later = _later(later_path, passphrase, current)
        entry = _send(server, current, following, later, passphrase, keys)
    number = Verifier.parse(entry["vkey"]).name.rpartition("/")[2]
    if following.public_key != current.public_key:
        kept = path.with_name(f"{path.name}.ended-{current.number}")
        if not kept.exists():
            write_private(kept, path.read_bytes())
        _replace(path, following, passphrase, int(number))
    if later_path.exists():
        later_path.replace(waiting)
    index: int = entry["from_index"]
    return index


def _registered(keys: Mapping[str, Any], key: KeyFile) -> Any:  # noqa: ANN401 - JSON
    """What the log says of a key; None: it knows none such."""
    for one in keys["keys"]:
        if Verifier.parse(one["vkey"]).public_key == key.public_key:
            return one
    return None


def _later(path: Path, passphrase: str, current: KeyFile) -> KeyFile:
    """The key after the next one; that of an interrupted attempt is taken again."""
    if path.exists():
        return read_key_file(path)
    return write_key_file(
        path,
        new_seed(),
        passphrase,
        org=current.org,
        number=None,
        log_vkey=current.log_vkey,
    )


def _send(
    server: Server,
    current: KeyFile,
    following: KeyFile,
    later: KeyFile,
    passphrase: str,
    keys: Mapping[str, Any],
) -> Any:  # noqa: ANN401 - JSON
    seen = look(current, server)
    signer = following.open(passphrase, keys["next_number"])
    old = Verifier(current.name, current.public_key)
    now = datetime.now(UTC).replace(microsecond=0)
    fact = Fact(
        id=new_fact_id(now),
        type="key.rotated",
        org=current.org,
        at=now,
        data={"old": old.key_id.hex(), "vkey": signer.vkey, "next": later.digest},
    )
    signed = sign_fact(signer, fact, [], None if seen is None else seen.to_fact())
    server.post("/entries", {"facts": [signed.to_request()]})
    entry = _registered(server.get("/keys"), following)
    if entry is None:
        raise ClientError("the log took the rotation and does not show the new key")
    return entry


def _replace(path: Path, following: KeyFile, passphrase: str, number: int) -> None:
    """Put the next key in the place of the current one, under its number."""
    seed = following.open(passphrase, number).seed
    numbered = path.with_name(f"{path.name}.numbered")
    numbered.unlink(missing_ok=True)
    write_key_file(
        numbered,
        seed,
        passphrase,
        org=following.org,
        number=number,
        log_vkey=following.log_vkey,
    )
    numbered.replace(path)
