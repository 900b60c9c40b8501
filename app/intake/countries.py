"""Countries by code and by name, from the locale data of Babel (Unicode CLDR)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from babel import Locale

from app.intake.text import name_key

# Codes of CLDR that are no country of ISO 3166-1
NOT_COUNTRIES = frozenset(
    {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK"}
    | {"ZZ"}
)
# What customs papers and people write besides the names of CLDR
MORE_NAMES = {
    "香港": "HK",
    "中国香港": "HK",
    "澳门": "MO",
    "中国澳门": "MO",
    "中国台湾": "TW",
    "大韩民国": "KR",
    "阿联酋": "AE",
    "俄国": "RU",
    "America": "US",
    "England": "GB",
    "Great Britain": "GB",
    "Hong Kong": "HK",
    "Korea": "KR",
    "Macao": "MO",
    "Macau": "MO",
    "Republic of Korea": "KR",
    "Russian Federation": "RU",
    "Taiwan": "TW",
    "The Netherlands": "NL",
    "Turkey": "TR",
    "UAE": "AE",
    "UK": "GB",
    "USA": "US",
    "United States of America": "US",
    "Viet Nam": "VN",
}
_ALPHA_2 = re.compile(r"[A-Z]{2}")


@cache
def _codes() -> Mapping[str, str]:
    by_name: dict[str, str] = {}
    for language in ("en", "zh"):
        for code, name in Locale(language).territories.items():
            if _ALPHA_2.fullmatch(code) and code not in NOT_COUNTRIES:
                by_name.setdefault(name_key(name), code)
                by_name[name_key(code)] = code
    for name, code in MORE_NAMES.items():
        by_name.setdefault(name_key(name), code)
    return by_name


def country_code(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of a country; None where no country is called so.

    Args:
        text: The code in any case, or the Chinese or English name.
    """
    return _codes().get(name_key(text))
