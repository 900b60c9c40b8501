"""A client that knows the published formats only, against tiles served as bytes.

It is written apart from ``ledger``: hashing, tile names, notes and signatures are its
own, after RFC 6962 and C2SP. What it can check, other people's software can.
"""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import pairwise

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import (
    Checkpoint,
    LeafTiles,
    encode_bundle,
    new_tiles,
    root_of,
    sign_checkpoint,
    sign_entry,
    tiles_of_size,
)
from ledger import leaf_hash as our_leaf_hash
from tests.small_log import LOG_KEY, ORIGIN, YARD, envelope, signer_of

SIZE = 700


class Fault(Exception):
    """What the client was served does not fit together."""


def split(note: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    text, below = note.decode().rsplit("\n\n", 1)
    *below_lines, end = below.split("\n")
    if end or not all(line.startswith("— ") for line in below_lines):
        raise Fault("no signature lines")
    lines = [line.removeprefix("— ").split(" ") for line in below_lines]
    return f"{text}\n".encode(), [(n, base64.b64decode(s)) for n, s in lines]


def verify(note: bytes, vkey: str) -> bytes:
    name, hex_id, encoded = vkey.split("+", 2)
    kind_and_key = base64.b64decode(encoded)
    digest = hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()
    if digest[:4].hex() != hex_id:
        raise Fault("the key does not fit its ID")
    text, lines = split(note)
    for signer, signature in lines:
        if (signer, signature[:4]) == (name, digest[:4]):
            try:
                Ed25519PublicKey.from_public_bytes(kind_and_key[1:]).verify(
                    signature[4:], text
                )
            except InvalidSignature:
                raise Fault("bad signature") from None
            return text
    raise Fault("no signature")


def number(n: int) -> str:
    text = f"{n:03d}"
    text = text.zfill(-(-len(text) // 3) * 3)
    groups = [text[i : i + 3] for i in range(0, len(text), 3)]
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])


def tree_head(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(
        b"\x01" + tree_head(hashes[:k]) + tree_head(hashes[k:])
    ).digest()


class Client:
    """Reads a whole log from its files, and believes nothing that it did not check."""

    def __init__(self, files: dict[str, bytes], vkey: str) -> None:
        self.files = files
        text = verify(files["checkpoint"], vkey).decode()
        origin, size, root = text.splitlines()
        if origin != vkey.split("+", maxsplit=1)[0]:
            raise Fault("another log")
        self.size, self.root = int(size), base64.b64decode(root)

    def tile(self, level: str, index: int, count: int) -> bytes:
        partial = f".p/{count}" if count < 256 else ""
        try:
            return self.files[f"tile/{level}/{number(index)}{partial}"]
        except KeyError as error:
            raise Fault(f"no tile {error}") from None

    def row(self, level: int, count: int) -> list[bytes]:
        hashes: list[bytes] = []
        for index in range(-(-count // 256)):
            width = min(256, count - index * 256)
            data = self.tile(str(level), index, width)
            if len(data) != 32 * width:
                raise Fault("a tile has the wrong length")
            hashes += [data[i : i + 32] for i in range(0, len(data), 32)]
        return hashes

    def entries(self) -> list[bytes]:
        found: list[bytes] = []
        for index in range(-(-self.size // 256)):
            count = min(256, self.size - index * 256)
            data, at = self.tile("entries", index, count), 0
            for _ in range(count):
                length = int.from_bytes(data[at : at + 2], "big")
                found.append(data[at + 2 : at + 2 + length])
                at += 2 + length
            if at != len(data):
                raise Fault("a bundle has the wrong length")
        return found

    def audit(self) -> list[bytes]:
        """Every entry, after checking leaves, tiles of each level and the root."""
        entries = self.entries()
        below = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
        if self.row(0, self.size) != below:
            raise Fault("entries and leaf hashes differ")
        if tree_head(below) != self.root:
            raise Fault("the root differs")
        level = 1
        while len(below) >= 256:
            below = [
                tree_head(below[i : i + 256]) for i in range(0, len(below) - 255, 256)
            ]
            if self.row(level, len(below)) != below:
                raise Fault(f"level {level} differs")
            level += 1
        return entries


def notes_of(count: int) -> list[bytes]:
    signer = signer_of(YARD)
    return [
        sign_entry(envelope("lot.sourced", YARD, {"n": n}, number=n), [signer])
        for n in range(count)
    ]


NOTES = notes_of(SIZE)


def serve(notes: list[bytes], grown_from: tuple[int, ...] = ()) -> dict[str, bytes]:
    """The files of a log, as if it had grown over these sizes."""
    leaves = [our_leaf_hash(note) for note in notes]
    tiles, size = LeafTiles(leaves), len(notes)
    files: dict[str, bytes] = {}
    sizes = (0, *grown_from, size)
    for old, new in pairwise(sizes):
        for name in new_tiles(old, new):
            if name.level == "entries":
                start = name.index * 256
                files[name.path] = encode_bundle(notes[start : start + name.width])
            else:
                files[name.path] = tiles.read_tile(name.level, name.index, name.width)
    head = Checkpoint(ORIGIN, size, root_of(leaves))
    files["checkpoint"] = sign_checkpoint(head, [LOG_KEY])
    return files


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 512, SIZE])
def test_an_independent_client_audits_the_log(size: int) -> None:
    assert Client(serve(NOTES[:size]), LOG_KEY.vkey).audit() == NOTES[:size]


def test_a_log_that_grew_serves_every_tile_that_a_client_asks_for() -> None:
    files = serve(NOTES, grown_from=(1, 100, 256, 300, 511))

    assert Client(files, LOG_KEY.vkey).audit() == NOTES
    assert {name.path for name in tiles_of_size(SIZE)} < files.keys()


def test_the_client_verifies_the_signature_of_an_entry() -> None:
    text = verify(NOTES[5], signer_of(YARD).vkey)
    header, line, end = text.decode().split("\n")

    assert (header, end) == ("remelt/fact@v1", "")
    assert json.loads(line)["data"] == {"n": 5}


def test_the_client_notices_a_changed_bit_in_every_file() -> None:
    files = serve(NOTES)

    for path, data in files.items():
        for at in (0, len(data) // 2, len(data) - 1):
            hurt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            with pytest.raises((Fault, ValueError)):
                Client({**files, path: hurt}, LOG_KEY.vkey).audit()
