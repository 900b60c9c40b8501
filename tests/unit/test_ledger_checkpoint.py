"""Checkpoints: three lines, signed, of the log that was asked for."""

from __future__ import annotations

import base64

import pytest

from ledger import (
    BadSignature,
    Checkpoint,
    MalformedNote,
    Signer,
    open_checkpoint,
    parse_checkpoint_text,
    read_checkpoint,
    sign_checkpoint,
    sign_note,
)

LOG = Signer.from_bytes("example.org/log", bytes(range(32)))
ROOT = bytes(range(32))
ROOT_TEXT = base64.b64encode(ROOT).decode()
HEAD = Checkpoint("example.org/log", 42, ROOT)


def test_a_checkpoint_is_origin_size_and_root() -> None:
    assert HEAD.to_text() == f"example.org/log\n42\n{ROOT_TEXT}\n"
    assert parse_checkpoint_text(HEAD.to_text().encode()) == HEAD


def test_a_signed_checkpoint_opens_under_its_key_and_origin() -> None:
    note = sign_checkpoint(HEAD, [LOG])

    assert open_checkpoint(note, [LOG.verifier], "example.org/log") == HEAD
    assert read_checkpoint(note) == HEAD
    with pytest.raises(MalformedNote, match=r"expected example\.org/other"):
        open_checkpoint(note, [LOG.verifier], "example.org/other")
    with pytest.raises(BadSignature):
        open_checkpoint(note, [], "example.org/log")


def test_extension_lines_are_signed_and_passed_over() -> None:
    note = sign_note(HEAD.to_text() + "extension 1\nextension 2\n", [LOG])

    assert open_checkpoint(note, [LOG.verifier], LOG.name) == HEAD
    with pytest.raises(BadSignature):
        open_checkpoint(
            note.replace(b"extension 2", b"extension 3"), [LOG.verifier], LOG.name
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"\n42\n{ROOT_TEXT}\n",
        f"origin\n\n{ROOT_TEXT}\n",
        "origin\n42\n\n",
        f"origin\n42\n{ROOT_TEXT}",
        f"origin\n42\n{ROOT_TEXT}\n\n",
        f"origin\n42\n{ROOT_TEXT}\n\nextension\n",
        f"origin\n042\n{ROOT_TEXT}\n",
        f"origin\n00\n{ROOT_TEXT}\n",
        f"origin\n+42\n{ROOT_TEXT}\n",
        f"origin\n-1\n{ROOT_TEXT}\n",
        f"origin\n 42\n{ROOT_TEXT}\n",
        f"origin\n4_2\n{ROOT_TEXT}\n",
        f"origin\n٤٢\n{ROOT_TEXT}\n",
        f"origin\n{2**63}\n{ROOT_TEXT}\n",
        f"origin\n{'9' * 5000}\n{ROOT_TEXT}\n",
        f"origin\n42\n{ROOT_TEXT[:-1]}\n",
        f"origin\n42\n{base64.b64encode(ROOT[:-1]).decode()}\n",
        f"origin\n42\n{ROOT_TEXT[:-2]}9=\n",
        f"origin\n42\n{ROOT_TEXT} \n",
        f"remelt/fact@v1\n42\n{ROOT_TEXT}\n",
    ],
)
def test_a_second_spelling_is_no_checkpoint(text: str) -> None:
    with pytest.raises(MalformedNote):
        parse_checkpoint_text(text.encode())


def test_text_that_is_not_utf_8_is_no_checkpoint() -> None:
    with pytest.raises(MalformedNote):
        parse_checkpoint_text(b"\xff\n42\n" + ROOT_TEXT.encode() + b"\n")


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, ROOT),
        ("a\nb", 1, ROOT),
        ("a", -1, ROOT),
        ("a", 2**63, ROOT),
        ("a", 1, b""),
    ],
)
def test_what_cannot_be_written_cannot_be_made(
    origin: str, size: int, root: bytes
) -> None:
    with pytest.raises(MalformedNote):
        Checkpoint(origin, size, root)


@pytest.mark.parametrize("size", [0, 1, 2**63 - 1])
def test_sizes_from_zero_to_63_bits_are_read_back(size: int) -> None:
    head = Checkpoint("origin", size, ROOT)

    assert parse_checkpoint_text(head.to_text().encode()) == head
