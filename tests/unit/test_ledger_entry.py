"""Entries: one accepted form, signed by exactly the keys that are expected."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    BadSignature,
    KeyName,
    LedgerError,
    MalformedEntry,
    MalformedNote,
    NotCanonical,
    SignatureLine,
    Signer,
    WeakKey,
    check_possession,
    key_name,
    leaf_hash,
    parse_entry,
    parse_key_name,
    proof_of_possession_text,
    prove_possession,
    sign_entry,
    sign_note,
    verify_entry,
)
from tests.small_log import SMELTER, YARD, envelope, signer_of

KNOWN = Path(__file__).parent.parent / "known_answers" / "ledger_entry.json"
FACT = envelope("lot.sourced", YARD, {"lot": "L0T000000001", "net_g": 12_480_000})
SIGNER = signer_of(YARD)
NOTE = sign_entry(FACT, [SIGNER])


def test_the_known_entry_has_its_bytes_and_its_leaf_hash() -> None:
    known = json.loads(KNOWN.read_text(encoding="utf-8"))
    signer = Signer.from_bytes(known["key_name"], bytes.fromhex(known["seed"]))

    note = sign_entry(known["fact"], [signer])

    assert note.decode() == known["note"]
    assert leaf_hash(note).hex() == known["leaf_hash"]
    assert signer.vkey == known["vkey"]
    assert prove_possession("YARD00000001", signer) == known["proof_of_possession"]


def test_an_entry_is_read_back_and_verified() -> None:
    entry = parse_entry(NOTE)

    assert entry.fact == FACT
    assert entry.note == NOTE
    assert NOTE.startswith(b"remelt/fact@v1\n{")
    verify_entry(entry, [SIGNER.verifier])


def test_every_changed_byte_is_noticed() -> None:
    for at in range(len(NOTE)):
        hurt = bytearray(NOTE)
        hurt[at] ^= 1
        with pytest.raises(LedgerError):
            verify_entry(parse_entry(bytes(hurt)), [SIGNER.verifier])


def test_two_signatures_stand_in_the_order_of_key_names() -> None:
    other = signer_of(SMELTER)

    note = sign_entry(FACT, [SIGNER, other])

    assert [line.name for line in parse_entry(note).signatures] == [
        other.name,
        SIGNER.name,
    ]
    verify_entry(parse_entry(note), [SIGNER.verifier, other.verifier])
    for verifiers in ([SIGNER.verifier], [other.verifier], []):
        with pytest.raises(BadSignature):
            verify_entry(parse_entry(note), verifiers)


def test_the_expected_key_under_another_id_does_not_verify() -> None:
    stranger = Signer.from_bytes(SIGNER.name, bytes(range(32)))

    with pytest.raises(BadSignature):
        verify_entry(parse_entry(NOTE), [stranger.verifier])


def text_of(body: str) -> bytes:
    return sign_note(f"remelt/fact@v1\n{body}\n", [SIGNER])


def body_of(fact: dict[str, Any]) -> str:
    return json.dumps(fact, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize(
    "note",
    [
        sign_note("remelt/fact@v2\n{}\n", [SIGNER]),
        sign_note("remelt/fact@v1\n", [SIGNER]),
        sign_note(f"remelt/fact@v1 \n{body_of(FACT)}\n", [SIGNER]),
        text_of("{}"),
        text_of(body_of(FACT) + "\n"),
        text_of(body_of(FACT) + "\n{}"),
        text_of(body_of(FACT) + " "),
        text_of(json.dumps(FACT, sort_keys=True)),
        text_of(body_of({**FACT, "more": 1})),
        text_of(body_of({k: v for k, v in FACT.items() if k != "seen"})),
        text_of(body_of({**FACT, "data": {"a": 1.5}})),
        text_of(body_of({**FACT, "data": {"é": 1}})),
        text_of(body_of(FACT).replace('"v":1', '"v":1,"v":1')),
    ],
)
def test_what_is_no_entry_is_refused(note: bytes) -> None:
    with pytest.raises(MalformedEntry):
        parse_entry(note)


@pytest.mark.parametrize(
    ("member", "values"),
    [
        (
            "id",
            [
                None,
                7,
                "",
                FACT["id"].upper(),
                "019ca6cd-5340-4001-8001-000000000001",
                "019ca6cd-5340-7001-0001-000000000001",
                "019ca6cd53407001800100000000 0001",
            ],
        ),
        ("type", [None, "", "lot", "Lot.sourced", "lot.sourced\n", "lot.sourced.x", 5]),
        ("v", [None, 0, -1, "1", True, False]),
        ("org", [None, "", "yard", "YARD\n", 5, ["YARD"]]),
        (
            "at",
            [
                None,
                0,
                "",
                "2026-03-05",
                "2026-03-05T08:30:00",
                "2026-03-05T08:30:00+00:00",
                "2026-03-05T08:30:00.0Z",
                "2026-02-30T08:30:00Z",
                "2026-13-05T08:30:00Z",
                "2026-03-05T24:30:00Z",
                "2026-03-05T08:30:60Z",
                "0000-03-05T08:30:00Z",
                "2026-03-05T08:30:00z",
            ],
        ),
        ("data", [None, [], "text"]),
        ("sd", [None, {}, ["short"], ["B" * 43, "A" * 43], ["A" * 43] * 2, [1]]),
        (
            "parents",
            [
                None,
                ["a" * 63],
                ["A" * 64],
                ["b" * 64, "a" * 64],
                ["a" * 64] * 2,
                [None],
            ],
        ),
        (
            "seen",
            [
                0,
                {},
                {"size": 1},
                {"size": 0, "root": "a" * 64},
                {"size": True, "root": "a" * 64},
                {"size": 1, "root": "A" * 64},
                {"size": 1, "root": "a" * 64, "more": 1},
            ],
        ),
    ],
)
def test_every_member_of_the_envelope_has_its_shape(
    member: str, values: list[object]
) -> None:
    for value in values:
        fact = {**FACT, member: value}
        with pytest.raises(MalformedEntry, match=member):
            sign_entry(fact, [SIGNER])
        with pytest.raises(MalformedEntry, match=member):
            parse_entry(text_of(body_of(fact)))


def test_the_full_envelope_is_accepted() -> None:
    fact = {
        **FACT,
        "parents": ["a" * 64, "b" * 64],
        "sd": ["A" * 43, "B" * 43],
        "seen": {"root": "a" * 64, "size": 1},
        "id": "019ca6cd-5340-8001-bfff-000000000001",
        "data": {"text": "镓 𠮷 \u2028 \x7f"},
    }

    assert parse_entry(sign_entry(fact, [SIGNER])).fact == fact


def test_facts_that_could_not_be_read_back_are_not_signed() -> None:
    for data in ({"é": 1}, {"a": 0.5}, {"a": "\ud800"}, {"a": 2**53}):
        with pytest.raises(NotCanonical):
            sign_entry({**FACT, "data": data}, [SIGNER])
    with pytest.raises(MalformedEntry, match="twice"):
        sign_entry(FACT, [SIGNER, SIGNER])
    with pytest.raises(MalformedNote):
        sign_entry(FACT, [])


def test_an_entry_of_65535_bytes_fits_and_one_more_does_not() -> None:
    room = 65_535 - len(sign_entry({**FACT, "data": {"a": ""}}, [SIGNER]))

    largest = sign_entry({**FACT, "data": {"a": "x" * room}}, [SIGNER])

    assert len(largest) == 65_535
    assert parse_entry(largest).note == largest
    with pytest.raises(MalformedEntry, match="65536"):
        sign_entry({**FACT, "data": {"a": "x" * (room + 1)}}, [SIGNER])
    with pytest.raises(MalformedEntry, match="65536"):
        parse_entry(text_of(body_of({**FACT, "data": {"a": "x" * (room + 1)}})))


def test_signature_lines_have_one_order_and_stand_once() -> None:
    text, line = NOTE.split("— ".encode())
    mine = "— ".encode() + line
    other = SignatureLine(f"{SIGNER.name}0", bytes(4), bytes(64)).to_text().encode()

    assert len(parse_entry(text + mine + other).signatures) == 2
    for lines in (other + mine, mine + mine):
        with pytest.raises(MalformedEntry, match="sorted"):
            parse_entry(text + lines)


def test_a_key_name_has_three_parts() -> None:
    name = key_name("example.org/log", YARD, 7)

    assert name == f"example.org/log/{YARD}/7"
    assert parse_key_name(name) == KeyName("example.org/log", YARD, 7)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "a/B",
        "a/B/0",
        "a/B/01",
        "a/B/x",
        "a/b/1",
        "/B/1",
        "a/B/1\n",
        "a/B/9999999999",
        "a/B/١",
    ],
)
def test_other_names_are_no_key_names(name: str) -> None:
    with pytest.raises(MalformedEntry):
        parse_key_name(name)


def test_possession_is_proved_by_the_new_key_over_its_registration() -> None:
    proof = prove_possession(YARD, SIGNER)

    check_possession(YARD, SIGNER.vkey, proof)
    SIGNER.verifier.verify(
        base64.b64decode(proof),
        b"remelt/key-possession@v1\nYARD00000001\n" + SIGNER.vkey.encode() + b"\n",
    )
    assert proof_of_possession_text(YARD, "vkey").endswith(b"vkey\n")


@pytest.mark.parametrize("proof", ["", "?", "AAAA", "镓", "\ud800"])
def test_what_is_no_proof_of_possession_is_refused(proof: str) -> None:
    with pytest.raises(BadSignature):
        check_possession(YARD, SIGNER.vkey, proof)


def test_a_proof_of_possession_fits_one_organisation_and_one_key() -> None:
    proof = prove_possession(YARD, SIGNER)

    with pytest.raises(BadSignature):
        check_possession(SMELTER, SIGNER.vkey, proof)
    with pytest.raises(BadSignature):
        check_possession(YARD, signer_of(SMELTER).vkey, proof)
    with pytest.raises(BadSignature, match="spelling"):
        # The last four bits of base64 before the padding are not part of the bytes
        check_possession(YARD, SIGNER.vkey, f"{proof[:-3]}{chr(ord(proof[-3]) + 1)}==")
    with pytest.raises(WeakKey):
        weak = "name+3b8a16b5+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        check_possession(YARD, weak, proof)
