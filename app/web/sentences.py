"""Sentences of services as people read them: grams in their unit, codes in groups.

A message such as ``found {load_g} g`` is exact for programs. On a page the reader's
unit takes the place of grams, per cent that of ppm, and a code is grouped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask_babel import gettext

from app.web.numbers import grouped, mass, share
from labels.codes import BadCode, parse_code

_GRAMS = re.compile(r"\{(\w+_g)\}\s?(?:g|克)")
_PPM = re.compile(r"\{(\w+_ppm)\}\s?ppm")
_SHARE_TO_SHARE = re.compile(r"\{(\w+_ppm)\}(?!\s?ppm)")


def said(message: str, values: Mapping[str, object]) -> str:
    """A message of a service in the language and the units of the reader.

    Args:
        message: English source text, with ``{name}`` fields.
        values: What goes into the fields.
    """
    text: str = gettext(message)
    if not values:
        return text
    shown: dict[str, object] = {name: _shown(one) for name, one in values.items()}

    def as_mass(match: re.Match[str]) -> str:
        return _in_field(mass(int(str(values[match[1]]))))

    def as_share(match: re.Match[str]) -> str:
        return _in_field(share(int(str(values[match[1]]))))

    text = _GRAMS.sub(as_mass, text)
    if _PPM.search(text):
        text = _SHARE_TO_SHARE.sub(as_share, _PPM.sub(as_share, text))
    return text.format(**shown)


def _in_field(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _shown(value: object) -> object:
    """A code in groups; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return grouped(parse_code(value)) if value.isalnum() else value
    except BadCode:
        return value
