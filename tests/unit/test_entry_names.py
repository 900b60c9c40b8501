"""What people type for an entry, read forgivingly and never guessed."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.services.errors import Refused
from app.web.entry_names import parse_entry_name


@given(st.integers(0, 2**53 - 1))
def test_every_index_is_read_back(index: int) -> None:
    assert parse_entry_name(str(index)) == index
    assert parse_entry_name(f" {index:,} ".replace(",", " ")) == index


@given(st.binary(min_size=32, max_size=32))
@example(base64.b64decode("0xZZ" + "A" * 39 + "="))
def test_every_hash_is_read_back_in_each_writing(leaf: bytes) -> None:
    plain = base64.b64encode(leaf).decode()
    # Not told from a part of a hexadecimal hash: once in 10^25 hashes
    assume(not re.fullmatch("[0-9a-fA-F]+", plain.rstrip("=")))
    for typed in (
        leaf.hex(),
        leaf.hex().upper(),
        f"SHA-256:{leaf.hex(' ')}",
        leaf.hex("-", 4),
        plain,
        plain.rstrip("="),
        base64.urlsafe_b64encode(leaf).decode(),
    ):
        assert parse_entry_name(typed) == leaf


@given(st.text(max_size=90))
def test_anything_else_is_refused_in_words(typed: str) -> None:
    try:
        found = parse_entry_name(typed)
    except Refused as refused:
        assert [fault.field for fault in refused.faults] == ["text"]
        return
    assert isinstance(found, int) or len(found) == 32


@given(st.binary(min_size=32, max_size=32), st.integers(1, 63))
def test_a_hash_with_digits_missing_is_never_completed(leaf: bytes, kept: int) -> None:
    typed = "a" + leaf.hex()[1:kept]

    with pytest.raises(Refused, match="hexadecimal digits"):
        parse_entry_name(typed)
