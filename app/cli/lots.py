"""``remelt lots``: import and export files, show a lot, trace it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from flask.cli import AppGroup

from app.cli.claims import CODE
from app.db import reading
from app.intake.blanks import template_csv, template_xlsx
from app.intake.faults import IntakeError
from app.intake.faulty_rows import faulty_csv, faulty_xlsx, reasons_of
from app.intake.files import write_csv, write_xlsx
from app.intake.heads import read_heads
from app.intake.reading import open_table
from app.intake.templates import get_template, templates
from app.queries.lots import LotView, get_lot, lots_by_id
from app.queries.trace import Direction, trace_flows
from app.queries.users import get_organisation_id
from app.schemas.entries import check_fact
from app.security import doors, keyring, now
from app.services.access import Actor
from app.services.disclosures import Looker
from app.services.exporting import RowExport
from app.services.importing import Importer, ImportResult, import_file
from labels.codes import format_code

cli = AppGroup("lots", help="Lots: import and export files, show, trace.")
TEMPLATE = click.Choice(list(templates()))


@cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--template", required=True, type=TEMPLATE, help="What the rows are.")
@click.option(
    "--organisation", required=True, type=CODE, help="Whose facts the rows state."
)
@click.option("--dry-run", is_flag=True, help="Find everything, record nothing.")
@click.option(
    "--mode",
    type=click.Choice(["all", "valid"]),
    default="all",
    show_default=True,
    help="All or nothing, or only the rows without faults.",
)
@click.option(
    "--faulty-rows",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write rows with faults here (.csv or .xlsx), each with what is wrong.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def import_rows(
    file: Path,
    template: str,
    organisation: str,
    dry_run: bool,
    mode: str,
    faulty_rows: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Import the rows of FILE: CSV, XLSX, XLS or ODS.

    Importing the same file again adds nothing. Exit status: 1 if a row has a fault.
    """
    with reading() as session:
        key = get_organisation_id(session, organisation)
    actor = Actor(0, key, organisation, frozenset({"manager"}))
    importer = Importer(doors(), keyring(), actor, check_fact, now())

    def told(rows: int) -> None:
        if not quiet and not as_json:
            click.echo(f"\r{rows} rows", nl=False, err=True)

    try:
        with file.open("rb") as stream:
            result = import_file(
                importer,
                template,
                stream,
                mode="valid" if mode == "valid" else "all",
                dry_run=dry_run,
                progress=told,
            )
    except IntakeError as error:
        for fault in error.faults:
            click.echo(fault.text(), err=True)
        sys.exit(1)
    if not quiet and not as_json:
        click.echo("", err=True)
    if faulty_rows is not None and result.rejected:
        _write_faulty(file, template, result, faulty_rows)
    _print_result(result, as_json)
    if result.rejected:
        sys.exit(1)


def _print_result(result: ImportResult, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "rows": result.rows,
                    "facts_posted": result.facts_posted,
                    "facts_known": result.facts_known,
                    "left_to_others": result.left_to_others,
                    "recorded": result.recorded,
                    "stopped": result.stopped,
                    "faults": [
                        one.to_json() | {"text": one.text()} for one in result.faults
                    ],
                },
                ensure_ascii=False,
            )
        )
        return
    for fault in result.faults:
        click.echo(fault.text())
    outcome = "recorded" if result.recorded else "nothing is recorded"
    click.echo(
        f"{result.rows} rows: {result.facts_posted} new facts, {result.facts_known} "
        f"in the ledger already, {result.left_to_others} for the other side to state, "
        f"{len(result.faults)} faults; {outcome}"
    )
    if result.stopped:
        click.echo("stopped: too many rows have faults; does the template fit the file")


def _write_faulty(
    file: Path, template: str, result: ImportResult, target: Path
) -> None:
    reasons = reasons_of(result.rejected)
    with file.open("rb") as stream:
        table = open_table(stream)
        binding = read_heads(table, get_template(template))
        if target.suffix.lower() == ".xlsx":
            target.write_bytes(faulty_xlsx(table, binding, reasons))
            return
        with target.open("wb") as out:
            for chunk in faulty_csv(table, binding, reasons):
                out.write(chunk)


