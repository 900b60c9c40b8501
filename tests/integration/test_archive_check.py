"""A whole archive, checked offline: every byte of it counts."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from app.services.archive_check import check_archive
from app.services.archive_findings import ArchiveReport
from app.services.policy_files import read_pinned
from ledger import (
    Checkpoint,
    PolicyLog,
    Signer,
    add_lines,
    encode_bundle,
    leaf_hash,
    root_of,
    sign_checkpoint,
    sign_entry,
)
from ledger.note import SignatureLine
from tests.archives import (
    archive_files,
    checkpoint_of,
    long_log,
    policy_bytes,
    write_files,
)
from tests.small_log import (
    ORIGIN,
    POLICY,
    SMELTER,
    WITNESS,
    YARD,
    claim_log,
    envelope,
    signer_of,
)

SIZES = (1, 9, 255, 256, 257, 700)
NOTES = long_log(700).notes


def faults(report: ArchiveReport) -> list[str]:
    return [one.to_text() for one in report.faults]


@pytest.mark.parametrize("size", SIZES)
def test_a_good_archive_holds_at_every_size(tmp_path: Path, size: int) -> None:
    write_files(tmp_path, archive_files(NOTES[:size]))
    done: list[int] = []

    report = check_archive(tmp_path, progress=done.append)

    assert faults(report) == []
    assert (report.size, report.entries, report.hashes) == (size, size, size)
    assert report.outcome is not None
    assert report.outcome.grade == "witnessed"
    assert done[-1] == size


def test_processes_find_what_one_finds(tmp_path: Path) -> None:
    notes = long_log(5000).notes
    files = archive_files(notes)
    path = "tile/entries/011"
    files[path] = files[path][:5000] + b"?" + files[path][5001:]
    write_files(tmp_path, files)

    alone = check_archive(tmp_path, processes=1)
    spread = check_archive(tmp_path, processes=2)

    assert alone == spread
    [fault] = alone.faults
    assert fault.file == path
    assert fault.entry_index is not None
    assert 11 * 256 <= fault.entry_index < 12 * 256


def test_one_changed_byte_in_any_file_is_reported_with_its_file(tmp_path: Path) -> None:
    notes = NOTES[:600]
    files = archive_files(notes)
    # Left from an earlier state, as an export leaves them
    files |= {
        path: data
        for path, data in archive_files(notes[:300]).items()
        if path.startswith("tile/")
    }
    write_files(tmp_path, files)
    assert check_archive(tmp_path).passed
    rng = random.Random(20261123)

    for path, data in files.items():
        spots = {0, len(data) - 1, *(rng.randrange(len(data)) for _ in range(2))}
        for at in sorted(spots):
            hurt = bytearray(data)
            hurt[at] ^= 1 << rng.randrange(8)
            (tmp_path / path).write_bytes(hurt)
            report = check_archive(tmp_path)
            assert not report.passed, (path, at)
            told = faults(report)
            named = any(
                one.file == path or path in one.message for one in report.faults
            )
            assert named, (path, at, told)
        (tmp_path / path).write_bytes(data)
    assert check_archive(tmp_path).passed


def test_entry_0_names_the_log_key_of_the_policy(tmp_path: Path) -> None:
    notes = NOTES[:9]
    thief = Signer.from_bytes(ORIGIN, bytes(range(32)))
    policy = replace(POLICY, logs=(PolicyLog(thief.vkey),))
    files = archive_files(notes, policy=policy)
    head = Checkpoint(ORIGIN, 9, root_of([leaf_hash(one) for one in notes]))
    note = sign_checkpoint(head, [thief])
    files["checkpoint"] = add_lines(note, [WITNESS.cosign(note, 1_772_700_000)])
    write_files(tmp_path, files)

    [fault] = faults(check_archive(tmp_path))

    assert "names a log key that the policy does not" in fault


@pytest.mark.parametrize("name", ["checkpoint", "policy"])
def test_every_single_bit_of_a_small_file_counts(tmp_path: Path, name: str) -> None:
    files = archive_files(claim_log()[0].notes)
    write_files(tmp_path, files)

    for at in range(len(files[name])):
        for bit in range(8):
            hurt = bytearray(files[name])
            hurt[at] ^= 1 << bit
            (tmp_path / name).write_bytes(hurt)
            report = check_archive(tmp_path)
            assert name in {one.file for one in report.faults}, (at, bit)


def test_a_missing_or_shortened_file_is_named(tmp_path: Path) -> None:
    files = archive_files(NOTES[:600])
    write_files(tmp_path, files)

    for path, data in files.items():
        (tmp_path / path).unlink()
        missing = check_archive(tmp_path)
        (tmp_path / path).write_bytes(data[:-1])
        short = check_archive(tmp_path)
        (tmp_path / path).write_bytes(data)

        for report in (missing, short):
            assert path in {one.file for one in report.faults}, faults(report)


def test_a_hash_of_a_full_tile_is_named_by_its_bytes(tmp_path: Path) -> None:
    files = archive_files(NOTES[:600])
    tile = bytearray(files["tile/0/001"])
    tile[7 * 32 + 3] ^= 4
    files["tile/0/001"] = bytes(tile)
    write_files(tmp_path, files)

    told = faults(check_archive(tmp_path))

    assert told[0].startswith("tile/0/001, bytes 224-255: ")


def test_hashes_only_are_checked_and_said_to_be_hashes_only(tmp_path: Path) -> None:
    files = archive_files(NOTES[:600], entries=False)
    write_files(tmp_path, files)

    report = check_archive(tmp_path)

    assert report.passed
    assert (report.hashes, report.entries) == (600, 0)
    assert any("hashes only" in one for one in report.notes)
    (tmp_path / "tile/0/001").write_bytes(bytes(8192))
    assert not check_archive(tmp_path).passed


def test_entries_by_a_wrong_key_are_named_though_every_hash_fits(
    tmp_path: Path,
) -> None:
    notes = NOTES[:300]
    fact = envelope("lot.sourced", YARD, {"lot": "X"}, number=299)
    stranger = Signer.from_bytes(signer_of(YARD).name, bytes(range(32)))
    forged = {
        280: sign_entry(fact, [stranger]),
        281: sign_entry(fact | {"org": SMELTER}, [signer_of(YARD)]),
        282: sign_entry(fact | {"parents": ["ab" * 32]}, [signer_of(YARD)]),
        283: sign_entry(
            fact | {"parents": [leaf_hash(notes[290]).hex()]}, [signer_of(YARD)]
        ),
        284: sign_entry(
            fact | {"seen": {"size": 9, "root": "ab" * 32}}, [signer_of(YARD)]
        ),
        285: sign_entry(
            fact | {"seen": {"size": 290, "root": "ab" * 32}}, [signer_of(YARD)]
        ),
        286: b"no entry",
    }
    notes = [forged.get(n, note) for n, note in enumerate(notes)]
    write_files(tmp_path, archive_files(notes))

    report = check_archive(tmp_path)

    found = {one.entry_index: one.message for one in report.faults}
    assert found.keys() == forged.keys()
    assert "no known key" in found[280] or "expected" in found[280]
    assert "which may not" in found[281]
    assert "does not stand before it" in found[282]
    assert "does not stand before it" in found[283]
    assert "saw another root over 9 entries" in found[284]
    assert "saw 290 entries before it" in found[285]


def test_the_readers_own_policy_counts_and_not_the_archives(tmp_path: Path) -> None:
    write_files(tmp_path, archive_files(NOTES[:9]))
    own = read_pinned(policy_bytes(NOTES[:9]))
    other_genesis = read_pinned(own.text.replace(str(own.genesis), "00" * 32).encode())
    other_log = Signer.from_bytes(signer_of(YARD).name, bytes(range(32)))
    other_key = read_pinned(f"log {other_log.vkey}\nquorum none\n".encode())

    assert check_archive(tmp_path, trusted=own).notes == ()
    wrong = check_archive(tmp_path, trusted=other_genesis)
    assert any("not the pinned one" in one for one in faults(wrong))
    strange = check_archive(tmp_path, trusted=other_key)
    assert any("no known key" in one for one in faults(strange))


def test_a_checkpoint_without_the_quorum_is_a_fault(tmp_path: Path) -> None:
    files = archive_files(NOTES[:9])
    files["checkpoint"] = checkpoint_of(NOTES[:9], witnessed=False)
    write_files(tmp_path, files)

    assert any("quorum w1" in one for one in faults(check_archive(tmp_path)))


def test_a_signature_that_nobody_can_check_is_a_fault(tmp_path: Path) -> None:
    files = archive_files(NOTES[:9])
    line = SignatureLine("example.net/other", b"abcd", bytes(72))
    files["checkpoint"] = add_lines(files["checkpoint"], [line])
    write_files(tmp_path, files)

    [told] = faults(check_archive(tmp_path))

    assert told.startswith("checkpoint, line 7: signed by example.net/other")


def test_the_update_that_a_crash_left_is_told_and_harms_nothing(tmp_path: Path) -> None:
    ahead = archive_files(NOTES[:600])
    now = archive_files(NOTES[:300])
    files = {path: data for path, data in ahead.items() if path.startswith("tile/")}
    write_files(tmp_path, files | now)
    (tmp_path / "tile/0/.002.1234").write_bytes(b"half")

    report = check_archive(tmp_path)

    assert faults(report) == []
    assert any("update that was not finished" in one for one in report.notes)


def test_a_bundle_with_more_than_its_entries_is_a_fault(tmp_path: Path) -> None:
    files = archive_files(NOTES[:9])
    files["tile/entries/000.p/9"] = encode_bundle([*NOTES[:9], b"more"])
    write_files(tmp_path, files)

    assert any("more follows" in one for one in faults(check_archive(tmp_path)))


def test_what_is_no_archive_is_told_so(tmp_path: Path) -> None:
    told = faults(check_archive(tmp_path))

    assert told == ["policy: is missing"]
