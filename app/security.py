"""Who is calling: the only module that knows Flask-Security and Flask-Limiter.

Pages know people by a session cookie; the API knows programs by a token and reads no
cookie at all. Both become a plain ``Actor``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask import Flask, Request, current_app, g, redirect, request, url_for
from flask.sessions import NullSession, SecureCookieSessionInterface
from flask.wrappers import Response
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_security import (
    PasswordUtil,
    Security,
    SQLAlchemySessionUserDatastore,
    current_user,
)
from flask_wtf import CSRFProtect
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from app.config import Settings
from app.db import engine_of, reading, transaction
from app.models import RoleRow, UserRow
from app.paths import is_cookieless
from app.queries.facts import Reader
from app.queries.users import get_standing
from app.services.access import Actor
from app.services.device_signing import Device
from app.services.disclosures import Looker
from app.services.errors import Unauthenticated, refuse
from app.services.keys import KeyRing
from app.services.passwords import find_password_faults, normalise_password
from app.services.recording import Doors
from app.services.tokens import identify, note_use

SIGN_IN_LIMIT = "10 per minute; 60 per hour"
SIGN_IN_LIMIT_PER_ACCOUNT = "10 per 15 minutes"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
HSTS = "max-age=31536000"

View = TypeVar("View", bound=Callable[..., Any])

limiter = Limiter(get_remote_address)
csrf = CSRFProtect()


class Passwords(PasswordUtil):
    """Our rules for passwords, where Flask-Security changes one."""

    def normalize(self, password: str) -> str:
        """The form that is hashed."""
        return normalise_password(password)

    def validate(
        self,
        password: str,
        is_register: bool,
        **kwargs: Any,  # noqa: ANN401 - as Flask-Security has it
    ) -> tuple[list[str] | None, str]:
        """Faults, if any, and the normal form."""
        user = kwargs.get("user")
        known = (user.email, user.name) if isinstance(user, UserRow) else ()
        faults = find_password_faults(password, *known)
        return faults or None, self.normalize(password)


class PageSessions(SecureCookieSessionInterface):
    """Cookie sessions, on pages only: elsewhere there is nothing to read or write."""

    def open_session(self, app: Flask, request: Request) -> Any:  # noqa: ANN401
        """The session of a page; one that refuses to be written elsewhere."""
        if is_cookieless(request.path):
            return NullSession()
        return super().open_session(app, request)


def init_app(app: Flask) -> None:
    """Bind sessions, sign-in, forms, limits and headers to the application."""
    settings: Settings = app.config["SETTINGS"]
    app.extensions["keyring"] = KeyRing(settings.key_encryption_key)
    app.session_interface = PageSessions()
    if settings.proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies
        )
    users: scoped_session[Session] = scoped_session(_open_session)  # type: ignore[arg-type]  # any callable will do
    Security(
        app,
        SQLAlchemySessionUserDatastore(users, UserRow, RoleRow),
        password_util_cls=Passwords,
    )
    app.teardown_appcontext(lambda _error: users.remove())
    app.extensions["sign-in"] = sessionmaker(
        engine_of(app).execution_options(sqlite_begin="DEFERRED"),
        expire_on_commit=False,
    )
    app.before_request(_refuse_nul)
    # Before the check of forms, which reads the body
    app.before_request(_allow_body)
    csrf.init_app(app)
    limiter.init_app(app)
    _limit_sign_in(app)
    app.after_request(_add_headers)


def _refuse_nul() -> None:
    """No question holds the character 0: no text of the database can.

    Raises:
        Refused: Naming the argument.
    """
    for name, value in request.args.items(multi=True):
        if "\x00" in name or "\x00" in value:
            raise refuse(
                name.replace("\x00", ""),
                "found a character that cannot be shown, expected text",
            )


def allow_body(most_bytes: int) -> Callable[[View], View]:
    """Let one view take a larger body than the others: a decorator for uploads."""

    def mark(view: View) -> View:
        view.most_bytes = most_bytes  # type: ignore[attr-defined]
        return view

    return mark


def require_caller() -> None:
    """Refuse a request without a valid token; a hook of the API blueprint.

    Raises:
        Unauthenticated: There is no token, or none that is valid now.
    """
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise Unauthenticated("send a token: Authorization: Bearer rmt_...")
    moment = now()
    with reading() as session:
        g.actor, due = identify(session, text.strip(), moment)
    if due is not None:
        with transaction() as session:
            note_use(session, due, moment)


def find_caller() -> Actor | None:
    """The caller, where a token is welcome but not needed.

    Raises:
        Unauthenticated: A token was sent, and it is not valid.
    """
    if "Authorization" not in request.headers:
        return None
    require_caller()
    return current_actor()


def require_sign_in() -> BaseResponse | None:
    """Send a visitor to the sign-in page and back; a hook of the page blueprints.

    Raises:
        Unauthenticated: A form was sent after the session had ended.
    """
    if current_user.is_authenticated:
        return None
    if request.method not in ("GET", "HEAD"):
        raise Unauthenticated("your session has ended: sign in again")
    here = request.full_path if request.query_string else request.path
    return redirect(url_for("security.login", next=here))


def find_actor() -> Actor | None:
    """The caller as a plain value, with the rights of this moment; None for nobody."""
    if "actor" not in g:
        g.actor = None
        if not is_cookieless(request.path) and current_user.is_authenticated:
            with reading() as session:
                standing = get_standing(session, current_user.id)
            g.actor = Actor(
                standing.user_id,
                standing.organisation_id,
                standing.organisation_code,
                standing.roles,
            )
    actor: Actor | None = g.actor
    return actor


def current_actor() -> Actor:
    """The caller as a plain value, with the rights of this moment.

    Raises:
        Unauthenticated: Nobody is signed in, and no token was sent.
    """
    if (actor := find_actor()) is None:
        raise Unauthenticated("sign in, or send a valid token")
    return actor


def now() -> datetime:
    """The present, aware UTC; services get it as an argument."""
    return datetime.now(UTC)


def keyring() -> KeyRing:
    """The key ring of the application; for a browser with its own key, that one's."""
    ring: KeyRing = current_app.extensions["keyring"]
    device: Device | None = g.get("device")
    return ring if device is None else ring.for_device(device)


