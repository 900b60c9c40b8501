"""Signed notes: what opens, what must not, and which keys are refused."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger import (
    BadSignature,
    LedgerError,
    MalformedNote,
    SignatureLine,
    Signer,
    Verifier,
    WeakKey,
    check_public_key,
    open_note,
    sign_note,
    split_note,
)

ANN = Signer.from_bytes("example.org/ann", bytes(range(32)))
BEN = Signer.from_bytes("example.org/ben", bytes(range(1, 33)))
TEXT = "first\n\nsecond 镓\n"
NOTE = sign_note(TEXT, [ANN, BEN])
P = 2**255 - 19

# Every encoding of a point of order 1, 2, 4 or 8
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


def vkey_of(name: str, public_key: bytes, kind: bytes = b"\x01") -> str:
    """A verifier key after the specification, whatever the key is worth."""
    digest = hashlib.sha256(name.encode() + b"\n" + kind + public_key).digest()
    return f"{name}+{digest[:4].hex()}+{base64.b64encode(kind + public_key).decode()}"


def test_a_note_opens_to_its_text_and_signers() -> None:
    opened = open_note(NOTE, [ANN.verifier, BEN.verifier])

    assert opened.text == TEXT.encode()
    assert [line.name for line in opened.signatures] == [ANN.name, BEN.name]
    assert opened.unknown == ()


def test_lines_of_unknown_keys_are_passed_over() -> None:
    opened = open_note(NOTE, [BEN.verifier])

    assert [line.name for line in opened.signatures] == [BEN.name]
    assert [line.name for line in opened.unknown] == [ANN.name]


def test_the_text_ends_at_the_last_empty_line() -> None:
    text, lines = split_note(NOTE)

    assert text == TEXT.encode()
    assert [line.name for line in lines] == [ANN.name, BEN.name]


def test_every_changed_byte_is_noticed() -> None:
    for at in range(len(NOTE)):
        hurt = bytearray(NOTE)
        hurt[at] ^= 1

        try:
            opened = open_note(bytes(hurt), [ANN.verifier, BEN.verifier])
        except LedgerError:
            continue
        # A changed name or ID makes a line of an unknown key: one signer is missing
        assert len(opened.signatures) == 1
        assert len(opened.unknown) == 1
        assert opened.text == TEXT.encode()


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        NOTE[:-1],
        NOTE + b"\n",
        NOTE.replace("— ".encode(), b"- ", 1),
        NOTE.replace("— ".encode(), "—".encode(), 1),
        NOTE.replace("— ".encode(), "—  ".encode(), 1),
        NOTE.replace(b"first", b"fir\tst"),
        NOTE.replace(b"\n", b"\r\n"),
        NOTE.replace(b"first", b"fir\xffst"),
        NOTE.replace(b"first", b"fir\x00st"),
        NOTE.replace(b"example.org/ann", b"example.org/ann+"),
        NOTE.replace(b"example.org/ann", "example.org/\u2028ann".encode()),
        TEXT.encode() + "\n— name AAAA\n".encode(),
        TEXT.encode() + "\n— name AAAAAAA\n".encode(),
        TEXT.encode() + "\n— name AAAAAAB=\n".encode(),
        TEXT.encode() + "\n— name ????\n".encode(),
        TEXT.encode() + "\n—  AAAAAAA=\n".encode(),
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(MalformedNote):
        split_note(note)


def test_a_known_key_with_a_bad_signature_condemns_the_note() -> None:
    forged = SignatureLine(ANN.name, ANN.verifier.key_id, bytes(64)).to_text()
    unsigned = sign_note(TEXT, [BEN])

    for note in (unsigned + forged.encode(), NOTE + forged.encode()):
        with pytest.raises(BadSignature):
            open_note(note, [ANN.verifier, BEN.verifier])
    assert open_note(unsigned + forged.encode(), [BEN.verifier]).unknown


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(65)])
def test_a_signature_of_another_length_does_not_verify(signature: bytes) -> None:
    with pytest.raises(BadSignature):
        ANN.verifier.verify(signature, b"text\n")


def test_a_line_that_stands_twice_counts_once() -> None:
    line = split_note(NOTE)[1][0].to_text()
    opened = open_note(NOTE + line.encode(), [ANN.verifier, BEN.verifier])

    assert [one.name for one in opened.signatures] == [ANN.name, BEN.name]


def test_name_and_id_must_both_match() -> None:
    other = Signer.from_bytes("example.org/other", ANN.seed)

    with pytest.raises(BadSignature, match="no known key"):
        open_note(NOTE, [other.verifier])
    with pytest.raises(BadSignature, match="no known key"):
        open_note(NOTE, [])


def test_a_hundred_signatures_are_read_and_one_more_is_not() -> None:
    line = SignatureLine("name", bytes(4), bytes(64)).to_text().encode()

    assert len(split_note(b"text\n\n" + line * 100)[1]) == 100
    with pytest.raises(MalformedNote, match="101"):
        split_note(b"text\n\n" + line * 101)


def test_a_note_beyond_a_megabyte_is_refused() -> None:
    with pytest.raises(MalformedNote, match="too long"):
        split_note(b"a" * 1_000_000 + NOTE)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "\x00\n", "\ud800\n"])
def test_what_cannot_be_the_text_of_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(MalformedNote):
        sign_note(text, [ANN])


def test_nobody_signs_no_note() -> None:
    with pytest.raises(MalformedNote):
        sign_note(TEXT, [])


def test_a_key_is_read_from_the_text_that_it_writes() -> None:
    verifier = Verifier.parse(ANN.vkey)

    assert ANN.vkey == vkey_of(ANN.name, ANN.public_key)
    assert (verifier.name, verifier.key_id) == (ANN.name, ANN.verifier.key_id)
    assert verifier.public_key == ANN.public_key
    assert verifier.vkey == ANN.vkey


def test_a_seed_makes_the_same_key_again() -> None:
    made = Signer.generate("example.org/new")

    assert Signer.from_bytes(made.name, made.seed).vkey == made.vkey
    assert made.vkey != Signer.generate("example.org/new").vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        ANN.vkey + "=",
        ANN.vkey[:-2],
        ANN.vkey.replace("ann", "bob"),
        ANN.vkey.upper(),
        " " + ANN.vkey,
        ANN.vkey + "\n",
        vkey_of("", ANN.public_key),
        vkey_of("two words", ANN.public_key),
        vkey_of("name", ANN.public_key, b"\x04"),
        vkey_of("name", ANN.public_key + b"\x00"),
        "\ud800" + ANN.vkey,
        ANN.vkey[:-1] + "\ud800",
    ],
)
def test_what_is_no_key_is_not_read(vkey: str) -> None:
    with pytest.raises(MalformedNote):
        Verifier.parse(vkey)


@pytest.mark.parametrize("encoded", LOW_ORDER)
def test_keys_of_low_order_are_refused(encoded: str) -> None:
    raw = bytes.fromhex(encoded)

    with pytest.raises(WeakKey):
        check_public_key(raw)
    with pytest.raises(WeakKey):
        Verifier.parse(vkey_of("name", raw))


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("excess", range(19))
def test_keys_with_y_beyond_the_field_are_refused(excess: int, sign: int) -> None:
    raw = (P + excess | sign << 255).to_bytes(32, "little")

    with pytest.raises(WeakKey):
        check_public_key(raw)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(WeakKey):
        check_public_key(bytes(length))


def test_ordinary_keys_are_accepted() -> None:
    for n in range(50):
        check_public_key(Signer.from_bytes("name", bytes([n]) * 32).public_key)


def test_two_keys_under_one_name_and_id_are_ambiguous() -> None:
    twin = Verifier(ANN.name, BEN.public_key)
    twin.key_id = ANN.verifier.key_id

    with pytest.raises(BadSignature, match="two different keys"):
        open_note(NOTE, [ANN.verifier, twin])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_a_signature_of_ours(tmp_path: Path) -> None:
    text, [line] = split_note(sign_note(TEXT, [ANN]))
    key = Ed25519PrivateKey.from_private_bytes(ANN.seed).public_key()
    files = {
        "key.pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "text": text,
        "sig": line.signature,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    command = (
        "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in text -sigfile sig"
    )
    done = subprocess.run(
        command.split(), cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "Signature Verified Successfully" in done.stdout, done.stderr
