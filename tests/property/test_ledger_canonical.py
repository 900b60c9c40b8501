"""The fast path writes what the reference library writes."""

from __future__ import annotations

from typing import Any

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger import canonical_json, parse_canonical
from tests.strategies_ledger import ascii_names, json_objects, json_values, texts


@given(json_values(ascii_names))
def test_values_with_ascii_names_are_written_as_rfc8785_writes_them(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)
    assert canonical_json(value, ascii_names=True) == rfc8785.dumps(value)


@given(json_values(texts))
def test_values_with_any_names_are_written_as_rfc8785_writes_them(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(json_objects)
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    assert parse_canonical(canonical_json(value)) == value


@given(json_objects, st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(
    value: dict[str, Any], random: Any
) -> None:
    names = list(value)
    random.shuffle(names)

    assert canonical_json({name: value[name] for name in names}) == canonical_json(
        value
    )
