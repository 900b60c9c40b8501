"""Every expected failure as RFC 9457 problem details: this table is the catalogue.

The only module that knows both an exception and a status. Programs get JSON in
English and branch on ``type``; people get a page in their language. What nobody
expected is logged whole and answered without detail.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any

import structlog
from apiflask import APIBlueprint, APIFlask, HTTPError
from flask import Response, current_app, jsonify, render_template, request
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from flask_wtf.csrf import CSRFError
from pydantic import ValidationError
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException

from app.config import Settings
from app.db import is_of_disk
from app.paths import is_for_programs
from app.queries.errors import ExpectedError, NotFound
from app.services.errors import (
    Conflict,
    FieldFault,
    Forbidden,
    NoSigningKey,
    NoSuchKey,
    Refused,
    RepeatMismatch,
    TooLate,
    Unauthenticated,
)
from app.strict_json import MalformedJson
from graph.errors import GraphError

Answer = tuple[Response | str, int, dict[str, str]]

MAX_ECHO = 120
RETRY_AFTER_S = "2"
RETRY_LATER_S = "60"

bp = APIBlueprint("problems", __name__, url_prefix="/problems", enable_openapi=False)
log = structlog.get_logger("remelt.errors")


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of failure.

    Attributes:
        status: Of the HTTP answer.
        slug: Ends its URI and names its page in the docs.
        title: What has happened, in a few words.
        advice: What the reader can do now.
    """

    status: int
    slug: str
    title: str | LazyString
    advice: str | LazyString


PROBLEM_TYPES: dict[type[Exception], ProblemType] = {
    Conflict: ProblemType(
        409,
        "conflict",
        _l("This does not fit the present state"),
        _l("Look at the present state and decide again."),
    ),
    CSRFError: ProblemType(
        400,
        "form-expired",
        _l("The form is out of date"),
        _l("Open the page again and send the form once more."),
    ),
    Forbidden: ProblemType(
        403,
        "forbidden",
        _l("You may not do this"),
        _l("Ask the manager of your organisation for the role that it needs."),
    ),
    GraphError: ProblemType(
        422,
        "impossible-history",
        _l("The metal cannot have gone this way"),
        _l("Compare the masses and the lots with what was weighed."),
    ),
    MalformedJson: ProblemType(
        400,
        "malformed-json",
        _l("The body is not valid JSON"),
        _l("Send one JSON value in UTF-8, each member once."),
    ),
    NoSigningKey: ProblemType(
        409,
        "no-signing-key",
        _l("The platform keeps no key of this organisation"),
        _l("Sign the fact with the key of the organisation, or register a key."),
    ),
    NoSuchKey: ProblemType(
        422,
        "no-such-key",
        _l("The key is not registered"),
        _l("Sign with a key that the log knows for this organisation."),
    ),
    NotFound: ProblemType(
        404,
        "not-found",
        _l("There is no such thing"),
        _l("Check the code or the address; perhaps it belongs to somebody else."),
    ),
    Refused: ProblemType(
        422,
        "refused",
        _l("The request cannot be recorded"),
        _l("Mend the fields named below and send it again. Nothing was written."),
    ),
    RepeatMismatch: ProblemType(
        409,
        "repeat-mismatch",
        _l("Another request stands under this id"),
        _l("Give each new fact an id of its own; repeat one only unchanged."),
    ),
    TooLate: ProblemType(
        409,
        "too-late",
        _l("Something has happened since that rules this out"),
        _l("Look at what came after, and correct that first."),
    ),
    Unauthenticated: ProblemType(
        401,
        "unauthenticated",
        _l("We do not know who you are"),
        _l("Sign in, or send a valid token."),
    ),
}
INVALID_INPUT = ProblemType(
    422,
    "invalid-input",
    _l("The input is not valid"),
    _l("Mend the fields named below and send it again. Nothing was written."),
)
BUSY = ProblemType(
    503,
    "database-busy",
    _l("The database is busy or not there"),
    _l("Wait a moment and send the same request again: it is recorded once."),
)
TOO_MANY = ProblemType(
    429,
    "too-many-requests",
    _l("Too many requests"),
    _l("Wait a minute and try again."),
)
TOO_LARGE = ProblemType(
    413,
    "too-large",
    _l("The request is too large"),
    _l("Send it in smaller parts."),
)
NO_ROOM = ProblemType(
    507,
    "no-room",
    _l("The server cannot write to its disk"),
    _l(
        "Tell the operator. Nothing was written: send the same request again once "
        "there is room."
    ),
)
INTERNAL = ProblemType(
    500,
    "internal-error",
    _l("Something went wrong on our side"),
    _l("Tell the operator the request number. Nothing was half written."),
)
OTHER_PROBLEMS = (INVALID_INPUT, BUSY, TOO_MANY, TOO_LARGE, NO_ROOM, INTERNAL)

_BY_STATUS = {problem.status: problem for problem in (TOO_MANY, TOO_LARGE, INTERNAL)}
_TITLES: dict[int, str | LazyString] = {
    400: _l("The request cannot be read"),
    401: _l("We do not know who you are"),
    403: _l("You may not do this"),
    404: _l("There is no such page"),
    405: _l("This address does not do that"),
    415: _l("This kind of content is not understood"),
}


def problem_types() -> list[ProblemType]:
    """The whole catalogue, by slug."""
    listed = (*PROBLEM_TYPES.values(), *OTHER_PROBLEMS)
    return sorted(listed, key=lambda problem: problem.slug)


