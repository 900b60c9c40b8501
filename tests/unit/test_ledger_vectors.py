"""Published test vectors; their folder is named by REMELT_TEST_VECTORS."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from ledger import (
    Frontier,
    LedgerError,
    NotCanonical,
    ProofFailed,
    Verifier,
    canonical_json,
    leaf_hash,
    node_hash,
    open_note,
    root_of,
    verify_consistency,
    verify_inclusion,
)

FLOATS = {"structures", "values", "weird"}


@pytest.fixture
def vectors() -> Path:
    folder = os.environ.get("REMELT_TEST_VECTORS")
    if folder is None:
        pytest.skip("REMELT_TEST_VECTORS does not name the folder of test vectors")
    return Path(folder)


def cases(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.rglob("*.json")):
        yield str(path.relative_to(folder)), json.loads(path.read_text())


def hashes(values: list[str] | None) -> list[bytes]:
    return [base64.b64decode(value) for value in values or []]


def test_inclusion_agrees_with_transparency_dev(vectors: Path) -> None:
    folder = vectors / "transparency-dev-merkle" / "testdata" / "inclusion"
    wrong, count = [], 0

    for name, case in cases(folder):
        count += 1
        try:
            verify_inclusion(
                hashes(case["proof"]),
                index=case["leafIdx"],
                size=case["treeSize"],
                leaf_hash=base64.b64decode(case["leafHash"]),
                root=base64.b64decode(case["root"]),
            )
        except ProofFailed:
            refused = True
        else:
            refused = False
        if refused != case["wantErr"]:
            wrong.append(name)

    assert (wrong, count) == ([], 98)


def test_consistency_agrees_with_transparency_dev_but_for_short_roots(
    vectors: Path,
) -> None:
    folder = vectors / "transparency-dev-merkle" / "testdata" / "consistency"
    wrong, count = [], 0

    for name, case in cases(folder):
        count += 1
        try:
            verify_consistency(
                hashes(case["proof"]),
                old_size=case["size1"],
                new_size=case["size2"],
                old_root=base64.b64decode(case["root1"]),
                new_root=base64.b64decode(case["root2"]),
            )
        except ProofFailed:
            refused = True
        else:
            refused = False
        if refused != case["wantErr"]:
            wrong.append(name)

    # That case accepts equal roots of 12 bytes; a root of ours has 32
    short = ["additional/sizes-are-equal-one-and-proof-is-empty.json"]
    assert (wrong, count) == (short, 98)


def test_the_tree_of_eight_leaves_has_the_published_hashes(vectors: Path) -> None:
    data = json.loads((vectors / "rfc6962_8_leaves.json").read_text())
    entries = [bytes.fromhex(entry) for entry in data["leaf_inputs_hex"]]

    frontier, roots = Frontier(), [Frontier().root().hex()]
    for entry in entries:
        frontier.append(entry)
        roots.append(frontier.root().hex())

    assert [leaf_hash(entry).hex() for entry in entries] == data["leaf_hashes"]
    assert roots == data["root_by_size"]
    assert root_of([leaf_hash(entry) for entry in entries]).hex() == roots[-1]
    assert leaf_hash(b"L123456").hex() == data["leaf_L123456"]
    assert node_hash(b"N123", b"N456").hex() == data["node_N123_N456"]


def test_published_notes_open_and_their_mutations_do_not(vectors: Path) -> None:
    count = 0
    for case in json.loads((vectors / "signed_note.json").read_text()):
        verifier = Verifier.parse(case["vkey"])
        opened = open_note(case["note"].encode(), [verifier])

        assert verifier.key_id.hex() == case["key_id"]
        assert [line.name for line in opened.signatures] == [verifier.name]
        for bad in case["must_reject"]:
            count += 1
            with pytest.raises(LedgerError):
                open_note(bad["note"].encode(), [verifier])
    assert count == 12


@pytest.mark.parametrize(
    "name", ["arrays", "french", "structures", "unicode", "values", "weird"]
)
def test_canonical_json_agrees_with_rfc_8785(vectors: Path, name: str) -> None:
    folder = vectors / "jcs" / "testdata"
    value = json.loads((folder / "input" / f"{name}.json").read_bytes())
    expected = (folder / "output" / f"{name}.json").read_bytes()
    in_hex = (folder / "outhex" / f"{name}.txt").read_text()

    assert bytes.fromhex(in_hex) == expected
    assert rfc8785.dumps(value) == expected
    try:
        made = canonical_json(value)
    except NotCanonical:
        assert name in FLOATS
    else:
        assert made == expected
