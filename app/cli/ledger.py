"""``remelt ledger``: sign, verify and export the log."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli.database import read_log_key
from app.db import engine_of, reading, transaction
from app.queries.log import find_checkpoint, get_head
from app.security import now
from app.services.archive import export_log, policy_text
from app.services.auditing import audit_committed
from app.services.checkpoints import sign_head
from app.services.genesis import get_trust_root
from app.services.verification import verify_log

cli = AppGroup("ledger", help="The log: sign it, verify it, export it.")


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


@cli.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print differences as JSON.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
def verify(as_json: bool, quiet: bool) -> None:
    """Rehash the log, check every signature, rebuild the root, audit the material.

    The audit checks the stored composition of every lot against what it was made of.

    Exit status: 0 if everything agrees, 1 on any difference.
    """
    with reading() as session:
        size = get_head(session).size
        with click.progressbar(
            length=size, label="Verifying", file=sys.stderr, hidden=quiet or as_json
        ) as bar:
            differences = verify_log(session, lambda done: bar.update(done - bar.pos))
    differences += audit_committed(engine_of(current_app).url, size)
    if as_json:
        found = [asdict(one) for one in differences]
        click.echo(json.dumps({"size": size, "differences": found}))
    else:
        for one in differences:
            place = "" if one.entry_index is None else f"entry {one.entry_index}, "
            click.echo(f"{place}{one.table}.{one.field}: {one.message}")
        if not differences:
            click.echo(f"{size} entries agree")
    if differences:
        sys.exit(1)


@cli.command("export")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export(folder: Path) -> None:
    """Write entries, tiles and checkpoint as files for a static host or an archive."""
    with reading() as session:
        size = export_log(session, folder)
    click.echo(f"{size} entries in {folder}")


@cli.command("policy")
def policy() -> None:
    """Print the tlog-policy: with the genesis hash, all that a verifier needs."""
    with reading() as session:
        click.echo(policy_text(session), nl=False)
        click.echo(f"genesis {get_trust_root(session).leaf_hash}", err=True)