def init_app(app: APIFlask) -> None:
    """Register a handler for every kind in the catalogue, and one for the rest."""
    for error in PROBLEM_TYPES:
        app.register_error_handler(error, handle_problem)
    app.register_error_handler(ValidationError, handle_validation_error)
    app.register_error_handler(OperationalError, handle_database_error)
    app.register_error_handler(OSError, handle_disk_error)
    app.register_error_handler(DataError, handle_unstorable)
    app.register_error_handler(HTTPError, handle_api_error)
    app.register_error_handler(HTTPException, handle_http_error)
    app.register_blueprint(bp)


@bp.get("/<slug>")
def show_problem_type(slug: str) -> str:
    """What a problem type means: the page that its URI leads to.

    Raises:
        NotFound: The catalogue has no such type.
    """
    for problem in problem_types():
        if problem.slug == slug:
            return render_template("problem_type.html", problem=problem)
    raise NotFound("no problem type {slug}", slug=slug)


def handle_problem(error: Exception) -> Answer:
    """Answer an error of ours; a subclass is answered as its nearest listed parent."""
    listed = (PROBLEM_TYPES.get(kind) for kind in type(error).__mro__)
    kind = next(problem for problem in listed if problem is not None)
    if isinstance(error, Refused):
        faults = [_fault(fault) for fault in error.faults]
        return _answer(kind, gettext("see errors"), errors=faults)
    headers = {"WWW-Authenticate": "Bearer"} if kind.status == 401 else {}  # noqa: PLR2004
    return _answer(kind, localise(error), headers=headers)


def handle_validation_error(error: ValidationError) -> Answer:
    """Answer what a schema refused: each field, what was found, what was expected."""
    faults = [_schema_fault(dict(fault)) for fault in error.errors(include_url=False)]
    return _answer(INVALID_INPUT, gettext("see errors"), errors=faults)


def handle_api_error(error: HTTPError) -> Answer:
    """Answer an error of APIFlask; the faults of a schema are in its cause."""
    if isinstance(error.__cause__, ValidationError):
        return handle_validation_error(error.__cause__)
    kind = _BY_STATUS.get(error.status_code) or _untyped(error.status_code)
    return _answer(kind, error.message or "")


def handle_http_error(error: HTTPException) -> Answer:
    """Answer an error of Werkzeug: no such page, too large, too many, ours."""
    status = error.code or 500
    kind = _BY_STATUS.get(status) or _untyped(status)
    headers = {
        name: value
        for name, value in error.get_headers()
        if name in ("Allow", "Retry-After")
    }
    return _answer(kind, "", headers=headers)


def handle_database_error(error: OperationalError) -> Answer:
    """Answer a database that is locked for too long or gone; others are ours.

    Raises:
        OperationalError: The fault is in the statement, not in the moment.
    """
    if is_of_disk(error):
        return handle_disk_error(error)
    busy = "database is locked" in str(error.orig) or error.connection_invalidated
    if not busy and "connection" not in str(error.orig):
        raise error
    log.error("database busy or gone", exc_info=error)
    return _answer(BUSY, "", headers={"Retry-After": RETRY_AFTER_S})


def handle_disk_error(error: Exception) -> Answer:
    """Answer a disk that is full or cannot be written; others are ours.

    Raises:
        Exception: The error, where it says something else.
    """
    if not is_of_disk(error):
        raise error
    log.error("the disk is full or cannot be written", exc_info=error)
    return _answer(NO_ROOM, "", headers={"Retry-After": RETRY_LATER_S})


def handle_unstorable(error: DataError) -> Answer:
    """Answer a value that got past the checks and that the database cannot hold."""
    log.error("a value that cannot be stored", exc_info=error)
    return _answer(INVALID_INPUT, gettext("found a value that cannot be stored"))


def localise(error: Exception | FieldFault) -> str:
    """The message of an expected failure in the language of the request."""
    if isinstance(error, ExpectedError | FieldFault | GraphError):
        text: str = gettext(error.message)
        return text.format(**error.values) if error.values else text
    return str(error)


def _untyped(status: int) -> ProblemType:
    """A status that says it all: the type is about:blank, as RFC 9457 4.2.1 has it."""
    title = _TITLES.get(status, _l("The request cannot be answered"))
    return ProblemType(status, "about:blank", title, _l("Go back, or start at home."))


def _fault(fault: FieldFault) -> dict[str, Any]:
    """One fault of a service, for the list of a problem."""
    place = {} if fault.position is None else {"position": fault.position}
    return {**place, "field": fault.field, "message": localise(fault)}


def _schema_fault(fault: dict[str, Any]) -> dict[str, Any]:
    """One fault of a schema: where, what was found, what was expected."""
    path = fault["loc"]
    place = next(({"position": part} for part in path if isinstance(part, int)), {})
    missing = fault["type"] == "missing"
    return {
        **place,
        "field": ".".join(str(part) for part in path),
        "found": "nothing" if missing else _echo(fault["input"]),
        "expected": fault["msg"],
        "message": fault["msg"],
    }


def _echo(value: object) -> str:
    """What was sent, shortened, and safe to be written as UTF-8 again."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    if len(text) > MAX_ECHO:
        text = text[: MAX_ECHO - 1] + "…"
    return text.encode("utf-8", "backslashreplace").decode()


def _answer(
    kind: ProblemType,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    **more: object,
) -> Answer:
    """Say what went wrong: JSON to programs, a page to people."""
    if not is_for_programs(request.path):
        page = render_template("problem.html", problem=kind, detail=detail, **more)
        return page, kind.status, headers or {}
    settings: Settings = current_app.config["SETTINGS"]
    uri = f"{settings.base_url}/problems/{kind.slug}"
    problem = {
        "type": kind.slug if kind.slug == "about:blank" else uri,
        "title": str(kind.title),
        "status": kind.status,
        "detail": detail or str(kind.advice),
        "instance": request.path,
        **more,
    }
    response = jsonify(problem)
    response.mimetype = "application/problem+json"
    return response, kind.status, headers or {}
