"""``remelt claims``: issue, withdraw and show claims of recycled content."""

from __future__ import annotations

from datetime import date, datetime

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.db import reading
from app.models import ClaimRow, OrganisationRow
from app.queries.claims import ClaimView, get_claim
from app.queries.errors import NotFound
from app.queries.users import get_organisation_id
from app.schemas.claims import ClaimOut
from app.security import doors, keyring, now
from app.services.access import Actor
from app.services.claim_composing import ClaimWish, issue_claim, withdraw_claim
from app.services.fact_ids import new_fact_id
from labels.codes import BadCode, format_code, new_code, parse_code

cli = AppGroup("claims", help="Claims of recycled content: issue, withdraw, show.")


class CodeType(click.ParamType[str]):
    """A code, however it is written."""

    name = "code"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The code in its stored form."""
        try:
            return parse_code(value)
        except BadCode as error:
            self.fail(str(error), param, ctx)


CODE = CodeType()


@cli.command("issue")
@click.argument("lot", type=CODE)
@click.option(
    "--organisation", required=True, type=CODE, help="Who holds the lot and claims."
)
@click.option(
    "--net-g",
    type=click.IntRange(1),
    help="Net grams to claim; without it, the largest piece that is free.",
)
@click.option("--valid-until", type=click.DateTime(["%Y-%m-%d"]), help="Last day.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def issue(
    lot: str,
    organisation: str,
    net_g: int | None,
    valid_until: datetime | None,
    as_json: bool,
) -> None:
    """Claim the recycled share of LOT: its figures follow from its composition."""
    last_day: date | None = None if valid_until is None else valid_until.date()
    wish = ClaimWish(
        fact_id=new_fact_id(now()),
        lot=lot,
        claim=new_code(),
        net_g=net_g,
        valid_until=last_day,
    )
    issued = issue_claim(doors(), keyring(), _manager_of(organisation), wish, now())
    _print(_get(issued.code), as_json)


@cli.command("withdraw")
@click.argument("claim", type=CODE)
@click.option("--reason", required=True, help="Shown to whoever scans its labels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def withdraw(claim: str, reason: str, as_json: bool) -> None:
    """Take CLAIM back, in the name of the organisation that made it."""
    with reading() as session:
        organisation = session.scalar(
            select(OrganisationRow.code)
            .join(ClaimRow, ClaimRow.organisation_id == OrganisationRow.id)
            .where(ClaimRow.code == claim)
        )
    if organisation is None:
        raise NotFound("no claim {code}", code=format_code(claim))
    withdraw_claim(
        doors(),
        keyring(),
        _manager_of(organisation),
        claim=claim,
        reason=reason,
        fact_id=new_fact_id(now()),
        now=now(),
    )
    _print(_get(claim), as_json)


@cli.command("show")
@click.argument("claim", type=CODE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(claim: str, as_json: bool) -> None:
    """Show CLAIM: its figures, its state, its entry."""
    _print(_get(claim), as_json)


def _manager_of(organisation: str) -> Actor:
    """Whoever runs this command speaks for the organisation whose key is kept here."""
    with reading() as session:
        key = get_organisation_id(session, organisation)
    return Actor(0, key, organisation, frozenset({"manager"}))


def _get(code: str) -> ClaimView:
    with reading() as session:
        return get_claim(session, code, organisation_id=None, everything=True)


def _print(view: ClaimView, as_json: bool) -> None:
    if as_json:
        click.echo(ClaimOut.of(view).model_dump_json())
        return
    click.echo(f"{format_code(view.code)}  {view.state}, entry {view.entry_index}")
    click.echo(
        f"lot {format_code(view.lot)}, {view.net_g} g net, {view.claimed_g} g of metal"
    )
    click.echo(
        f"recycled {view.share_ppm / 10_000:.4f} %, at most "
        f"{view.upper_ppm / 10_000:.4f} %; {view.model}"
    )
    if view.withdrawn_because:
        click.echo(f"withdrawn: {view.withdrawn_because}")
