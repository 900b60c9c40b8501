"""The frame around every page: where one can go, who one is, files that never go stale.

A page is offered where it exists and where the reader's role opens it. The address of
a file under ``/static`` carries a digest of its content, so that a browser keeps it for
a year and asks anew the moment that it changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, redirect, request
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from werkzeug.wrappers import Response as BaseResponse

from app.db import reading, transaction
from app.models import OrganisationRow, UserRow
from app.schemas.account import LanguageIn
from app.security import current_actor, find_actor, person_name
from app.services.access import Actor, Relation
from app.services.users import set_preferences
from app.web import bp

A_YEAR = "public, max-age=31536000, immutable"
VERSION = "v"
DIGEST_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to go.

    Attributes:
        path: Its address, and the beginning of those below it.
        label: As the rail names it.
        rights: (action, relation) pairs, any of which opens it; none for everybody.
        brief: As the bar of a phone names it, where the label is too long for it.
    """

    path: str
    label: LazyString
    rights: tuple[tuple[str, Relation], ...] = ()
    brief: LazyString | None = None

    @property
    def here(self) -> bool:
        """Whether the page that is shown lies at or below it."""
        return request.path == self.path or request.path.startswith(f"{self.path}/")

    def is_open_to(self, actor: Actor) -> bool:
        """Whether a role of the actor opens it."""
        return not self.rights or any(
            actor.may(action, relation) for action, relation in self.rights
        )


_READ_LOTS: tuple[tuple[str, Relation], ...] = (
    ("read-lot", "own"),
    ("read-lot", "other"),
)
PLACES = (
    Place("/lots", _l("Lots"), _READ_LOTS),
    Place("/runs", _l("Runs"), _READ_LOTS),
    Place("/transfers", _l("Transfers"), _READ_LOTS),
    Place("/claims", _l("Claims and labels"), _READ_LOTS, _l("Claims")),
    Place("/imports", _l("Import files"), (("import-file", "own"),)),
    Place("/accounts", _l("Accounts"), _READ_LOTS),
    Place("/statistics", _l("Statistics")),
    Place("/ledger", _l("The log")),
    Place("/facilities", _l("Facilities"), (("facility.registered", "own"),)),
    Place("/keys", _l("Keys"), (("manage-keys", "own"),)),
    Place(
        "/organisations", _l("Organisations"), (("organisation.registered", "other"),)
    ),
    Place("/account/users", _l("Users"), (("manage-users", "own"),)),
    Place("/account/settings", _l("Settings")),
)
LOGGING = (
    Place("/lots/new", _l("A lot that came in"), (("lot.sourced", "own"),)),
    Place("/runs/new", _l("A run"), (("run.recorded", "own"),)),
    Place("/transfers/new", _l("A dispatch"), (("transfer.dispatched", "own"),)),
    Place("/deliveries/new", _l("A delivery"), (("lot.delivered", "own"),)),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page of somebody who is signed in.

    Attributes:
        organisation: Theirs; None for those who belong to none.
        person: Their name.
        places: For the rail.
        logging: For the button that logs; empty for those who log nothing.
    """

    organisation: OrganisationRow | None
    person: str
    places: tuple[Place, ...]
    logging: tuple[Place, ...]


def init_app(app: Flask) -> None:
    """Give the templates the frame, and the static files their versions."""
    app.add_template_global(frame)
    app.add_template_global(here_with)
    app.url_defaults(_add_version)
    app.after_request(_let_versions_stay)


def frame() -> Frame | None:
    """The frame of this request; None for a visitor."""
    actor = find_actor()
    if actor is None:
        return None
    organisation = None
    if actor.organisation_id is not None:
        with reading() as session:
            organisation = session.get(OrganisationRow, actor.organisation_id)
    return Frame(
        organisation,
        person_name() or "",
        tuple(one for one in PLACES if one.is_open_to(actor) and page_exists(one.path)),
        tuple(
            one for one in LOGGING if one.is_open_to(actor) and page_exists(one.path)
        ),
    )


def here_with(**changed: str | int | None) -> str:
    """The address of this page with other query parameters; None drops one."""
    kept = {name: value for name, value in request.args.items() if value}
    kept.update({name: str(value) for name, value in changed.items() if value})
    for name, value in changed.items():
        if not value:
            kept.pop(name, None)
    return current_app.url_for(
        str(request.endpoint), **((request.view_args or {}) | kept)
    )


@bp.post("/account/language")
def choose_language() -> BaseResponse:
    """Keep a language for whoever is signed in, and go back to the page."""
    actor = current_actor()
    wanted = LanguageIn.model_validate(request.form.to_dict())
    with transaction() as session:
        user = session.get_one(UserRow, actor.user_id)
        set_preferences(session, user, locale=wanted.locale, unit=user.unit)
    return redirect(_inside(wanted.to))


def _inside(address: str) -> str:
    """An address of this site, without a language of its own; else the start page."""
    parts = urlsplit(address)
    inside = not parts.scheme and not parts.netloc and address.startswith("/")
    if not inside or address.startswith(("//", "/\\")):
        return "/"
    return address


def page_exists(path: str) -> bool:
    """Whether this application has a page at an address."""
    adapter = current_app.url_map.bind("")
    return bool(adapter.test(path, "GET"))


def _add_version(endpoint: str, values: dict[str, Any]) -> None:
    if endpoint == "static" and VERSION not in values and values.get("filename"):
        path = Path(str(current_app.static_folder)) / values["filename"]
        if path.is_file():
            values[VERSION] = _digest(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST_LENGTH]


def _let_versions_stay(response: Response) -> Response:
    if request.endpoint == "static" and VERSION in request.args:
        response.headers["Cache-Control"] = A_YEAR
    return response
