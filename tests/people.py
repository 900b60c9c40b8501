"""People in front of a browser: users of an application, and their sign-in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from app import create_app
from app.config import Settings
from app.db import engine_of, transaction
from app.models import OrganisationRow
from app.services.users import add_user

PASSWORD = "four lorries before noon"
TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')


def make_app(
    engine: Engine,
    data_dir: Path,
    *,
    base_url: str = "http://127.0.0.1:8000",
    log_readers: Literal["members", "public"] = "members",
    copies: tuple[str, ...] = (),
) -> APIFlask:
    """The application over a migrated database."""
    app = create_app(
        Settings(
            database_url=engine.url.render_as_string(hide_password=False),
            data_dir=data_dir,
            secret_key="k" * 32,
            key_encryption_key=bytes(range(32)),
            base_url=base_url,
            log_readers=log_readers,
            copies=copies,
        )
    )
    app.testing = True
    return app


def add_person(
    app: APIFlask, email: str, *roles: str, organisation: str | None = None
) -> int:
    """Add a user with the password of all our people; gives the row."""
    with app.app_context(), transaction() as session:
        organisation_id = None
        if organisation is not None:
            organisation_id = session.scalar(
                select(OrganisationRow.id).where(OrganisationRow.code == organisation)
            )
        return add_user(
            session,
            email=email,
            name="示例 Person",
            password=PASSWORD,
            roles=roles,
            organisation_id=organisation_id,
            now=datetime(2026, 11, 23, 8, tzinfo=UTC),
        ).id


def csrf_token(client: FlaskClient, path: str) -> str:
    """The token in the first form of a page."""
    found = TOKEN.search(client.get(path).text)
    assert found is not None, f"no form on {path}"
    return found[1]


def sign_in(
    client: FlaskClient, email: str, password: str = PASSWORD, *, to: str = ""
) -> TestResponse:
    """Send the sign-in form."""
    token = csrf_token(client, "/login?lang=en")
    form = {"csrf_token": token, "email": email, "password": password}
    return client.post(f"/login{to}", data=form)


def close(app: APIFlask) -> None:
    """Give back the connections."""
    engine_of(app).dispose()
