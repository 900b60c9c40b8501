"""The page about facts: every type with its fields, from the closed schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.schemas.facts import DATA
from app.services.facts import FACT_TYPES

Schema = Mapping[str, Any]
ENVELOPE = """\
Every fact travels in an envelope, one line of RFC 8785 JSON inside a signed note:

| field | meaning |
|---|---|
| `id` | UUIDv7 made by the client, UUIDv8 of a row of a file; kept for ever |
| `type`, `v` | one of the types below, and the version of its schema: 1 |
| `org` | code of the organisation that states it |
| `at` | when it happened, UTC to the second; of a run, its end |
| `data` | the fields below; an unknown field is refused |
| `sd` | salted digests of private values, padded to a number fixed per type |
| `parents` | leaf hashes of the entries that made what the fact uses, sorted |
| `seen` | null, or size and root of the newest checkpoint that the signer verified |

Masses (`…_g`) are whole grams, at most 10^12; shares (`…_ppm`) whole millionths. Codes
of organisations, facilities, lots, runs, transfers and claims are 12 characters of
Crockford base32, the last a check character. Private values never stand in `data`."""

# What text without a pattern is: a validator of the schema checks it
MEANT = {
    **dict.fromkeys(
        [
            "claim",
            "code",
            "control_group",
            "facility",
            "from",
            "lot",
            "organisation",
            "run",
            "to",
            "transfer",
        ],
        "code",
    ),
    **dict.fromkeys(
        ("certificate_until", "declared_on", "on", "valid_until"), "day, YYYY-MM-DD"
    ),
    "started_at": "instant, UTC to the second",
    "corrects": "`id` of the fact",
    "of": "`id` of the fact whose entry holds the digests",
    "basis": "why, for whoever reads the log",
    "uscc": "unified social credit code, 18 characters",
}


def facts_page() -> str:
    """Every fact type with its fields."""
    parts = [
        "# Facts",
        ENVELOPE,
        "The same schemas for programs: `app/data/fact_schemas.json`, and the OpenAPI "
        "document. Who may state a fact: [rights](rights.md).",
    ]
    for name, kind in FACT_TYPES.items():
        schema = DATA[name].model_json_schema()
        parts.append(f"## `{name}`")
        parts.append(
            f"{_about(schema)} Signed by the {_signer(kind.registrar)}.".strip()
        )
        parts.append(_fields(schema, schema.get("$defs", {})))
        if kind.private:
            values = ", ".join(f"`{one}`" for one in kind.private)
            parts.append(
                f"Private values: {values}. Digests in an entry: {kind.slots}."
            )
    return "\n\n".join(parts)


def _signer(registrar: bool) -> str:
    return "registrar" if registrar else "organisation"


def _about(schema: Schema) -> str:
    """What the docstring adds to the name, which stands in the heading already."""
    text = " ".join(str(schema.get("description", "")).split())
    text = re.sub(r"^``[a-z.]+``[:.]?\s*", "", text).replace("``", "`")
    return f"{text[:1].upper()}{text[1:]}"


def _fields(schema: Schema, parts: Mapping[str, Schema]) -> str:
    rows = ["| field | type | needed |", "|---|---|---|"]
    rows += _rows(schema, parts, "")
    return "\n".join(rows)


def _rows(schema: Schema, parts: Mapping[str, Schema], prefix: str) -> list[str]:
    rows = []
    needed = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        said = " or ".join(_types(field, parts))
        said = MEANT[name] if said == "text" else said
        rows.append(f"| `{path}` | {said} | {'yes' if name in needed else ''} |")
        for inner, suffix in _inner(field, parts):
            rows += _rows(inner, parts, f"{path}{suffix}.")
    return rows


def _options(field: Schema) -> list[Schema]:
    return [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]


def _inner(field: Schema, parts: Mapping[str, Schema]) -> list[tuple[Schema, str]]:
    """The objects inside a field, with what their path adds."""
    found = []
    for one in _options(field):
        suffix = ""
        if one.get("type") == "array":
            suffix = "[]"
        ref = one.get("items", one).get("$ref")
        if ref:
            found.append((parts[ref.rsplit("/", 1)[1]], suffix))
    return found


def _types(field: Schema, parts: Mapping[str, Schema]) -> list[str]:
    return [_type(one, parts) for one in _options(field)]


def _type(one: Schema, parts: Mapping[str, Schema]) -> str:
    if "$ref" in one:
        about = _about(parts[one["$ref"].rsplit("/", 1)[1]])
        return f"object: {about[:1].lower()}{about[1:]}".rstrip(".")
    if "const" in one:
        return f"`{one['const']}`"
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    match one.get("type"):
        case "array":
            bounds = _bounds(one.get("minItems"), one.get("maxItems"))
            return f"list{bounds} of {_type(one['items'], parts)}"
        case "object":
            return "map of names to whole numbers"
        case "integer":
            return f"whole number{_bounds(one.get('minimum'), one.get('maximum'))}"
        case "string" if "pattern" in one:
            return f"text like `{one['pattern']}`".replace("|", "\\|")
        case "string" if "maxLength" in one:
            return f"text, up to {one['maxLength']} characters"
        case "string":
            return "text"
        case other:
            return str(other)


def _bounds(low: int | None, high: int | None) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f", up to {high:,}"
    return f" from {low:,}" if high is None else f", {low:,} to {high:,}"
