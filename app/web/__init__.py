"""Pages for people who are signed in: the blueprint ``web`` and its views."""

from __future__ import annotations

from apiflask import APIBlueprint, APIFlask

from app.security import require_sign_in

bp = APIBlueprint("web", __name__, enable_openapi=False)
bp.before_request(require_sign_in)

from app.web import (  # noqa: E402 - the views join the blueprint above
    account,
    claims,
    frame,
    labels,
    names,
    numbers,
    statistics,
    users,
    verify,
)


def init_app(app: APIFlask) -> None:
    """Register the pages."""
    names.init_app(app)
    numbers.init_app(app)
    frame.init_app(app)
    app.register_blueprint(bp)
    app.register_blueprint(statistics.bp)
    app.register_blueprint(verify.bp)


__all__ = [
    "account",
    "bp",
    "claims",
    "frame",
    "init_app",
    "labels",
    "names",
    "numbers",
    "statistics",
    "users",
    "verify",
]
