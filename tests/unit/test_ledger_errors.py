"""Every error of the ledger carries a code that other programs may rely on."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ledger
from ledger import LedgerError, ProofFailed, verify_inclusion
from ledger.error_codes import CODES

SOURCES = sorted(Path(ledger.__file__).parent.glob("*.py"))


def kinds(root: type[LedgerError] = LedgerError) -> Iterator[type[LedgerError]]:
    yield root
    for kind in root.__subclasses__():
        yield from kinds(kind)


def codes_in_sources() -> set[str]:
    """Every text that the sources give as a code: an argument or a class's own."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            is_argument = isinstance(node, ast.keyword) and node.arg == "code"
            is_assigned = isinstance(node, ast.Assign) and any(
                isinstance(one, ast.Name) and one.id == "code" for one in node.targets
            )
            if is_argument or is_assigned:
                found |= {
                    one.value
                    for one in ast.walk(node)
                    if isinstance(one, ast.Constant)
                    and isinstance(one.value, str)
                    and "." in one.value
                }
    return found


def test_the_table_of_codes_is_what_the_sources_give() -> None:
    assert codes_in_sources() == set(CODES)


def test_codes_read_as_subject_and_fault() -> None:
    for code, meaning in CODES.items():
        assert re.fullmatch(r"[a-z_]+\.[a-z_0-9]+", code), code
        assert meaning[0].islower() or meaning.startswith("log."), code
        assert not meaning.endswith(".")


def test_every_kind_of_error_has_a_code_of_the_table() -> None:
    assert {kind.code for kind in kinds()} <= set(CODES)


def test_a_closer_code_replaces_that_of_the_kind() -> None:
    assert ProofFailed("x").code == "proof.failed"
    assert ProofFailed("x", code="inclusion.root").code == "inclusion.root"
    with pytest.raises(ProofFailed) as failed:
        verify_inclusion([], index=1, size=1, leaf_hash=b"", root=b"")
    assert failed.value.code == "inclusion.index"
    assert failed.value.meaning == "the tree has no such leaf"


def test_an_error_keeps_its_code_on_its_way_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(ProofFailed("entry 3", code="inclusion.root")))

    assert (str(error), error.code) == ("entry 3", "inclusion.root")