@cli.command("template")
@click.argument("template", type=TEMPLATE)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True
)
def template_file(template: str, file: Path, language: str) -> None:
    """Write an empty FILE (.csv or .xlsx) with the heads of TEMPLATE."""
    chosen = get_template(template).id
    if file.suffix.lower() == ".xlsx":
        content = template_xlsx(chosen, "en" if language == "en" else "zh")
    else:
        content = template_csv(chosen, "en" if language == "en" else "zh")
    file.write_bytes(content)
    click.echo(f"{file}")


@cli.command("export")
@click.argument("template", type=TEMPLATE)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--organisation", required=True, type=CODE, help="Whose facts are written."
)
@click.option(
    "--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True
)
def export(template: str, file: Path, organisation: str, language: str) -> None:
    """Write what an organisation has stated to FILE (.csv or .xlsx).

    The file can be handed in again: what is in the ledger already adds nothing.
    """
    with reading() as session:
        found = RowExport(
            session,
            organisation,
            template,
            "en" if language == "en" else "zh",
            Looker(keyring(), None, organisation, now()),
        )
        if file.suffix.lower() == ".xlsx":
            title = get_template(template).title(found.language)
            file.write_bytes(write_xlsx(title, found.heads, found.rows()))
        else:
            with file.open("wb") as out:
                for chunk in write_csv(found.heads, found.rows()):
                    out.write(chunk)
    click.echo(f"{found.facts} facts in {file}")
    for path, count in sorted(found.left_out.items()):
        click.echo(f"left out, the template has no column for it: {path} ({count})")


@cli.command("show")
@click.argument("lot", type=CODE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(lot: str, as_json: bool) -> None:
    """Show LOT: what it is, what is left, what it is made of."""
    with reading() as session:
        view = get_lot(session, lot, organisation_id=None, everything=True)
    if as_json:
        click.echo(json.dumps(_lot_json(view), ensure_ascii=False))
        return
    click.echo(f"{format_code(view.lot.code)}  {view.lot.material}, {view.state}")
    click.echo(
        f"net {view.lot.net_g} g, metal {view.lot.metal_g} g, left {view.left_g} g"
    )
    if view.own_numbers:
        click.echo(f"also called {', '.join(view.own_numbers)}")
    if view.shares is not None:
        click.echo(
            f"recycled {view.shares.share_ppm} ppm, at most {view.shares.upper_ppm} ppm"
        )


def _lot_json(view: LotView) -> dict[str, object]:
    return {
        "code": view.lot.code,
        "material": view.lot.material,
        "state": view.state,
        "net_g": view.lot.net_g,
        "metal_g": view.lot.metal_g,
        "left_g": view.left_g,
        "cells": list(view.lot.cells),
        "share_ppm": None if view.shares is None else view.shares.share_ppm,
        "upper_ppm": None if view.shares is None else view.shares.upper_ppm,
        "own_numbers": list(view.own_numbers),
        "holder": view.holder,
        "maker": view.maker,
    }


@cli.command("trace")
@click.argument("lot", type=CODE)
@click.option(
    "--direction",
    type=click.Choice(["upstream", "downstream"]),
    default="upstream",
    show_default=True,
)
@click.option(
    "--max-runs", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def trace(lot: str, direction: Direction, max_runs: int, as_json: bool) -> None:
    """Trace LOT: every flow of every run, in grams; below 0 taken, above 0 made."""
    with reading() as session:
        view = get_lot(session, lot, organisation_id=None, everything=True)
        found = trace_flows(session, view.id, direction, max_runs)
        ids = sorted({flow.lot_id for flow in found.flows})
        lots = lots_by_id(session, ids)
    rows = [
        {
            "run_entry": flow.run_id // 1024,
            "lot": lots[flow.lot_id].lot.code,
            "material": lots[flow.lot_id].lot.material,
            "net_g": flow.net_g,
            "metal_g": flow.metal_g,
        }
        for flow in sorted(found.flows)
    ]
    if as_json:
        click.echo(json.dumps({"truncated": found.truncated, "flows": rows}))
        return
    for row in rows:
        click.echo(
            f"run {row['run_entry']}  {format_code(str(row['lot']))}  "
            f"{row['material']}  {row['net_g']} g net  {row['metal_g']} g metal"
        )
    if found.truncated:
        click.echo(f"more than {max_runs} runs: the nearest are shown", err=True)
