"""A log as a folder of files, read and never written: no database, no setting.

The layout is that of C2SP tlog-tiles, as ``remelt ledger export`` and ``remelt mirror``
write it: ``policy``, ``checkpoint``, ``tile/<L>/<N>[.p/<W>]`` and
``tile/entries/<N>[.p/<W>]``. Nothing that is read here has been verified:
``archive_check`` does that.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from app.services.errors import ServiceError
from ledger import (
    HASH_SIZE,
    TILE_WIDTH,
    MalformedTile,
    TileName,
    decode_bundle,
    parse_tile_path,
)
from ledger.note import MAX_NOTE_SIZE
from ledger.policy import MAX_TEXT
from ledger.tiles import ENTRIES, MAX_ENTRY_SIZE

MAX_TILE = TILE_WIDTH * HASH_SIZE
MAX_BUNDLE = TILE_WIDTH * (2 + MAX_ENTRY_SIZE)
KEPT_TILES = 64
CHECKPOINT = "checkpoint"
POLICY = "policy"


class BadArchive(ServiceError):
    """A file of an archive is missing, or cannot be what its name says.

    Args:
        file: Path within the archive.
        message: What was found.
    """

    def __init__(self, file: str, message: str) -> None:
        super().__init__("{file}: {reason}", file=file, reason=message)
        self.file = file
        self.reason = message


class Archive:
    """The files of one folder; a ``TileReader`` over its hash tiles."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: OrderedDict[tuple[int, int], tuple[str, bytes]] = OrderedDict()

    @property
    def has_entries(self) -> bool:
        """Whether entries are kept, and not their hashes only."""
        return (self.folder / "tile" / ENTRIES).is_dir()

    def read_checkpoint(self) -> bytes:
        """The checkpoint's bytes.

        Raises:
            BadArchive: There is none, or it is too long.
        """
        return self.read_file(CHECKPOINT, MAX_NOTE_SIZE)

    def read_policy(self) -> bytes:
        """The policy's bytes.

        Raises:
            BadArchive: There is none, or it is too long.
        """
        return self.read_file(POLICY, MAX_TEXT)

    def read_file(self, path: str, most: int) -> bytes:
        """A file by its path within the archive.

        Raises:
            BadArchive: It is missing, is no file, or has more bytes than ``most``.
        """
        try:
            with (self.folder / path).open("rb") as stream:
                data = stream.read(most + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise BadArchive(path, "is missing") from None
        except IsADirectoryError:
            raise BadArchive(path, "is a folder") from None
        except OSError as error:
            raise BadArchive(path, f"cannot be read: {error.strerror}") from None
        if len(data) > most:
            raise BadArchive(path, f"is longer than {most} bytes")
        return data

    def find(self, name: TileName) -> str:
        """Path of the file that holds a tile: its own, or a wider one of its place.

        A log may drop a partial tile once the full one exists.

        Raises:
            BadArchive: None is there.
        """
        full = TileName(name.level, name.index)
        for path in (name.path, full.path):
            if (self.folder / path).is_file():
                return path
        wider = [width for width in self._partials(full) if width > name.width]
        if not wider:
            raise BadArchive(name.path, "is missing")
        return TileName(name.level, name.index, min(wider)).path

    def _partials(self, full: TileName) -> list[int]:
        folder = self.folder / f"{full.path}.p"
        try:
            names = [one.name for one in folder.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        widths = {str(width): width for width in range(1, TILE_WIDTH)}
        return [widths[name] for name in names if name in widths]

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile, 32 bytes each.

        Raises:
            BadArchive: The file is missing or shorter.
        """
        return self.read_hashes(TileName(level, index, width))[1]

    def read_hashes(self, name: TileName) -> tuple[str, bytes]:
        """(path of the file that holds it, hashes) of a hash tile.

        Raises:
            BadArchive: The file is missing, shorter, or too long.
        """
        assert name.level != ENTRIES  # noqa: S101 - for the type checker
        key = (name.level, name.index)
        kept = self._kept.get(key)
        if kept is None or len(kept[1]) < name.width * HASH_SIZE:
            path = self.find(name)
            data = self.read_file(path, MAX_TILE)
            width = parse_tile_path(path).width
            if len(data) != width * HASH_SIZE:
                raise BadArchive(
                    path, f"has {len(data)} bytes, expected {width * HASH_SIZE}"
                )
            kept = self._kept[key] = (path, data)
            if len(self._kept) > KEPT_TILES:
                self._kept.popitem(last=False)
        return kept[0], kept[1][: name.width * HASH_SIZE]

    def read_entries(self, index: int, width: int) -> list[bytes]:
        """The first ``width`` entries of a bundle.

        Raises:
            BadArchive: The file is missing, holds fewer, or is no bundle.
        """
        path = self.find(TileName(ENTRIES, index, width))
        try:
            entries = decode_bundle(self.read_file(path, MAX_BUNDLE))
        except MalformedTile as error:
            raise BadArchive(path, str(error)) from None
        if len(entries) < width:
            raise BadArchive(path, f"holds {len(entries)} entries, expected {width}")
        return entries[:width]

    def iter_notes(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """(index, note) of the entries from ``start`` to before ``stop``.

        Args:
            start: First index.
            stop: At most the size of the archive's checkpoint.

        Raises:
            BadArchive: A bundle is missing, or no bundle.
        """
        for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)):
            base = index * TILE_WIDTH
            notes = self.read_entries(index, min(TILE_WIDTH, stop - base))
            for at, note in enumerate(notes, base):
                if at >= start:
                    yield at, note

    def iter_files(self) -> Iterator[str]:
        """Paths of all files, in no order; those that begin with a dot left out.

        They are what a writer has begun and not finished.
        """
        for where, folders, files in os.walk(self.folder):
            folders[:] = sorted(one for one in folders if not one.startswith("."))
            base = Path(where).relative_to(self.folder)
            for name in files:
                if not name.startswith("."):
                    yield (base / name).as_posix()
