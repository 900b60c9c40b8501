"""/account: one's own language, unit, password and tokens."""

from __future__ import annotations

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.db import reading, transaction
from app.models import UserRow
from app.queries.users import list_tokens
from app.schemas.account import PreferencesIn, TokenIn
from app.security import current_actor, now
from app.services.access import SCOPES
from app.services.errors import Refused
from app.services.tokens import make_token, revoke_token
from app.services.users import LOCALES, UNITS, set_preferences
from app.web import bp
from app.web.faults import faults_by_field

TOKEN_DAYS = (30, 90, 366)


@bp.get("/account/settings")
def show_settings() -> str:
    """Language and unit, and the way to password and tokens."""
    actor = current_actor()
    with reading() as session:
        user = session.get_one(UserRow, actor.user_id)
    return render_template(
        "account/settings.html",
        user=user,
        roles=sorted(actor.roles),
        locales=LOCALES,
        units=UNITS,
    )


@bp.post("/account/settings")
def save_settings() -> Response:
    """Keep language and unit."""
    actor = current_actor()
    wanted = PreferencesIn.model_validate(request.form.to_dict())
    with transaction() as session:
        user = session.get_one(UserRow, actor.user_id)
        set_preferences(session, user, locale=wanted.locale or None, unit=wanted.unit)
    flash(gettext("Settings saved."))
    return redirect(url_for("web.show_settings"))


@bp.get("/account/tokens")
def show_tokens() -> str:
    """One's own tokens, and a form for another."""
    return _tokens_page()


@bp.post("/account/tokens")
def create_token() -> str | tuple[str, int]:
    """Make a token and show its text, this once."""
    actor = current_actor()
    actor.require("own-account")
    moment = now()
    form = request.form
    wanted = TokenIn.model_validate(
        {
            "name": form.get("name", ""),
            "scopes": form.getlist("scopes"),
            "days": form.get("days", 90),
        }
    )
    try:
        with transaction() as session:
            _, text = make_token(
                session,
                actor.user_id,
                name=wanted.name,
                scopes=wanted.scopes,
                expires_at=moment + timedelta(days=wanted.days),
                now=moment,
            )
    except Refused as refused:
        page = _tokens_page(form=wanted, faults=faults_by_field(refused))
        return page, 422
    return _tokens_page(made=text)


@bp.post("/account/tokens/<int:token_id>/revoke")
def end_token(token_id: int) -> Response:
    """End one of one's own tokens."""
    actor = current_actor()
    with transaction() as session:
        revoke_token(session, actor.user_id, token_id, now())
    flash(gettext("The token is revoked."))
    return redirect(url_for("web.show_tokens"))


def _tokens_page(
    form: TokenIn | None = None,
    faults: dict[str, list[str]] | None = None,
    made: str | None = None,
) -> str:
    actor = current_actor()
    with reading() as session:
        tokens = list_tokens(session, actor.user_id)
    return render_template(
        "account/tokens.html",
        tokens=tokens,
        scopes=SCOPES,
        days=TOKEN_DAYS,
        form=form or TokenIn(scopes=["read"]),
        faults=faults or {},
        made=made,
        now=now(),
    )
