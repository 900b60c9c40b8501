"""``remelt verify`` of archives, proofs, entries and evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.verify import cli
from ledger import (
    LeafTiles,
    ProofFile,
    format_proof_file,
    leaf_hash,
    prove_inclusion,
)
from ledger.fork import ForkEvidence, Side, format_fork, prefix_proof
from tests.archives import archive_files, checkpoint_of, long_log, write_files
from tests.small_log import SMELTER, YARD, claim_bundle, claim_log, signer_of

NOTES = long_log(300).notes
INDEX = 270


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


def report(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    made: dict[str, Any] = json.loads(result.output)
    assert result.exit_code == (0 if made["passed"] else 1)
    return made


def proof_bytes(index: int, notes: list[bytes] = NOTES) -> bytes:
    tiles = LeafTiles.of_entries(notes)
    path = prove_inclusion(tiles, index, len(notes))
    return format_proof_file(ProofFile(index, tuple(path), checkpoint_of(notes)))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    files = archive_files(NOTES)
    write_files(tmp_path / "log", files)
    (tmp_path / "policy").write_bytes(files["policy"])
    (tmp_path / "a.tlog-proof").write_bytes(proof_bytes(INDEX))
    (tmp_path / "entry").write_bytes(NOTES[INDEX])
    (tmp_path / "other").write_bytes(NOTES[INDEX - 1])
    (tmp_path / "bundle.json").write_text(json.dumps(claim_bundle()), "utf-8")
    yield tmp_path


def test_an_archive_is_checked_and_told_in_words_and_as_json(folder: Path) -> None:
    result = run(folder / "log", "--policy", folder / "policy")

    assert result.exit_code == 0, result.output
    assert "300 leaf hashes, 300 entries with their signatures" in result.output
    found = report(folder / "log", "--policy", folder / "policy")
    assert found["kind"] == "archive"
    assert found["entries_checked"] == 300
    assert found["grade"] == "witnessed"
    assert (found["faults"], found["notes"]) == ([], [])


def test_without_a_policy_an_archive_is_whole_but_not_trusted(folder: Path) -> None:
    result = run(folder / "log")

    assert result.exit_code == 0
    assert "you named no policy" in result.output


def test_a_damaged_archive_is_a_negative_answer_with_the_place(folder: Path) -> None:
    path = folder / "log/tile/entries/000"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"000000000200", b"000000000201", 1))

    result = run(folder / "log", "--policy", folder / "policy", "--quiet")

    assert result.exit_code == 1
    assert "FAILS   tile/entries/000, entry 200, bytes " in result.output
    [fault] = report(folder / "log", "--policy", folder / "policy")["faults"]
    assert (fault["file"], fault["entry_index"]) == ("tile/entries/000", 200)


@pytest.mark.parametrize("by", ["entry", "leaf"])
def test_a_proof_holds_for_its_entry_and_for_no_other(folder: Path, by: str) -> None:
    policy = ("--policy", folder / "policy")
    right = folder / "entry" if by == "entry" else leaf_hash(NOTES[INDEX]).hex()
    wrong = folder / "other" if by == "entry" else leaf_hash(NOTES[0]).hex()

    good = report(folder / "a.tlog-proof", *policy, f"--{by}", right)
    bad = report(folder / "a.tlog-proof", *policy, f"--{by}", wrong)

    assert (good["passed"], good["index"], good["grade"]) == (True, INDEX, "witnessed")
    assert [one["name"] for one in bad["checks"] if not one["passed"]] == ["inclusion"]


def test_every_flipped_bit_of_a_proof_is_refused(folder: Path) -> None:
    data = proof_bytes(3, NOTES[:5])
    leaf = ("--leaf", leaf_hash(NOTES[3]).hex(), "--policy", folder / "policy")
    path = folder / "b.tlog-proof"
    path.write_bytes(data)
    assert run(path, *leaf).exit_code == 0

    # The name of a witness may be any: unknown ones are passed over, and then the
    # quorum is missing
    for at in range(len(data)):
        hurt = bytearray(data)
        hurt[at] ^= 1 << (at % 8)
        path.write_bytes(hurt)
        assert run(path, *leaf).exit_code == 1, at


def test_who_signed_is_told_with_the_keys_of_a_bundle_or_an_archive(
    folder: Path,
) -> None:
    proof = (folder / "a.tlog-proof", "--entry", folder / "entry")
    policy = ("--policy", folder / "policy")

    without = report(*proof, *policy)
    by_bundle = report(*proof, *policy, "--bundle", folder / "bundle.json")
    by_archive = report(*proof, *policy, "--archive", folder / "log")

    assert any("who signed was not checked" in one for one in without["unchecked"])
    assert by_archive["unchecked"] == []
    for found in (by_bundle, by_archive):
        detail = found["checks"][-1]["detail"]
        assert "kept by the organisation, valid at entry 270" in detail
    assert any("the bundle ends at entry" in one for one in by_bundle["unchecked"])


def test_an_entry_alone_is_checked_for_its_form_and_the_rest_is_said(
    folder: Path,
) -> None:
    alone = report(folder / "entry")
    known = report(
        folder / "entry", "--archive", folder / "log", "--policy", folder / "policy"
    )

    assert [one["name"] for one in alone["checks"]] == ["entry"]
    assert len(alone["unchecked"]) == 2
    assert known["index"] == INDEX
    assert [one["name"] for one in known["checks"]] == ["entry", "signature"]


def test_an_entry_with_another_word_in_it_is_refused(folder: Path) -> None:
    forged = NOTES[INDEX].replace(b"000000000270", b"000000000271")
    (folder / "forged").write_bytes(forged)
    (folder / "c.tlog-proof").write_bytes(proof_bytes(INDEX))
    keys = ("--archive", folder / "log", "--policy", folder / "policy")

    alone = run(folder / "forged", *keys)
    proven = report(folder / "c.tlog-proof", "--entry", folder / "forged", *keys)

    assert alone.exit_code == 1
    failed = [one["name"] for one in proven["checks"] if not one["passed"]]
    assert failed == ["inclusion", "signature"]


def test_a_thief_who_rotates_a_key_for_himself_is_refused(folder: Path) -> None:
    log, _ = claim_log()
    thief = signer_of(YARD, 7)
    data = {"vkey": thief.vkey, "old": signer_of(YARD).verifier.key_id.hex()}
    log.add("key.rotated", YARD, data, thief)
    (folder / "rotated").write_bytes(log.notes[-1])
    (folder / "r.tlog-proof").write_bytes(proof_bytes(len(log.notes) - 1, log.notes))

    found = report(
        folder / "r.tlog-proof",
        *("--entry", folder / "rotated", "--policy", folder / "policy"),
        *("--bundle", folder / "bundle.json"),
    )

    assert not found["passed"]
    assert "does not hold this fact about keys" in found["checks"][-1]["detail"]


def test_a_key_is_worth_nothing_after_its_revocation(folder: Path) -> None:
    log, _ = claim_log()
    data = {"key_id": signer_of(SMELTER).verifier.key_id.hex(), "reason": "lost"}
    log.add("key.revoked", SMELTER, data, signer_of(SMELTER))
    log.add("lot.sourced", SMELTER, {"lot": "late"}, signer_of(SMELTER))
    write_files(folder / "revoked", archive_files(log.notes))

    found = report(folder / "revoked")

    [fault] = found["faults"]
    assert fault["entry_index"] == len(log.notes) - 1
    assert "is not valid at entry" in fault["message"]


def test_evidence_of_two_histories_is_verified_by_anybody(folder: Path) -> None:
    other = [*NOTES[:100], NOTES[150], *NOTES[101:200]]
    made = ForkEvidence(
        "",
        Side(checkpoint_of(other), "https://example.net"),
        Side(checkpoint_of(NOTES), "https://example.org"),
        tuple(prefix_proof(LeafTiles.of_entries(NOTES), 200, 300)),
    )
    (folder / "fork.json").write_text(json.dumps(format_fork(made)))
    policy = ("--policy", folder / "policy")

    found = report(folder / "fork.json", *policy)
    words = run(folder / "fork.json", *policy)

    assert (found["kind"], found["verdict"]) == ("fork", "fork")
    assert "It is proven: example.org/log signed two histories" in words.output
    honest = format_fork(made)
    honest["older"]["checkpoint"] = checkpoint_of(NOTES[:200]).decode()
    (folder / "honest.json").write_text(json.dumps(honest))
    assert report(folder / "honest.json", *policy)["verdict"] == "consistent"


@pytest.mark.parametrize(
    "arguments",
    [
        ("a.tlog-proof", "--policy", "policy"),
        ("a.tlog-proof", "--entry", "entry"),
        ("a.tlog-proof", "--leaf", "zz", "--policy", "policy"),
        ("entry", "--genesis", "00" * 32),
        ("entry", "--archive", "log"),
        ("bundle.json",),
        ("nowhere",),
    ],
)
def test_a_wrong_call_is_told_from_a_negative_answer(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(folder)

    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("text", [b"", b"c2sp.org/tlog-proof@v1\n", b'{"format": 1}'])
def test_what_is_none_of_these_is_refused(folder: Path, text: bytes) -> None:
    (folder / "x").write_bytes(text)

    leaf = ("--leaf", "00" * 32, "--policy", folder / "policy")
    assert run(folder / "x", *leaf).exit_code == 1
