"""Fetch the files of a log, check each, and write it into a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import TypeVar

from app.services.archive import write_file
from app.services.archive_reading import Archive, BadArchive
from app.services.errors import ServiceError
from app.services.log_fetching import AT_ONCE, BadAnswer, LogClient, NotAllowed
from ledger import (
    HASH_SIZE,
    TILE_WIDTH,
    MalformedTile,
    TileName,
    encode_bundle,
    leaf_hash,
    new_tiles,
    parse_tile_path,
    root_of,
    tiles_of_size,
)
from ledger.proof import TILE_HEIGHT
from ledger.tiles import ENTRIES, split_hashes

MARK = ".updating"
INCOMING = ".incoming"
BATCH = 64
T = TypeVar("T")


class EntriesDenied(ServiceError):
    """The copy needs entries, and does not get them."""


class RememberedTiles:
    """Tiles of a log over the network, each asked for once.

    Attributes:
        kept: (level, index) -> the hashes that came.
    """

    def __init__(self, client: LogClient) -> None:
        self._client = client
        self.kept: dict[tuple[int, int], bytes] = {}

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile."""
        key = (level, index)
        if len(self.kept.get(key, b"")) < width * HASH_SIZE:
            self.kept[key] = self._client.read_tile(level, index, width)
        return self.kept[key][: width * HASH_SIZE]