def doors() -> Doors:
    """The two ways into the database."""
    return Doors(reading=reading, transaction=transaction)


def reader_for(actor: Actor | None) -> Reader:
    """What a caller may read of the books that the log makes: lots, runs, claims.

    Those of a public log are read by everybody.
    """
    return _reader(actor, "read-lot")


def log_reader_for(actor: Actor | None) -> Reader:
    """What a caller may read of the log itself: a mirror reads all of it.

    A public log is read by everybody.
    """
    return _reader(actor, "read-entry")


def _reader(actor: Actor | None, action: str) -> Reader:
    everything = current_app.config["SETTINGS"].log_readers == "public"
    if actor is None:
        return Reader(everything)
    if not everything:
        everything = actor.may(action, "other")
    if not everything and not actor.may(action, "own"):
        return Reader(everything=False)
    return Reader(
        everything, actor.organisation_id, actor.organisation_code, looker_for(actor)
    )


def looker_for(actor: Actor) -> Looker:
    """Opens the private values that somebody may see; nothing where they see none."""
    if not actor.may("read-disclosure"):
        return Looker(keyring(), None, None, now())
    return Looker(keyring(), actor.organisation_id, actor.organisation_code, now())


def preferred_locale() -> str | None:
    """The language that whoever is signed in has chosen, if they have."""
    found: str | None = getattr(current_user, "locale", None)
    return found


def preferred_unit() -> str:
    """The unit of mass that whoever is signed in has chosen; kilograms for others."""
    if is_cookieless(request.path):
        return "kg"
    found: str = getattr(current_user, "unit", "kg")
    return found


def person_name() -> str | None:
    """The name of whoever is signed in; None for a visitor."""
    if is_cookieless(request.path):
        return None
    found: str | None = getattr(current_user, "name", None)
    return found


def _open_session() -> Session:
    """The session of Flask-Security: it writes where a password is changed.

    At sign-in an argon2 hash never runs under the write lock of SQLite.
    """
    changes = request and request.endpoint == "security.change_password"
    factory = current_app.extensions["writers" if changes else "sign-in"]
    session: Session = factory()
    return session


def _limit_sign_in(app: Flask) -> None:
    """Slow down guessing: by address, and by account whatever the address."""
    view = app.view_functions["security.login"]
    by_address = limiter.limit(SIGN_IN_LIMIT, methods=["POST"])
    by_account = limiter.limit(
        SIGN_IN_LIMIT_PER_ACCOUNT, key_func=_account_tried, methods=["POST"]
    )
    limited: Any = by_address(by_account(view))
    app.view_functions["security.login"] = limited


def _account_tried() -> str:
    return f"account:{request.form.get('email', '').strip().casefold()[:254]}"


def _allow_body() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if (most_bytes := getattr(view, "most_bytes", None)) is not None:
        request.max_content_length = most_bytes


def _add_headers(response: Response) -> Response:
    settings: Settings = current_app.config["SETTINGS"]
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings.secure:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if not is_cookieless(request.path):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
