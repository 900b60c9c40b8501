"""Names of roles and scopes as pages show them, and dates in the zone of the books."""

from __future__ import annotations

from datetime import datetime

from flask import Flask
from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _l

ROLE_NAMES = {
    "recycler": _l("Recycler"),
    "manager": _l("Manager"),
    "auditor": _l("Auditor"),
    "mirror": _l("Mirror"),
    "statistician": _l("Statistician"),
    "registrar": _l("Registrar"),
}
SCOPE_NAMES = {
    "read": _l("read lots and entries"),
    "record": _l("record facts"),
    "claim": _l("issue claims and labels"),
    "statistics": _l("make statistical tables"),
    "administer": _l("administer"),
}


def init_app(app: Flask) -> None:
    """Make the names known to the templates."""
    app.add_template_global(role_name)
    app.add_template_global(scope_name)
    app.add_template_filter(date_of, "dateformat")


def role_name(role: str) -> str:
    """A role in the language of the page."""
    return str(ROLE_NAMES[role])


def scope_name(scope: str) -> str:
    """A scope in the language of the page."""
    return str(SCOPE_NAMES[scope])


def date_of(instant: datetime) -> str:
    """The day of an instant in the zone of the books, as the reader writes days."""
    return str(format_date(instant, gettext("d MMM yyyy")))
