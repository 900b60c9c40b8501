"""``remelt db``: the schema, backup and restore."""

from __future__ import annotations

import os
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from app.config import Settings
from app.db import engine_of, transaction
from app.queries.log import get_head
from app.schema import check_schema, upgrade
from app.security import keyring, now
from app.services.errors import Conflict
from app.services.genesis import found_log, new_log_key
from ledger import Signer

cli = AppGroup("db", help="The database: upgrade it, back it up, restore it.")
KEY_FILE = "log.key"
OWNER_ONLY = 0o600


@cli.command("upgrade")
def upgrade_schema() -> None:
    """Bring the schema up to date; found the log where there is none."""
    engine = engine_of(current_app)
    before, after = upgrade(engine)
    check_schema(engine)
    click.echo(f"schema {before or 'none'} -> {after}")
    settings: Settings = current_app.config["SETTINGS"]
    with transaction() as session:
        if get_head(session).size:
            return
        key = make_log_key(settings.data_dir, settings.log_origin)
        root = found_log(session, keyring(), key, now())
    click.echo(f"log {root.origin} founded, genesis {root.leaf_hash}")


def make_log_key(data_dir: Path, origin: str | None) -> Signer:
    """A new log key, written to a file that only its owner reads.

    Raises:
        Conflict: A key file is there already: another log was founded here.
    """
    path = data_dir / "keys" / KEY_FILE
    if path.exists():
        raise Conflict(
            "{path} exists, but the database holds no log: is it the wrong database?",
            path=path,
        )
    key = new_log_key(origin)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "w") as stream:
        stream.write(f"{key.name}\n{key.seed.hex()}\n")
        stream.flush()
        os.fsync(stream.fileno())
    return key


def read_log_key(data_dir: Path) -> Signer:
    """The log key, for the signer alone.

    Raises:
        Conflict: There is none, or others than its owner can read it.
    """
    path = data_dir / "keys" / KEY_FILE
    if not path.exists():
        raise Conflict("{path} is missing: run 'remelt db upgrade'", path=path)
    if path.stat().st_mode & 0o077:
        raise Conflict("{path} can be read by others: chmod 600 it", path=path)
    name, seed = path.read_text().split()
    return Signer.from_bytes(name, bytes.fromhex(seed))
