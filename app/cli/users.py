"""``remelt users``: people who sign in, and their tokens."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import click
from flask.cli import AppGroup

from app.db import reading, transaction
from app.queries.users import get_organisation_id, get_user, list_users
from app.security import now
from app.services.access import ROLES, SCOPES
from app.services.tokens import make_token
from app.services.users import add_user, deactivate_user, set_password, set_roles
from labels.codes import parse_code

cli = AppGroup("users", help="People who sign in, and their tokens.")


@cli.command("add")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES))
@click.option("--organisation", help="Code of their organisation.")
@click.password_option(help="15 characters or more.")
def add(
    email: str,
    name: str,
    roles: tuple[str, ...],
    organisation: str | None,
    password: str,
) -> None:
    """Add a person who can sign in at once."""
    with transaction() as session:
        organisation_id = None
        if organisation is not None:
            organisation_id = get_organisation_id(session, parse_code(organisation))
        user = add_user(
            session,
            email=email,
            name=name,
            password=password,
            roles=roles,
            organisation_id=organisation_id,
            now=now(),
        )
        click.echo(f"{user.email} added")


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_all(as_json: bool) -> None:
    """List users by address."""
    with reading() as session:
        found: list[dict[str, Any]] = [
            {
                "email": user.email,
                "name": user.name,
                "active": user.active,
                "roles": sorted(role.name for role in user.roles),
            }
            for user in list_users(session)
        ]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        state = "" if one["active"] else "  (left)"
        held = one["roles"]
        click.echo(f"{one['email']}  {', '.join(held)}{state}")


@cli.command("deactivate")
@click.argument("email")
def deactivate(email: str) -> None:
    """Let a user go: sessions and tokens end at once."""
    with transaction() as session:
        deactivate_user(session, get_user(session, email), now())
    click.echo(f"{email} cannot sign in any more")


@cli.command("password")
@click.argument("email")
@click.password_option(help="15 characters or more.")
def password(email: str, password: str) -> None:
    """Give a user another password; every session of theirs ends."""
    with transaction() as session:
        set_password(session, get_user(session, email), password)
    click.echo(f"{email} has another password")


@cli.command("roles")
@click.argument("email")
@click.argument("roles", nargs=-1, required=True, type=click.Choice(ROLES))
def roles(email: str, roles: tuple[str, ...]) -> None:
    """Give a user these roles and no others."""
    with transaction() as session:
        set_roles(session, get_user(session, email), roles)
    click.echo(f"{email}: {', '.join(roles)}")


@cli.command("token")
@click.argument("email")
@click.option("--name", required=True, help="What it is for.")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(SCOPES)
)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366))
def token(email: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a personal token; it is shown once."""
    moment = now()
    with transaction() as session:
        user = get_user(session, email)
        _, text = make_token(
            session,
            user.id,
            name=name,
            scopes=scopes,
            expires_at=moment + timedelta(days=days),
            now=moment,
        )
    click.echo(text)
