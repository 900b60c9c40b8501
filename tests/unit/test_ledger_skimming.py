"""Skimming reads of an entry what reading it whole finds, and refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import (
    LedgerError,
    MalformedEntry,
    MalformedNote,
    canonical_json,
    parse_entry,
    sign_entry,
    sign_note,
    verify_lines,
)
from ledger.entry import HEADER
from ledger.skimming import skim_entry
from tests.small_log import YARD, envelope, signer_of

SIGNER = signer_of(YARD)
SEEN = {"root": "ab" * 32, "size": 7}
PARENTS = ["01" * 32, "02" * 32]
FACT = {
    **envelope("lot.sourced", YARD, {"lot": "L0T000000001", "depth": {"of": [1]}}),
    "parents": PARENTS,
    "seen": SEEN,
}
NOTE = sign_entry(FACT, [SIGNER])


def signed(body: str) -> bytes:
    """An entry over any line, fit or not."""
    return sign_note(HEADER.decode() + body + "\n", [SIGNER])


def changed(**members: Any) -> bytes:
    return signed(canonical_json({**FACT, **members}, ascii_names=True).decode())


@pytest.mark.parametrize("fact", [FACT, {**FACT, "parents": [], "seen": None}])
def test_it_finds_what_reading_the_whole_entry_finds(fact: dict[str, Any]) -> None:
    note = sign_entry(fact, [SIGNER])

    skimmed, whole = skim_entry(note), parse_entry(note)

    found = skimmed.envelope
    seen = found.seen and {"root": found.seen.root, "size": found.seen.size}
    assert seen == whole.fact["seen"]
    for member in ("at", "id", "org", "parents", "sd", "type", "v"):
        assert getattr(found, member) == whole.fact[member]
    assert (skimmed.text, skimmed.signatures) == (whole.text, whole.signatures)
    verify_lines(skimmed.text, skimmed.signatures, [SIGNER.verifier])


@pytest.mark.parametrize(
    "members",
    [
        {"more": 1},
        {"org": 7},
        {"type": None},
        {"parents": ["01"]},
        {"parents": PARENTS[::-1]},
        {"parents": "01" * 32},
        {"seen": {"root": "ab" * 32}},
        {"seen": {"root": "ab" * 32, "size": 0}},
        {"seen": {"root": "AB" * 32, "size": 7}},
        {"seen": {"root": "ab" * 32, "size": 7, "more": 1}},
        {"seen": []},
    ],
)
def test_an_envelope_that_is_none_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(MalformedEntry) as caught:
        skim_entry(changed(**members))
    assert caught.value.code == "entry.envelope"


@pytest.mark.parametrize("member", sorted(FACT))
def test_a_member_that_is_missing_is_missed(member: str) -> None:
    rest = {name: value for name, value in FACT.items() if name != member}
    with pytest.raises(MalformedEntry, match=member):
        skim_entry(signed(canonical_json(rest, ascii_names=True).decode()))


@pytest.mark.parametrize("body", ["", "[]", "7", "{", "[" * 60_000, '{"data":' * 7_000])
def test_what_is_no_object_is_refused(body: str) -> None:
    with pytest.raises(MalformedEntry):
        skim_entry(signed(body))


def test_another_first_line_and_a_note_without_signature_are_refused() -> None:
    with pytest.raises(MalformedEntry, match="first line"):
        skim_entry(NOTE.replace(b"fact@v1", b"fact@v2"))
    with pytest.raises(MalformedNote):
        skim_entry(NOTE[: NOTE.index(b"\n\n") + 2])


def test_no_flipped_bit_passes_by_with_its_signature() -> None:
    for position in range(len(NOTE)):
        for bit in range(8):
            note = bytearray(NOTE)
            note[position] ^= 1 << bit
            with pytest.raises(LedgerError):
                skimmed = skim_entry(bytes(note))
                verify_lines(skimmed.text, skimmed.signatures, [SIGNER.verifier])
