"""``remelt demo``: invented recyclers, their year, and people to sign in as."""

from __future__ import annotations

import sys

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli.tampering import tamper
from app.config import Settings
from app.schemas.entries import check_fact
from app.security import doors, keyring, now
from app.services.demonstration import (
    LOG_INS,
    LOTS,
    UNCLAIMED,
    VALID,
    WITHDRAWN,
    Demonstration,
    Loader,
    LogInUse,
    load_demonstration,
)
from labels.codes import format_code

cli = AppGroup("demo", help="A demonstration with invented companies.")
cli.add_command(tamper)
SHOWN = {
    VALID: "a claim that holds (有效)",
    WITHDRAWN: "a claim that was withdrawn (已撤销)",
    UNCLAIMED: "a lot without a claim",
}


@cli.command("load")
@click.option(
    "--lots", default=LOTS, show_default=True, type=click.IntRange(1000, 15_000)
)
@click.option(
    "--if-empty",
    is_flag=True,
    help="Leave a log that holds other facts as it is, and say so.",
)
@click.option("--quiet", is_flag=True, help="Show no progress.")
def load(lots: int, if_empty: bool, quiet: bool) -> None:
    """Load a year of invented recyclers into an empty log; print how to sign in.

    Where the demonstration is loaded already, nothing is added.
    """
    settings: Settings = current_app.config["SETTINGS"]

    def show(files: int) -> None:
        click.echo(f"\rdemonstration: {files} files imported", err=True, nl=False)

    on_terminal = sys.stderr.isatty() and not quiet
    loader = Loader(
        doors(),
        keyring(),
        check_fact,
        settings.data_dir,
        *((show,) if on_terminal else ()),
    )
    if not quiet:
        click.echo("demonstration: a year of invented recyclers", err=True)
    try:
        found, loaded = load_demonstration(
            loader, now(), lots=lots, production=settings.production
        )
    except LogInUse as error:
        if not if_empty:
            raise
        click.echo(f"No demonstration: {error}")
        return
    if on_terminal and loaded:
        click.echo(err=True)
    if not loaded:
        click.echo("The demonstration is loaded already: nothing was added.")
    _print(found, settings.base_url)


def _print(found: Demonstration, base_url: str) -> None:
    click.echo(f"\nRemelt, demonstration: {base_url}/")
    click.echo("\nLabels to scan:")
    for link in found.links:
        address = f"{base_url}/v/{format_code(link.code)}"
        click.echo(f"  {address}  {SHOWN[link.shows]}")
    click.echo(f"\nLog-ins, all with the password {found.password}")
    for one in LOG_INS:
        click.echo(f"  {one.email:<30}{', '.join(one.roles):<20}{one.name}")
    click.echo()
