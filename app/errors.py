"""Every expected failure as RFC 9457 problem details: this table is the catalogue.

The only module that knows both an exception and a status. Programs get JSON in
English and branch on ``type``; people get a page in their language. What nobody
expected is logged whole and answered without detail.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, current_app, render_template, request
from flask_babel import force_locale, get_translations, lazy_gettext
from flask_wtf.csrf import CSRFError
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from speaklater import LazyString
from werkzeug.exceptions import HTTPException, InternalServerError

from app.config import Settings
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
