"""The generated reference is what the code says, and leaves nothing out."""

from __future__ import annotations

import json

from app.config import VARIABLES
from app.data import read_csv, read_json
from app.errors import problem_types
from app.schemas.facts import DATA
from app.services.facts import FACT_TYPES
from tools import fact_schemas, reference
from tools.reference_code import commands
from tools.reference_data import CODE_DATA, data_files
from tools.reference_routes import rules

FOLDER = reference.FOLDER


def test_the_reference_was_written_from_the_code_as_it_is() -> None:
    assert reference.stale() == [], "run: python -m tools.reference update"


def test_every_command_and_every_setting_is_in_the_documents() -> None:
    text = "\n".join(path.read_text("utf-8") for path in FOLDER.parent.rglob("*.md"))

    assert [name for name, _ in commands() if f"`{name}`" not in text] == []
    assert [name for name in VARIABLES if f"`{name}`" not in text] == []


def test_every_command_says_what_it_does() -> None:
    assert [name for name, command in commands() if not command.help] == []


def test_every_problem_type_has_a_page() -> None:
    assert {path.stem for path in (FOLDER / "problems").glob("*.md")} == {
        kind.slug for kind in problem_types()
    }


def test_every_view_for_programs_says_what_it_answers() -> None:
    silent = {
        rule.endpoint
        for rule, about in rules()
        if rule.rule.startswith(("/api/v1/", "/log/", "/v/")) and not about
    }

    assert not silent


def test_the_published_schemas_are_those_of_the_code() -> None:
    assert read_json("fact_schemas.json") == json.loads(
        json.dumps(fact_schemas.schemas())
    ), "run: python -m tools.fact_schemas"


def test_every_fact_type_has_a_schema_and_a_place_in_the_reference() -> None:
    text = (FOLDER / "facts.md").read_text("utf-8")

    assert DATA.keys() == FACT_TYPES.keys()
    assert [name for name in FACT_TYPES if f"## `{name}`" not in text] == []


def test_every_fact_from_outside_names_its_source() -> None:
    for path in data_files():
        if path.name in CODE_DATA:
            continue
        rows = read_json if path.suffix == ".json" else read_csv
        found = _values(rows(path.name))
        assert found, path.name
        assert [row for row in found if not row.get("source")] == [], path.name


def _values(value: object) -> list[dict[str, object]]:
    """The innermost objects of a file of rules: each a value with its source."""
    if isinstance(value, list):
        return [one for item in value for one in _values(item)]
    if not isinstance(value, dict):
        return []
    inner = [one for item in value.values() for one in _values(item)]
    return inner or [value]
