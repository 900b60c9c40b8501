"""``remelt labels``: sheets of labels for a lot or a claim."""

from __future__ import annotations

import io
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select

from app.cli.claims import CODE
from app.config import Settings
from app.db import reading
from app.models import ClaimRow, LotBalanceRow, LotRow, OrganisationRow
from app.queries.errors import NotFound
from app.queries.labels import get_print_run
from app.security import doors, keyring, now
from app.services.access import Actor
from app.services.fact_ids import new_fact_id
from app.services.label_issuing import (
    USUAL_FORMAT,
    LabelWish,
    issue_labels,
    printable,
    printing_format,
    setting,
)
from labels.codes import format_code
from labels.layout import FORMATS, Format, LabelContent
from labels.pdf import write_pdf
from labels.png import render_png
from labels.svg import render_svg

cli = AppGroup("labels", help="Labels: issue and print them, print them again.")


@cli.command("sheet")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--lot", type=CODE, help="Label this lot, without a claim.")
@click.option("--claim", type=CODE, help="Label this claim.")
@click.option("--entry", type=click.IntRange(0), help="Print these labels again.")
@click.option("--count", type=click.IntRange(1, 500), default=1, show_default=True)
@click.option(
    "--format",
    "format_id",
    type=click.Choice(list(FORMATS)),
    help=f"Size; without it {USUAL_FORMAT}, or the one of --entry.",
)
@click.option(
    "--first",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="First free place on a sheet that was partly used.",
)
@click.option("--dpi", type=click.IntRange(150, 1200), default=300, show_default=True)
def sheet(
    file: Path,
    lot: str | None,
    claim: str | None,
    entry: int | None,
    count: int,
    format_id: str | None,
    first: int,
    dpi: int,
) -> None:
    """Issue labels and write them to FILE: .pdf, or .svg and .png for a single one.

    Exactly one of --lot, --claim and --entry says what for.
    """
    if sum(one is not None for one in (lot, claim, entry)) != 1:
        raise click.UsageError("expected one of --lot, --claim and --entry")
    kind = file.suffix.lower()
    if kind not in (".pdf", ".svg", ".png"):
        raise click.UsageError(f"found {file.name}, expected .pdf, .svg or .png")
    form = FORMATS[format_id or USUAL_FORMAT]
    if entry is None and first > form.per_page:
        raise click.UsageError(f"found place {first}, expected 1 to {form.per_page}")
    if kind != ".pdf" and entry is None and count != 1:
        raise click.UsageError(f"a {kind} file holds one label: leave out --count")
    settings: Settings = current_app.config["SETTINGS"]
    if entry is None:
        wish = LabelWish(new_fact_id(now()), lot, claim, count, form.id)
        actor = _holder(lot, claim)
        receipt = issue_labels(
            doors(), keyring(), actor, wish, settings.base_url, now()
        )
        entry = receipt.entry_index
    with reading() as session:
        run = get_print_run(session, entry, organisation_id=None, everything=True)
        labels = [one for _, one in printable(session, run, settings.base_url)]
    form = printing_format(run, format_id)
    if first > form.per_page:
        raise click.UsageError(f"found place {first}, expected 1 to {form.per_page}")
    if not labels:
        raise click.ClickException(f"no label of entry {entry} can be printed")
    if kind != ".pdf" and len(labels) > 1:
        raise click.ClickException(
            f"entry {entry} has {len(labels)} labels, a {kind} file holds one"
        )
    with setting():
        file.write_bytes(_drawn(labels, form, kind, first=first, dpi=dpi))
    click.echo(f"{len(labels)} labels of entry {entry} in {file}")


def _drawn(
    labels: list[LabelContent], form: Format, kind: str, *, first: int, dpi: int
) -> bytes:
    if kind == ".svg":
        return render_svg(labels[0], form).encode()
    if kind == ".png":
        return render_png(labels[0], form, dpi=dpi)
    stream = io.BytesIO()
    write_pdf(labels, form, stream, first=first)
    return stream.getvalue()


def _holder(lot: str | None, claim: str | None) -> Actor:
    """Whoever runs this command speaks for the holder, whose key is kept here."""
    wanted = select(OrganisationRow.id, OrganisationRow.code)
    if claim is not None:
        wanted = wanted.join(
            ClaimRow, ClaimRow.organisation_id == OrganisationRow.id
        ).where(ClaimRow.code == claim)
    else:
        wanted = (
            wanted.join(
                LotBalanceRow, LotBalanceRow.organisation_id == OrganisationRow.id
            )
            .join(LotRow, LotRow.id == LotBalanceRow.lot_id)
            .where(LotRow.code == lot)
        )
    with reading() as session:
        found = session.execute(wanted).first()
    if found is None:
        raise NotFound("no such code: {text}", text=format_code(claim or lot or ""))
    return Actor(0, found.id, found.code, frozenset({"manager"}))
