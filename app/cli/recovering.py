"""``remelt ledger recover``: take back what a restored backup lacks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.database import read_log_key
from app.config import Settings
from app.db import engine_of, reading, transaction
from app.queries.log import get_head
from app.schema import upgrade
from app.schemas.facts import schema_fault
from app.security import now
from app.services.archive import policy_text
from app.services.policy_files import PinnedPolicy, read_pinned
from app.services.published import keep_published
from app.services.recovering import recover as take_back
from ledger import LedgerError, Policy, PolicyLog, format_policy


@click.command("recover")
@click.option(
    "--from",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A copy of the log: of 'remelt ledger export' or 'remelt mirror'.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The log's policy. Without it, that of this database, or the key kept here.",
)
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@with_appcontext
def recover(folder: Path, policy_file: Path | None, quiet: bool) -> None:
    """Take entries that this database has lost back from a copy, and go on.

    The copy is checked first, every byte of it, up to the checkpoint that the policy's
    witnesses have cosigned. Users, tokens and private values are in no copy: they
    come from the backup. Stop 'remelt serve' before.

    Exit status: 0 when the database holds all entries of the copy, 1 when it cannot.
    """
    settings: Settings = current_app.config["SETTINGS"]
    upgrade(engine_of(current_app))
    trusted = _trusted(settings, policy_file)
    with click.progressbar(
        length=0, label="Entries", file=sys.stderr, hidden=quiet
    ) as bar:

        def tell(done: int) -> None:
            bar.length = max(bar.length or 0, done)
            bar.update(done - bar.pos)

        found = take_back(
            transaction,
            folder,
            trusted,
            now(),
            check_data=schema_fault,
            processes=os.cpu_count() or 1,
            progress=tell,
        )
    keep_published(settings.data_dir, (folder / "checkpoint").read_bytes())
    worth = "the quorum of its witnesses" if found.quorum else "the log's own key"
    click.echo(
        f"{found.size - found.before} entries taken back, {found.size} in all, "
        f"under a checkpoint signed by {worth}"
    )
    click.echo("'remelt ledger verify' checks everything once more", err=True)


def _trusted(settings: Settings, policy_file: Path | None) -> PinnedPolicy:
    if policy_file is not None:
        try:
            return read_pinned(policy_file.read_bytes())
        except LedgerError as error:
            raise click.BadParameter(str(error), param_hint="--policy") from None
    with reading() as session:
        if get_head(session).size:
            text = policy_text(session, settings.policy)
            return read_pinned(text.encode())
    policy = settings.policy or Policy(
        (PolicyLog(read_log_key(settings.data_dir).vkey),)
    )
    return PinnedPolicy(policy, None, format_policy(policy))
