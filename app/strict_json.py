"""JSON on the way in, read strictly: one meaning or none.

Two members of one name, numbers that JSON does not have, and nesting that no schema of
ours can have are refused before a schema sees them.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from flask.json.provider import DefaultJSONProvider

from app.queries.errors import ExpectedError


class MalformedJson(ExpectedError):
    """The body is not JSON, or not JSON with one meaning."""


class StrictJson(DefaultJSONProvider):
    """Flask's reader and writer of JSON, strict on the way in."""

    sort_keys = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:  # noqa: ANN401
        """Read one JSON value.

        Raises:
            MalformedJson: Names the place or the member where it can.
        """
        try:
            return json.loads(
                s, object_pairs_hook=_members, parse_constant=_refuse_constant, **kwargs
            )
        except json.JSONDecodeError as error:
            raise MalformedJson(
                "line {line}, column {column}: {fault}",
                line=error.lineno,
                column=error.colno,
                fault=error.msg,
            ) from None
        except UnicodeDecodeError as error:
            raise MalformedJson(
                "byte {start} is not UTF-8", start=error.start
            ) from None
        except RecursionError:
            raise MalformedJson("arrays and objects are nested too deeply") from None
        except ValueError:
            raise MalformedJson("a number has too many digits") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedJson("the member {name!a} stands twice", name=twice)
    return members


def _refuse_constant(text: str) -> NoReturn:
    raise MalformedJson("{text} is not a JSON number", text=text)
