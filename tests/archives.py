"""Logs as folders of files, built with the ledger alone: no database, fixed keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.services.policy_files import seal_policy
from ledger import (
    Checkpoint,
    LeafTiles,
    Policy,
    add_lines,
    encode_bundle,
    format_policy,
    leaf_hash,
    root_of,
    sign_checkpoint,
    sign_entry,
    tiles_of_size,
)
from ledger.tiles import ENTRIES
from tests.small_log import (
    LOG_KEY,
    ORIGIN,
    POLICY,
    WITNESS,
    YARD,
    SmallLog,
    claim_log,
    envelope,
    signer_of,
)


def long_log(count: int) -> SmallLog:
    """A log of ``count`` entries: a claim, its history, and lots of the yard."""
    log, _ = claim_log()
    signer = signer_of(YARD)
    root = root_of(log.leaves).hex()
    parent, size = log.leaves[-1].hex(), len(log.notes)
    for number in range(size, count):
        fact = envelope(
            "lot.sourced",
            YARD,
            {"lot": f"{number:012d}"},
            number=number,
            parents=[parent],
            seen={"size": size, "root": root},
        )
        log.notes.append(sign_entry(fact, [signer]))
        if number % 50 == 0:
            parent = leaf_hash(log.notes[-1]).hex()
    return log


def checkpoint_of(notes: Sequence[bytes], *, witnessed: bool = True) -> bytes:
    """The state of a log of these entries, signed, and cosigned by the witness."""
    head = Checkpoint(ORIGIN, len(notes), root_of([leaf_hash(one) for one in notes]))
    note = sign_checkpoint(head, [LOG_KEY])
    if not witnessed:
        return note
    return add_lines(note, [WITNESS.cosign(note, 1_772_700_000)])


def policy_bytes(notes: Sequence[bytes], policy: Policy = POLICY) -> bytes:
    """The policy file of a log, sealed."""
    genesis = leaf_hash(notes[0]).hex()
    return seal_policy(f"# genesis {genesis}\n{format_policy(policy)}")


def archive_files(
    notes: Sequence[bytes], *, entries: bool = True, policy: Policy = POLICY
) -> dict[str, bytes]:
    """The files of an archive by their paths."""
    tiles = LeafTiles.of_entries(notes)
    files: dict[str, bytes] = {}
    for name in tiles_of_size(len(notes)):
        if name.level != ENTRIES:
            files[name.path] = tiles.read_tile(name.level, name.index, name.width)
        elif entries:
            start = name.index * 256
            files[name.path] = encode_bundle(notes[start : start + name.width])
    files["policy"] = policy_bytes(notes, policy)
    files["checkpoint"] = checkpoint_of(notes)
    return files


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder
