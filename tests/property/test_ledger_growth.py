"""A log that grows, is stored and read back, signed and proved, in any order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger import (
    Checkpoint,
    Frontier,
    LeafTiles,
    LedgerError,
    ProofFailed,
    Signer,
    TileName,
    decode_bundle,
    encode_bundle,
    leaf_hash,
    new_tiles,
    open_checkpoint,
    parse_disclosure,
    parse_entry,
    parse_policy,
    parse_proof_file,
    parse_tile_path,
    prove_consistency,
    prove_inclusion,
    root_from_tiles,
    sign_checkpoint,
    split_note,
    verify_consistency,
    verify_inclusion,
)
from tests.strategies_ledger import naive_root

LOG = Signer.from_bytes("example.org/log", bytes(range(32)))


class StoredTiles:
    """Tiles that were written once each, as the specification orders them."""

    def __init__(self) -> None:
        self.files: dict[TileName, bytes] = {}

    def write(self, leaves: list[bytes], old: int) -> None:
        source = LeafTiles(leaves)
        for name in new_tiles(old, len(leaves)):
            if name.level != "entries":
                self.files[name] = source.read_tile(name.level, name.index, name.width)

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        return self.files[TileName(level, index, width)]


class GrowingLog(RuleBasedStateMachine):
    """Appends in batches, signs now and then, proves against all that was signed."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[bytes] = []
        self.frontier = Frontier()
        self.tiles = StoredTiles()
        self.published = 0
        self.signed: list[Checkpoint] = []

    @rule(count=st.integers(1, 300))
    def append(self, count: int) -> None:
        for _ in range(count):
            entry = len(self.leaves).to_bytes(4, "big")
            self.leaves.append(leaf_hash(entry))
            self.frontier.append(entry)

    @rule()
    def store_and_load(self) -> None:
        self.frontier = Frontier.load(self.frontier.size, self.frontier.dump())

    @precondition(lambda self: self.leaves)
    @rule()
    def sign(self) -> None:
        self.tiles.write(self.leaves, self.published)
        self.published = len(self.leaves)
        head = Checkpoint(LOG.name, self.frontier.size, self.frontier.root())
        note = sign_checkpoint(head, [LOG])
        self.signed.append(open_checkpoint(note, [LOG.verifier], LOG.name))

    @precondition(lambda self: self.signed)
    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        new = self.signed[-1]
        old = data.draw(st.sampled_from(self.signed))
        index = data.draw(st.integers(0, new.size - 1))

        verify_inclusion(
            prove_inclusion(self.tiles, index, new.size),
            index=index,
            size=new.size,
            leaf_hash=self.leaves[index],
            root=new.root,
        )
        verify_consistency(
            prove_consistency(self.tiles, old.size, new.size),
            old_size=old.size,
            new_size=new.size,
            old_root=old.root,
            new_root=new.root,
        )

    @invariant()
    def size_is_the_number_of_entries(self) -> None:
        assert self.frontier.size == len(self.leaves)

    @precondition(lambda self: self.signed)
    @invariant()
    def stored_tiles_give_the_signed_root(self) -> None:
        head = self.signed[-1]
        assert root_from_tiles(self.tiles, head.size) == head.root


GrowingLog.TestCase.settings = settings(max_examples=15, stateful_step_count=12)
TestGrowingLog = GrowingLog.TestCase


@given(
    st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=40), st.data()
)
def test_a_history_that_was_rewritten_has_no_consistency_proof(
    leaves: list[bytes], data: st.DataObject
) -> None:
    old = data.draw(st.integers(1, len(leaves) - 1))
    at = data.draw(st.integers(0, old - 1))
    rewritten = [*leaves[:at], leaf_hash(leaves[at]), *leaves[at + 1 :]]

    proof = prove_consistency(LeafTiles(rewritten), old, len(leaves))

    with pytest.raises(ProofFailed):
        verify_consistency(
            proof,
            old_size=old,
            new_size=len(leaves),
            old_root=naive_root(leaves[:old]),
            new_root=naive_root(rewritten),
        )


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_of_entries_is_read_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries)) == entries


@given(
    st.sampled_from(["entries", *range(64)]), st.integers(0, 2**60), st.integers(1, 256)
)
def test_a_tile_is_read_back_from_its_path(
    level: object, index: int, width: int
) -> None:
    name = TileName(level, index, width)  # type: ignore[arg-type]

    assert parse_tile_path(name.path) == name


@given(st.binary(max_size=200))
def test_bytes_from_anywhere_raise_no_other_error(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    readers: list[Callable[[], object]] = [
        lambda: split_note(data),
        lambda: parse_entry(data),
        lambda: parse_proof_file(data),
        lambda: decode_bundle(data),
        lambda: parse_policy(text),
        lambda: parse_tile_path(text),
        lambda: parse_disclosure(text),
    ]
    for read in readers:
        with contextlib.suppress(LedgerError):
            read()
