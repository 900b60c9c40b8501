"""The Flask application: the whole wiring, top to bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apiflask import APIFlask

    from app.config import Settings


def create_app(settings: Settings, *, check: bool = True) -> APIFlask:
    """Build the application.

    Args:
        settings: All of them, checked.
        check: Refuse a database whose schema is old or whose facts are unguarded;
            off only for the commands that mend it.

    Raises:
        app.schema.SchemaError: The database is not fit to work on.
    """
    # Here, not above: a command that needs no server starts three times as fast
    from apiflask import APIFlask  # noqa: PLC0415

    from app import (  # noqa: PLC0415
        api,
        db,
        errors,
        locale,
        logs,
        operation,
        schema,
        security,
        web,
    )
    from app.api import log as log_blueprint  # noqa: PLC0415
    from app.paths import Number  # noqa: PLC0415
    from app.strict_json import StrictJson  # noqa: PLC0415

    # docs_path: the page of APIFlask would load its scripts from a CDN
    app = APIFlask(
        __name__,
        title="Remelt",
        version="1",
        docs_path=None,
        spec_path="/api/openapi.json",
    )
    # Flask-Security puts its own types on top of this class
    app.json_provider_class = StrictJson
    app.json = StrictJson(app)
    app.config.from_mapping(settings.to_flask())
    app.url_map.converters["int"] = Number
    logs.init_app(app)
    db.init_app(app, settings.database_url)
    if check:
        schema.check_schema(db.engine_of(app))
    security.init_app(app)
    locale.init_app(app)
    errors.init_app(app)
    operation.init_app(app)
    # A token is no cookie: no page of somebody else makes a browser send it along
    security.csrf.exempt(api.bp)
    app.register_blueprint(api.bp)
    app.register_blueprint(log_blueprint.bp)
    web.init_app(app)
    return app