class CopyWriter:
    """Writes what a tree of one size has, and a copy lacks.

    Attributes:
        fetched: Files that came over the network.
    """

    def __init__(
        self,
        client: LogClient,
        folder: Path,
        size: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self._client, self._folder, self._size = client, folder, size
        self._progress = progress
        self._archive = Archive(folder)
        self._done = self._expected = 0
        self.fetched = 0

    def write_tiles(self, old_size: int, edge: RememberedTiles) -> None:
        """Write the hash tiles that are new since a size, those nearest the root first.

        Args:
            old_size: Entries that the copy covers.
            edge: Tiles that have come already: those at the right edge of the new
                tree, which gave its root.

        Raises:
            BadAnswer: A tile does not fit the one above it.
        """
        names = [
            (int(name.level), name)
            for name in new_tiles(old_size, self._size)
            if name.level != ENTRIES
        ]
        self._expect(len(names))
        names.sort(key=lambda one: (-one[0], one[1].index))
        for batch in _batched([name for _, name in names], BATCH):
            full = [one for one in batch if one.width == TILE_WIDTH]
            for name in batch:
                if name.width != TILE_WIDTH:
                    level = int(name.level)
                    hashes = edge.read_tile(level, name.index, name.width)
                    write_file(self._folder / name.path, hashes)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                # A parent stands before its children; those of one level only are
                # fetched together, so that it is on the disk by then
                for group in _by_level(full):
                    wanted = [self._root_above(name) for name in group]
                    for name, tile in zip(
                        group,
                        pool.map(self._full_tile, group, wanted, repeat(edge)),
                        strict=True,
                    ):
                        if tile is not None:
                            write_file(self._folder / name.path, tile)
            self._step(len(batch))
        self._sync(self._folder, [name for _, name in names])

    def _root_above(self, name: TileName) -> bytes:
        level = int(name.level) + 1
        parent = name.index // TILE_WIDTH
        count = (self._size >> (TILE_HEIGHT * level)) - parent * TILE_WIDTH
        tile = self._archive.read_tile(level, parent, min(count, TILE_WIDTH))
        at = name.index % TILE_WIDTH * HASH_SIZE
        return tile[at : at + HASH_SIZE]

    def _full_tile(
        self, name: TileName, wanted: bytes, edge: RememberedTiles
    ) -> bytes | None:
        """A full tile, checked; None where the copy has it."""
        path = self._folder / name.path
        if path.is_file() and _root_of(path.read_bytes()) == wanted:
            return None
        key = (int(name.level), name.index)
        tile = edge.kept.get(key) or self._client.read_tile(*key, TILE_WIDTH)
        if _root_of(tile) != wanted:
            raise BadAnswer(
                "{url}/{path} does not fit the tile above it",
                url=self._client.url,
                path=name.path,
            )
        self.fetched += 1
        return tile

    def write_entries(self, old_size: int) -> str | None:
        """Write the entries that are new since a size; the tiles are there.

        Entries that come for the first time are gathered beside the copy.

        Returns:
            None, or why there are none: the log does not give them to us.

        Raises:
            BadAnswer: An entry does not fit its leaf hash.
            EntriesDenied: The copy holds entries, and the log gives no more.
        """
        joins = not self._archive.has_entries
        into = self._folder / INCOMING if joins else self._folder
        old_size = 0 if joins else old_size
        names = [
            name for name in new_tiles(old_size, self._size) if name.level == ENTRIES
        ]
        self._expect(len(names))
        try:
            self._write_bundles(names, into)
        except NotAllowed as error:
            if joins:
                return f"the log does not let us read entries ({error})"
            raise EntriesDenied(
                "the copy holds entries, and the log gives us no more of them: "
                "{reason}; send the token of a mirror or an auditor",
                reason=error,
            ) from None
        if joins:
            self._join(into)
        return None

    def _write_bundles(self, names: Sequence[TileName], into: Path) -> None:
        for batch in _batched(names, BATCH):
            jobs = [
                (name, into, self._archive.read_tile(0, name.index, name.width))
                for name in batch
            ]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for name, data in zip(batch, pool.map(self._bundle, jobs), strict=True):
                    if data is not None:
                        write_file(into / name.path, data)
            self._step(len(batch))
        self._sync(into, names)

    def _bundle(self, job: tuple[TileName, Path, bytes]) -> bytes | None:
        """A bundle, checked; None where it is there already."""
        name, into, tile = job
        hashes = split_hashes(tile)
        if (into / name.path).is_file():
            try:
                kept = Archive(into).read_entries(name.index, name.width)
            except BadArchive:
                kept = []
            if [leaf_hash(one) for one in kept] == hashes:
                return None
        entries = self._client.read_entries(name.index, name.width)
        for n, (entry, wanted) in enumerate(zip(entries, hashes, strict=True)):
            if leaf_hash(entry) != wanted:
                raise BadAnswer(
                    "entry {index} of {url} does not fit its leaf hash",
                    index=name.index * TILE_WIDTH + n,
                    url=self._client.url,
                )
        self.fetched += 1
        return encode_bundle(entries)

    def _join(self, incoming: Path) -> None:
        """Let the gathered entries join the copy, all at once."""
        wanted = {
            name.path for name in tiles_of_size(self._size) if name.level == ENTRIES
        }
        for path in list(Archive(incoming).iter_files()):
            if path not in wanted:
                (incoming / path).unlink()  # of a try over fewer entries
        gathered = incoming / "tile" / ENTRIES
        gathered.replace(self._folder / "tile" / ENTRIES)
        sync_folder(self._folder / "tile")
        (incoming / "tile").rmdir()
        incoming.rmdir()

    def _sync(self, base: Path, names: Iterable[TileName]) -> None:
        """Make new names last: a rename is not, until its folder is written."""
        for folder in sorted({(base / name.path).parent for name in names}):
            sync_folder(folder)
            for above in folder.relative_to(base).parents:
                sync_folder(base / above)

    def _expect(self, count: int) -> None:
        self._expected += count
        self._progress(self._done, self._expected)

    def _step(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._expected)


def sync_folder(folder: Path) -> None:
    """Make what a folder names last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path, size: int, old_size: int, *, thoroughly: bool) -> None:
    """Take away partial tiles that a wider one has taken the place of.

    Args:
        folder: The copy.
        size: Of its checkpoint.
        old_size: Of the one before: its partial tiles go.
        thoroughly: Go by all files, after a run that did not come to its end.
    """
    needed = {name.path for name in tiles_of_size(size) if name.width < TILE_WIDTH}
    old: Iterable[str] = (
        name.path for name in tiles_of_size(old_size) if name.width < TILE_WIDTH
    )
    if thoroughly:
        for begun in list(folder.rglob(".*.*")):
            if begun.is_file():
                begun.unlink()
        if Archive(folder).has_entries:
            shutil.rmtree(folder / INCOMING, ignore_errors=True)
        old = list(Archive(folder).iter_files())
    for path in old:
        if path in needed or not (folder / path).is_file():
            continue
        try:
            name = parse_tile_path(path)
        except MalformedTile:
            continue
        level = 0 if name.level == ENTRIES else name.level
        covered = size >> (TILE_HEIGHT * level)
        if name.width < TILE_WIDTH and name.index * TILE_WIDTH < covered:
            (folder / path).unlink()
            if not any((folder / path).parent.iterdir()):
                (folder / path).parent.rmdir()


def _root_of(tile: bytes) -> bytes | None:
    if len(tile) != TILE_WIDTH * HASH_SIZE:
        return None
    return root_of(split_hashes(tile))


def _by_level(names: Sequence[TileName]) -> Iterator[list[TileName]]:
    for level in sorted({int(name.level) for name in names}, reverse=True):
        yield [name for name in names if name.level == level]


def _batched(items: Sequence[T], count: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), count):
        yield items[start : start + count]
