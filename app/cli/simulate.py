"""``remelt simulate``: the files that a year of invented recyclers would hand in."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from app.services.errors import Conflict
from app.simulation.output import Plan, write_folder

FIRST_MONTH = "2025-11"
MOST_MONTHS = 36


@click.command("simulate")
@click.option(
    "--lots",
    default=3000,
    show_default=True,
    type=click.IntRange(100, 100_000_000),
    help="How many lots there are, about.",
)
@click.option("--seed", default=1, show_default=True, type=int)
@click.option(
    "--first-month",
    default=FIRST_MONTH,
    show_default=True,
    type=click.DateTime(["%Y-%m"]),
    help="2026-01 gives a calendar year.",
)
@click.option(
    "--months", default=12, show_default=True, type=click.IntRange(1, MOST_MONTHS)
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A new or empty folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def simulate(
    lots: int,
    seed: int,
    first_month: datetime,
    months: int,
    out: Path,
    as_json: bool,
) -> None:
    """Write a year of invented recyclers as files; the same seed, the same rows."""
    plan = Plan.of_months(lots, seed, first_month.date(), months)
    try:
        totals = write_folder(plan, out)
    except FileExistsError as error:
        raise Conflict("{reason}", reason=str(error)) from None
    if as_json:
        found = {"lots": totals.lots, "facts": totals.facts, "files": totals.files}
        click.echo(json.dumps(found))
        return
    click.echo(
        f"{totals.lots} lots, {totals.facts} facts in {totals.files} files in {out}: "
        f"import them in the order of {out / 'index.csv'}"
    )
