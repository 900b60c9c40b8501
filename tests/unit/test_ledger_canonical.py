"""One spelling of every fact, and no other is read."""

from __future__ import annotations

import pytest

from ledger import NotCanonical, canonical_json, parse_canonical


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, b"{}"),
        ({"b": 1, "a": [True, None, -0]}, b'{"a":[true,null,0],"b":1}'),
        ({"名": "镓", "a": "𠮷"}, '{"a":"𠮷","名":"镓"}'.encode()),
        # Beyond the basic plane UTF-16 order is not code point order
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'.encode()),
        ('\x00\x1f\x7f\b\t\n\f\r"\\/', b'"\\u0000\\u001f\x7f\\b\\t\\n\\f\\r\\"\\\\/"'),
        (2**53 - 1, b"9007199254740991"),
        (1 - 2**53, b"-9007199254740991"),
    ],
)
def test_values_have_the_form_of_rfc_8785(value: object, expected: bytes) -> None:
    assert canonical_json(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        {"a": [0.5]},
        2**53,
        -(2**53),
        "\ud800",
        {"a": "\udfff"},
        {"\ud800": 1},
        {1: 2},
        {None: 1},
        b"bytes",
        {1, 2},
        object(),
    ],
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical_json(value)


def test_thirty_two_levels_are_written_and_one_more_is_not() -> None:
    value: object = 1
    for _ in range(32):
        value = [value]

    assert canonical_json(value) == b"[" * 32 + b"1" + b"]" * 32
    with pytest.raises(NotCanonical, match="deeper"):
        canonical_json([value])


def test_names_beyond_ascii_are_refused_where_ascii_is_asked_for() -> None:
    assert canonical_json({"é": 1}) == '{"é":1}'.encode()
    with pytest.raises(NotCanonical, match="ASCII"):
        canonical_json({"a": [{"é": 1}]}, ascii_names=True)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}\n",
        b" {}",
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":-0}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\u4e2d"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        '{"é":1}'.encode(),
        b'{"\\u00e9":1}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":' + b"[" * 100_000,
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    ],
)
def test_a_second_spelling_is_not_read(line: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse_canonical(line)


def test_canonical_bytes_are_read() -> None:
    line = '{"a":["镓",-5,true,null],"b":{}}'.encode()

    assert parse_canonical(line) == {"a": ["镓", -5, True, None], "b": {}}
