"""``remelt statements``: figures of the supply at a vintage, shown or written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from app.config import Settings
from app.db import reading
from app.export.formats import FORMAT_NAMES, FormatName, file_name, write_table
from app.export.json import json_chunks
from app.export.tables import Language, Table
from app.services.access import Actor
from app.services.national_tables import NATIONAL_TABLES
from app.services.rounding import percent_half_up
from app.services.statement_tables import (
    STATEMENT_TABLES,
    coverage_percent,
    share_table,
)
from app.services.statements import (
    PERIOD_KINDS,
    Statement,
    make_statement,
    parse_question,
)
from app.services.supply_shares import platform_share

cli = AppGroup("statements", help="Figures of the supply at a vintage.")
OPERATOR = Actor(0, None, None, frozenset({"registrar"}))
_OPTIONS = (
    click.option(
        "--by", type=click.Choice(PERIOD_KINDS), default="quarter", show_default=True
    ),
    click.option("--metal", help="Symbol, such as Al."),
    click.option("--province", help="Code of GB/T 2260, or 'each'."),
    click.option("--from", "from_", help="First period: 2026, 2026Q1 or 2026-03."),
    click.option("--to", help="Last period, included."),
    click.option("--vintage", help="A log size that has a checkpoint; the newest."),
)


def _asking(command: Any) -> Any:  # noqa: ANN401 - as decorators of click are
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _make(given: dict[str, str | None]) -> Statement:
    given["from"] = given.pop("from_")
    asked = {name: value for name, value in given.items() if value is not None}
    with reading() as session:
        return make_statement(session, OPERATOR, parse_question(asked))


@cli.command("make")
@_asking
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def make(as_json: bool, **given: str | None) -> None:
    """Show shares of recycled metal by period, metal and province."""
    statement = _make(given)
    if as_json:
        click.echo(b"".join(json_chunks(share_table(statement))), nl=False)
        return
    at = statement.checkpoint
    click.echo(f"vintage {at.size}, root {at.root}, {len(statement.lines)} lines")
    for line in statement.lines:
        bounds = platform_share(line.totals)
        share = "no share"
        if bounds is not None:
            lower = percent_half_up(bounds.lower, 2)
            upper = percent_half_up(bounds.upper, 2)
            share = f"{lower} %" if lower == upper else f"{lower} to {upper} %"
        covered = coverage_percent(line)
        coverage = "" if covered is None else f", coverage {covered} %"
        provisional = " (provisional)" if line.provisional else ""
        click.echo(
            f"{line.period:8}{line.metal:6}{line.province or 'all':8}{share} of "
            f"{line.totals.total_g} g{coverage}{provisional}"
        )


@cli.command("export")
@click.argument("table", type=click.Choice([*STATEMENT_TABLES, *NATIONAL_TABLES]))
@_asking
@click.option("--format", "format_", type=click.Choice(FORMAT_NAMES), default="csv")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    help="A folder, or the file to write.",
)
def export(
    table: str,
    format_: FormatName,
    language: Language,
    out: Path,
    **given: str | None,
) -> None:
    """Write a whole TABLE with its method, vintage and checkpoint to a file."""
    made = _build(table, given)
    path = out / file_name(made, format_) if out.is_dir() else out
    settings: Settings = current_app.config["SETTINGS"]
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write_table(
                made,
                file,
                format_,
                language=language,
                publisher="Remelt",
                address=f"{settings.base_url}/statistics",
            )
        part.replace(path)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    click.echo(str(path))
    click.echo(f"{made.row_count} rows", file=sys.stderr)


def _build(table: str, given: dict[str, str | None]) -> Table:
    if table in NATIONAL_TABLES:
        return NATIONAL_TABLES[table]()
    return STATEMENT_TABLES[table](_make(given))
