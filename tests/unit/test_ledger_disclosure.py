"""Salted digests: what stands in the entry says nothing, what is shown fits it."""

from __future__ import annotations

import base64
import json

import pytest

from ledger import NotCanonical, disclose, pad_digests, parse_disclosure

# Published with the construction: RFC 9901 is its final form
TEXT = "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgImVtYWlsIiwgImpvaG5kb2VAZXhhbXBsZS5jb20iXQ"
DIGEST = "JzYjH4svliH0R3PyEMfeZu6Jt69u5qehZo7F7EPYlSE"


def encode(value: object) -> str:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def test_the_published_disclosure_has_its_digest() -> None:
    made = disclose("email", "johndoe@example.com", salt="6Ij7tM-a5iVPGboS5tmvVA")

    assert (made.text, made.digest) == (TEXT, DIGEST)
    assert parse_disclosure(TEXT) == made


def test_a_value_is_read_back_whatever_letters_it_has() -> None:
    made = disclose("supplier", "示例再生 𠮷 镓\n\x00")

    assert parse_disclosure(made.text) == made
    assert made.value == "示例再生 𠮷 镓\n\x00"


def test_every_disclosure_has_a_salt_of_its_own() -> None:
    first, second = disclose("price", "100"), disclose("price", "100")
    salt = json.loads(base64.urlsafe_b64decode(first.text + "=="))[0]

    assert first.digest != second.digest
    assert len(base64.urlsafe_b64decode(salt + "==")) == 16


def test_a_digest_is_over_the_text_as_it_was_issued() -> None:
    spaced, tight = encode(["s", "n", "v"]), encode(b'["s","n","v"]')

    one, other = parse_disclosure(spaced), parse_disclosure(tight)

    assert (one.name, one.value) == (other.name, other.value)
    assert one.digest != other.digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "镓",
        "\ud800",
        TEXT + "=",
        TEXT + " ",
        TEXT[:-1] + "R",
        TEXT[:10] + "\n" + TEXT[10:],
        encode({}),
        encode(["salt", "name"]),
        encode(["salt", "name", 5]),
        encode(["salt", "name", "value", "more"]),
        encode(b"\xff\xfe"),
        encode('["salt", "name", "value"]'.encode("utf-16")),
        encode(b"[" * 100_000),
    ],
)
def test_what_is_no_disclosure_is_refused(text: str) -> None:
    with pytest.raises(NotCanonical):
        parse_disclosure(text)


def test_a_value_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(NotCanonical):
        disclose("name", "\ud800")


def test_digests_are_padded_to_a_fixed_number_and_sorted() -> None:
    padded = pad_digests([DIGEST], 8)

    assert len(set(padded)) == 8
    assert padded == sorted(padded)
    assert DIGEST in padded
    assert all(len(one) == len(DIGEST) for one in padded)
    assert pad_digests([], 0) == []
    assert set(pad_digests([DIGEST], 8)) & set(padded) == {DIGEST}
    with pytest.raises(NotCanonical):
        pad_digests([DIGEST], 0)
