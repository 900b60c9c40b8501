"""``remelt organisations``: register and list them."""

from __future__ import annotations

import json

import click
from flask.cli import AppGroup
from pydantic import ValidationError
from sqlalchemy import select

from app.db import reading
from app.models import OrganisationRow
from app.schemas.entries import faults_of
from app.schemas.facts import parse_data
from app.security import doors, keyring, now
from app.services.access import Actor
from app.services.errors import Refused
from app.services.registration import Registration, register_organisation
from labels.codes import format_code, new_code

cli = AppGroup("organisations", help="Organisations: register and list them.")
OPERATOR = Actor(0, None, None, frozenset({"registrar"}))


@cli.command("add")
@click.option("--name-zh", help="Chinese name; of an individual business, an alias.")
@click.option("--name-en", help="English name.")
@click.option("--role", "roles", multiple=True, default=["recycler"], show_default=True)
@click.option("--uscc", help="Unified social credit code, of companies.")
@click.option("--group", help="Code of the company group.")
@click.option("--code", help="Code that the organisation made itself, with its key.")
@click.option("--vkey", help="First key, as 'remelt keys new' printed it.")
@click.option("--proof", help="Its proof of possession, as printed.")
@click.option("--next", "next_digest", help="Digest of its next key, as printed.")
def add(
    name_zh: str | None,
    name_en: str | None,
    roles: tuple[str, ...],
    uscc: str | None,
    group: str | None,
    code: str | None,
    vkey: str | None,
    proof: str | None,
    next_digest: str | None,
) -> None:
    """Register an organisation with its first key: its own, or one on the platform.

    An organisation that keeps its own key hands over what 'remelt keys new' printed:
    --code, --vkey, --proof and --next. Without --vkey the platform keeps the key.
    """
    if (vkey is None) != (proof is None) or (vkey is not None and code is None):
        raise click.UsageError("--code, --vkey and --proof come together")
    given = {
        "code": new_code() if code is None else code,
        "name_zh": name_zh,
        "name_en": name_en,
        "roles": list(roles),
        "uscc": uscc,
        "control_group": group,
    }
    try:
        data = parse_data(
            "organisation.registered",
            {name: value for name, value in given.items() if value is not None},
        )
    except ValidationError as error:
        raise Refused(faults_of(error, None)) from None
    registration = Registration(
        data=data, private={}, vkey=vkey, proof=proof, next_digest=next_digest
    )
    receipts = register_organisation(doors(), keyring(), OPERATOR, registration, now())
    click.echo(
        f"{format_code(data['code'])} registered, entry {receipts[0].entry_index}"
    )


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_all(as_json: bool) -> None:
    """List organisations in the order of their registration."""
    with reading() as session:
        rows = session.scalars(select(OrganisationRow).order_by(OrganisationRow.id))
        found = [
            {"code": row.code, "name_zh": row.name_zh, "name_en": row.name_en}
            for row in rows
        ]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        name = one["name_zh"] or one["name_en"]
        click.echo(f"{format_code(str(one['code']))}  {name}")
