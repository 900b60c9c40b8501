"""Two yards and people of every role, over the HTTP API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import create_app
from app.config import Settings
from app.db import engine_of
from app.models import OrganisationRow
from app.services.fact_ids import new_fact_id
from app.services.tokens import make_token
from app.services.users import add_user
from labels.codes import new_code
from tests.world import World

KEY = bytes(range(32))
PASSWORD = "weighbridge at dawn 7"
ALL_SCOPES = ("read", "record", "claim", "statistics", "administer")


class Yards:
    """Two yards and people of every role, over the HTTP API."""

    def __init__(self, app: APIFlask, world: World) -> None:
        self.app, self.world = app, world
        self.own = world.register("own yard")
        self.other = world.register("other yard")
        scales = [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}]
        self.site = world.facility(self.own, "own gate", scales=scales)
        self.other_site = world.facility(self.other, "other gate", scales=scales)
        self.tokens: dict[tuple[str, str | None], str] = {}

    def token(
        self, role: str, org: str | None, scopes: tuple[str, ...] = ALL_SCOPES
    ) -> str:
        """A new user's token."""
        with self.world.transaction() as session:
            organisation_id = None
            if org is not None:
                wanted = select(OrganisationRow.id).where(OrganisationRow.code == org)
                organisation_id = session.scalar(wanted)
            user = add_user(
                session,
                email=f"{new_code().lower()}@example.org",
                name="示例",
                password=PASSWORD,
                roles=[role],
                organisation_id=organisation_id,
                now=self.world.now,
            )
            _, text = make_token(
                session,
                user.id,
                name="test",
                scopes=scopes,
                expires_at=self.world.now + timedelta(days=300),
                now=self.world.now,
            )
        return text

    def client(
        self, role: str, org: str | None = None, scopes: tuple[str, ...] = ALL_SCOPES
    ) -> FlaskClient:
        """A client that carries a token."""
        client = self.app.test_client()
        token = self.token(role, org, scopes)
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    def sourced(self, **more: Any) -> dict[str, Any]:
        """A fact as a client sends it."""
        data = {
            "lot": new_code(),
            "facility": self.site,
            "material": "AL-SCRAP-MIXED",
            "source": "collected",
            "origin_class": "post_consumer",
            "weighing": {
                "gross_g": 22_480_000,
                "tare_g": 10_000_000,
                "net_g": 12_480_000,
                "scale": "W1",
            },
            "metal": "Al",
            "content_ppm": 950_000,
            "content_basis": "declared",
        }
        return {
            "id": new_fact_id(self.world.now),
            "type": "lot.sourced",
            "at": "2026-03-05T08:30:00Z",
            "data": data | more,
        }


@contextmanager
def open_yards(world: World, folder: Path) -> Iterator[Yards]:
    """The application over the database of a world."""
    url = world.engine.url.render_as_string(hide_password=False)
    app = create_app(
        Settings(
            database_url=url,
            data_dir=folder,
            secret_key="s" * 32,
            key_encryption_key=KEY,
        )
    )
    yield Yards(app, world)
    engine_of(app).dispose()


def send(client: FlaskClient, *facts: dict[str, Any]) -> Any:
    return client.post("/api/v1/entries", json={"facts": list(facts)})
