"""Languages: Chinese first, English beside it, chosen by the reader.

In order: ``?lang=`` in the address, the setting of whoever is signed in, the cookie of
an earlier choice, what the browser asks for, Chinese. Addresses for programs answer in
English. The catalogues lie in ``app/translations``; ``tools/translations.py`` fills
them, and the compiled ones are committed, so that a fresh clone speaks Chinese.
"""

from __future__ import annotations

from flask import Flask, Response, current_app, has_request_context, request
from flask_babel import Babel, get_locale

from app.config import Settings
from app.paths import is_cookieless, is_for_programs
from app.security import preferred_locale
from app.services.users import LOCALES

COOKIE = "remelt_lang"
COOKIE_AGE_S = 365 * 24 * 3600
DEFAULT = "zh"


def init_app(app: Flask) -> None:
    """Wire Flask-Babel, and keep a choice that came with the address."""
    Babel(app, locale_selector=choose_locale)
    app.after_request(_remember_choice)
    app.context_processor(
        lambda: {
            "lang": language(),
            "other_lang": other_language(),
            # Between two sentences: full-width stops bring room of their own
            "gap": "" if language() == "zh-CN" else " ",
            "LOCALES": LOCALES,
        }
    )


def choose_locale() -> str:
    """The language of this request."""
    if not has_request_context():
        return DEFAULT
    path = request.path
    if is_for_programs(path):
        return "en"
    asked = [request.args.get("lang")]
    if not is_cookieless(path):
        asked += [preferred_locale(), request.cookies.get(COOKIE)]
    for locale in asked:
        if locale in LOCALES:
            return locale
    return request.accept_languages.best_match(LOCALES, DEFAULT)


def language() -> str:
    """The language of this request as pages name it: ``zh-CN`` or ``en``."""
    found = str(get_locale() or DEFAULT)
    return "zh-CN" if found.startswith("zh") else "en"


def other_language() -> str:
    """The language that a switch on the page leads to: ``zh`` or ``en``."""
    return "en" if language() == "zh-CN" else "zh"


def _remember_choice(response: Response) -> Response:
    asked = request.args.get("lang")
    if asked in LOCALES and not is_cookieless(request.path):
        settings: Settings = current_app.config["SETTINGS"]
        response.set_cookie(
            COOKIE,
            asked,
            max_age=COOKIE_AGE_S,
            secure=settings.secure,
            httponly=True,
            samesite="Lax",
        )
    if not is_for_programs(request.path):
        response.vary.add("Accept-Language")
        response.content_language.add(language())
    return response
