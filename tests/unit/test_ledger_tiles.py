"""Names and contents of tiles: one spelling, and every tile of every size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import pytest

from ledger import (
    MalformedTile,
    TileName,
    decode_bundle,
    encode_bundle,
    entries_path,
    new_tiles,
    parse_tile_path,
    tile_path,
    tiles_of_size,
)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (TileName(0, 0), "tile/0/000"),
        (TileName(0, 5, 1), "tile/0/005.p/1"),
        (TileName(0, 999), "tile/0/999"),
        (TileName(1, 1000), "tile/1/x001/000"),
        (TileName(0, 1234067), "tile/0/x001/x234/067"),
        (TileName(63, 0, 255), "tile/63/000.p/255"),
        (TileName("entries", 273, 112), "tile/entries/273.p/112"),
    ],
)
def test_a_tile_has_one_path(name: TileName, path: str) -> None:
    assert name.path == path
    assert parse_tile_path(path) == name


def test_tiles_and_entries_have_the_paths_of_their_names() -> None:
    assert tile_path(2, 1000, 7) == TileName(2, 1000, 7).path
    assert entries_path(1000) == TileName("entries", 1000).path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/X001/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/data/000",
        "tile/entries/000.p/300",
        "tile/0/" + "x999/" * 2000 + "999",
        "tile/0/../000",
    ],
)
def test_no_other_path_names_a_tile(path: str) -> None:
    with pytest.raises(MalformedTile):
        parse_tile_path(path)


def test_seventy_thousand_leaves_have_the_tiles_that_the_specification_names() -> None:
    names = list(tiles_of_size(70_000))

    full = Counter(name.level for name in names if name.width == 256)
    partial = {name.level: name.width for name in names if name.width < 256}

    assert full == {"entries": 273, 0: 273, 1: 1}
    assert partial == {"entries": 112, 0: 112, 1: 17, 2: 1}


def test_a_full_tile_has_its_hash_in_the_tile_above() -> None:
    assert [name.path for name in tiles_of_size(256)] == [
        "tile/entries/000",
        "tile/0/000",
        "tile/1/000.p/1",
    ]
    assert list(tiles_of_size(0)) == []


@pytest.mark.parametrize(
    "steps", [range(0, 700), (0, 255, 256, 257, 65_535, 65_536, 65_537, 70_000)]
)
def test_new_tiles_are_those_that_the_old_size_has_not(steps: Iterable[int]) -> None:
    sizes = list(steps)
    for old, new in pairwise(sizes):
        before, after = set(tiles_of_size(old)), set(tiles_of_size(new))
        made = list(new_tiles(old, new))

        assert set(made) == after - before
        assert len(made) == len(set(made))


def test_a_bundle_holds_its_entries() -> None:
    entries = [b"", b"a", b"b" * 65_535]

    assert encode_bundle([b"ab"]) == b"\x00\x02ab"
    assert decode_bundle(encode_bundle(entries)) == entries
    assert decode_bundle(encode_bundle([b""] * 256)) == [b""] * 256


@pytest.mark.parametrize(
    "data", [b"\x00", b"\x00\x01", b"\x00\x02a", b"\x00\x01ab", bytes(2 * 257)]
)
def test_a_bundle_that_ends_within_an_entry_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedTile):
        decode_bundle(data)


@pytest.mark.parametrize("entries", [[b"a" * 65_536], [b""] * 257])
def test_what_fits_no_bundle_is_not_written(entries: list[bytes]) -> None:
    with pytest.raises(MalformedTile):
        encode_bundle(entries)
