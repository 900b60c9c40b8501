"""Who is calling: bearer tokens of the API, and the headers of every answer."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Flask, Response, current_app, g, request

from app.db import reading, transaction
from app.queries.facts import Reader
from app.services.access import Actor
from app.services.errors import Unauthenticated
from app.services.keys import KeyRing
from app.services.recording import Doors
from app.services.tokens import identify, note_use

BEARER = "Bearer "
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
YEAR_S = 31_536_000


def init_app(app: Flask) -> None:
    """Open the key ring, and put the headers on every answer."""
    settings = app.config["SETTINGS"]
    app.extensions["keyring"] = KeyRing(settings.key_encryption_key)
    app.after_request(add_headers)


def now() -> datetime:
    """The present, aware UTC; services get it as an argument."""
    return datetime.now(UTC)


def keyring() -> KeyRing:
    """The key ring of the application."""
    ring: KeyRing = current_app.extensions["keyring"]
    return ring


def doors() -> Doors:
    """The two ways into the database."""
    return Doors(reading=reading, transaction=transaction)


def require_caller() -> None:
    """Refuse a request without a valid token; a hook of the API blueprint.

    Raises:
        Unauthenticated: The token is missing, unknown, revoked or expired.
    """
    header = request.headers.get("Authorization", "")
    if not header.startswith(BEARER):
        raise Unauthenticated("send a token: Authorization: Bearer rmt_...")
    _identify(header.removeprefix(BEARER).strip())


def find_caller() -> Actor | None:
    """The caller, where a token is welcome but not needed.

    Raises:
        Unauthenticated: A token was sent, and it is not valid.
    """
    if "Authorization" not in request.headers:
        return None
    require_caller()
    return current_actor()


def _identify(text: str) -> None:
    moment = now()
    with reading() as session:
        g.actor, due = identify(session, text, moment)
    if due is not None:
        with transaction() as session:
            note_use(session, due, moment)


def current_actor() -> Actor:
    """Who is calling, as a plain value."""
    actor: Actor = g.actor
    return actor


def reader_for(actor: Actor | None) -> Reader:
    """What a caller may read of the log; a public log is read by everybody."""
    everything = current_app.config["SETTINGS"].log_readers == "public"
    if actor is None:
        return Reader(everything)
    if not everything:
        everything = actor.may("read-entry", "other")
    return Reader(everything, actor.organisation_id, actor.organisation_code)


def add_headers(response: Response) -> Response:
    """Headers that every answer carries."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "geolocation=(), microphone=()")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if current_app.config["SETTINGS"].secure:
        headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_S}")
    return response
