"""``remelt ledger``: sign, verify and export the log."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli.database import read_log_key
from app.cli.recovering import recover
from app.cli.verifying import rebuild, verify
from app.cli.witnesses import witnesses
from app.db import reading, transaction
from app.publishing import log_policy
from app.queries.log import find_checkpoint
from app.security import now
from app.services.archive import export_log, policy_text
from app.services.checkpoints import sign_head
from app.services.genesis import get_trust_root

cli = AppGroup("ledger", help="The log: sign it, verify it, export it.")
cli.add_command(verify)
cli.add_command(rebuild)
cli.add_command(recover)
cli.add_command(witnesses)


@cli.command("checkpoint")
def checkpoint() -> None:
    """Sign the head when it has grown; print the newest checkpoint."""
    key = read_log_key(current_app.config["SETTINGS"].data_dir)
    with transaction() as session:
        sign_head(session, key, get_trust_root(session).origin, now())
    with reading() as session:
        row = find_checkpoint(session)
    if row is None:
        raise click.ClickException("the log has no entry yet")
    click.echo(row.note.decode(), nl=False)


@cli.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export(folder: Path) -> None:
    """Write entries, tiles and checkpoint as files for a static host or an archive."""
    with reading() as session:
        size = export_log(session, folder, log_policy())
    click.echo(f"{size} entries in {folder}")


@cli.command("policy")
def policy() -> None:
    """Print the tlog-policy: with the genesis hash, all that a verifier needs."""
    with reading() as session:
        click.echo(policy_text(session, log_policy()), nl=False)
        click.echo(f"genesis {get_trust_root(session).leaf_hash}", err=True)
