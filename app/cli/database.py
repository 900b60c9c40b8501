"""``remelt db``: the schema, backup and restore."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from app.config import Settings
from app.db import engine_of, reading, transaction
from app.queries.log import get_head
from app.schema import check_schema, newest_revision, upgrade
from app.security import keyring, now
from app.services.backup import read_manifest, restore_backup, write_backup
from app.services.disclosures import seal_plain, tidy
from app.services.errors import Conflict
from app.services.genesis import found_log, new_log_key
from app.services.published import find_published
from app.services.vault_file import restore_vault, write_vault
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


@cli.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--quiet", is_flag=True, help="Show no progress.")
def backup(file: Path, quiet: bool) -> None:
    """Write one consistent copy of the database into FILE; writers go on meanwhile.

    The log key and the key-encryption key are not in it: keep copies of them apart.
    The keys of private values go to FILE.vault: keep the newest one only, in another
    place, and with it what was erased stays erased in every older backup.
    """
    check_schema(engine_of(current_app))
    seal_plain(reading, transaction, keyring(), now())
    tidy(reading, transaction, keyring(), now())
    vault = file.with_name(f"{file.name}.vault")
    with reading() as session:
        made = write_backup(
            session,
            file,
            revision=newest_revision() or "",
            now=now(),
            progress=_told(quiet),
        )
        keys = write_vault(session, vault)
    click.echo(f"{vault}: {keys} keys of private values")
    click.echo(
        f"{file}: {made.rows} rows, log {made.origin} at {made.log_size} entries, "
        f"root {made.log_root}"
    )


@cli.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint known outside, of a mirror or a witness; may be repeated.",
)
@click.option(
    "--vault",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The newest keys of private values, FILE.vault of the newest backup. Without "
    "it, the one beside FILE counts, if there is one.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def restore(
    file: Path, checkpoints: tuple[Path, ...], vault: Path | None, quiet: bool
) -> None:
    """Fill an empty database from FILE, once all of it agrees with its log.

    Every entry is rehashed, every signature and checkpoint checked, every mass
    audited. A backup that is older than a checkpoint known here is refused: going on
    from it would fork the log.

    Exit status: 1 on any difference; the database stays empty then.
    """
    settings: Settings = current_app.config["SETTINGS"]
    manifest = read_manifest(file)
    published = find_published(settings.data_dir, manifest.log_vkey, checkpoints)
    engine = engine_of(current_app)
    upgrade(engine)
    check_schema(engine)
    with transaction() as session:
        restore_backup(
            session,
            file,
            revision=newest_revision() or "",
            published=published,
            progress=_told(quiet),
        )
        beside = file.with_name(f"{file.name}.vault")
        found = vault or (beside if beside.exists() else None)
        keys = None if found is None else restore_vault(session, found)
    click.echo(
        "No keys of private values: none of these can be read. Name them with --vault."
        if keys is None
        else f"{keys} keys of private values",
        err=True,
    )
    click.echo(
        f"{manifest.rows} rows restored: log {manifest.origin}, "
        f"{manifest.log_size} entries, root {manifest.log_root}"
    )
    click.echo(_key_advice(settings.data_dir, manifest.log_vkey), err=True)


def _told(quiet: bool) -> Callable[[str, int], None]:
    """A line for each table on stderr, rewritten as it grows."""
    last = [""]

    def tell(table: str, rows: int) -> None:
        if not quiet and sys.stderr.isatty():
            end = "\n" if last[0] not in ("", table) else ""
            last[0] = table
            click.echo(f"{end}\r{table}: {rows} rows", nl=False, err=True)

    return tell


def _key_advice(data_dir: Path, log_vkey: str) -> str:
    """What the operator has to do about the log key now."""
    path = data_dir / "keys" / KEY_FILE
    if not path.exists():
        return f"put the log key back as {path} (mode 0600) before 'remelt serve'"
    if read_log_key(data_dir).vkey != log_vkey:
        return f"{path} is the key of another log: put the right one back"
    return "the log key is here: 'remelt serve' goes on signing"


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
