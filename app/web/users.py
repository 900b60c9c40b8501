"""/account/users: a manager's people, or everybody's for the registrar."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.db import reading, transaction
from app.errors import localise
from app.queries.errors import NotFound
from app.queries.users import get_organisation_id, list_users, organisation_codes
from app.schemas.account import RolesIn, UserIn
from app.security import current_actor, now
from app.services.access import Actor
from app.services.errors import FieldFault, Refused
from app.services.passwords import make_password
from app.services.users import (
    add_user,
    get_managed_user,
    grantable_roles,
    let_go,
    require_grantable,
    set_password,
    set_roles,
)
from app.web import bp
from app.web.faults import faults_by_field
from labels.codes import BadCode, parse_code


@bp.get("/account/users")
def show_users() -> str:
    """Users whom the actor manages, and a form for another."""
    return _users_page(current_actor())


@bp.post("/account/users")
def create_user() -> str | tuple[str, int]:
    """Add a person and show the first password, this once."""
    actor = current_actor()
    form = request.form
    wanted = UserIn(
        email=form.get("email", ""),
        name=form.get("name", ""),
        roles=form.getlist("roles"),
        organisation=form.get("organisation", ""),
    )
    require_grantable(actor, wanted.roles)
    password = make_password()
    try:
        with transaction() as session:
            organisation_id = actor.organisation_id
            if actor.may("manage-users", "other"):
                organisation_id = None
                if wanted.organisation:
                    organisation_id = get_organisation_id(
                        session, _organisation(wanted.organisation)
                    )
            user = add_user(
                session,
                email=wanted.email,
                name=wanted.name,
                password=password,
                roles=wanted.roles,
                organisation_id=organisation_id,
                now=now(),
            )
    except Refused as refused:
        return _users_page(actor, wanted, faults_by_field(refused)), 422
    except NotFound as missing:
        faults = {"organisation": [localise(missing)]}
        return _users_page(actor, wanted, faults), 422
    return _users_page(actor, made=(user.email, password))


@bp.post("/account/users/<int:user_id>/password")
def renew_password(user_id: int) -> str:
    """Give a user a new password and show it, this once."""
    actor = current_actor()
    password = make_password()
    with transaction() as session:
        user = get_managed_user(session, actor, user_id)
        set_password(session, user, password)
    return _users_page(actor, made=(user.email, password))


@bp.post("/account/users/<int:user_id>/roles")
def change_roles(user_id: int) -> Response:
    """Give a user other roles."""
    actor = current_actor()
    wanted = RolesIn(roles=request.form.getlist("roles"))
    require_grantable(actor, wanted.roles)
    with transaction() as session:
        user = get_managed_user(session, actor, user_id)
        set_roles(session, user, wanted.roles)
    flash(gettext("Roles saved."))
    return redirect(url_for("web.show_users"))


@bp.post("/account/users/<int:user_id>/deactivate")
def deactivate(user_id: int) -> Response:
    """Let a user go."""
    actor = current_actor()
    with transaction() as session:
        let_go(session, actor, get_managed_user(session, actor, user_id), now())
    flash(gettext("The account is closed; its sessions and tokens have ended."))
    return redirect(url_for("web.show_users"))


def _organisation(text: str) -> str:
    try:
        return parse_code(text)
    except BadCode:
        message = "found {found!r}, expected the code of an organisation"
        fault = FieldFault(None, "organisation", message, {"found": text})
        raise Refused([fault]) from None


def _users_page(
    actor: Actor,
    form: UserIn | None = None,
    faults: dict[str, list[str]] | None = None,
    made: tuple[str, str] | None = None,
) -> str:
    actor.require("manage-users")
    everybody = actor.may("manage-users", "other")
    with reading() as session:
        users = list_users(session, everybody or actor.organisation_id)
        ids = {user.organisation_id for user in users if user.organisation_id}
        codes = organisation_codes(session, ids)
    return render_template(
        "account/users.html",
        users=users,
        codes=codes,
        everybody=everybody,
        roles=grantable_roles(actor),
        me=actor.user_id,
        form=form or UserIn(),
        faults=faults or {},
        made=made,
    )
