"""Proofs against a recursive definition, and every byte of each corrupted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger import (
    Frontier,
    LeafTiles,
    NotCanonical,
    ProofFailed,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    root_from_tiles,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.strategies_ledger import (
    hashes_of,
    naive_path,
    naive_root,
    naive_subproof,
)

EVERY_SIZE = range(65)


def corruptions(proof: list[bytes], step: int = 1) -> Iterator[list[bytes]]:
    """The proof with one byte changed, for every byte (or every ``step``-th)."""
    for n in range(0, 32 * len(proof), step):
        at, byte = divmod(n, 32)
        hurt = bytearray(proof[at])
        hurt[byte] ^= 1 << (n % 8)
        yield [*proof[:at], bytes(hurt), *proof[at + 1 :]]


def damaged(proof: list[bytes]) -> Iterator[list[bytes]]:
    """The proof longer, shorter, or with a hash of another length."""
    yield [*proof, bytes(32)]
    yield [bytes(32), *proof]
    if proof:
        yield proof[1:]
        yield proof[:-1]
        yield [*proof[:-1], proof[-1][:-1]]
        yield [proof[0] + b"\x00", *proof[1:]]
    if len(proof) > 1:
        yield proof[::-1]


def included(
    proof: list[bytes], index: int, size: int, leaf: bytes, root: bytes
) -> bool:
    try:
        verify_inclusion(proof, index=index, size=size, leaf_hash=leaf, root=root)
    except ProofFailed:
        return False
    return True


def consistent(proof: list[bytes], old: int, new: int, a: bytes, b: bytes) -> bool:
    try:
        verify_consistency(proof, old_size=old, new_size=new, old_root=a, new_root=b)
    except ProofFailed:
        return False
    return True


def check_inclusion(size: int, step: int) -> None:
    leaves = hashes_of(size)
    root, tiles = naive_root(leaves), LeafTiles(leaves)
    for index in range(size):
        proof = prove_inclusion(tiles, index, size)
        assert proof == naive_path(index, leaves)
        assert included(proof, index, size, leaves[index], root)
        for wrong in (*corruptions(proof, step), *damaged(proof)):
            assert not included(wrong, index, size, leaves[index], root)
        assert not included(proof, index, size, bytes(32), root)
        assert not included(proof, index, size, leaves[index], bytes(32))
        if size > 1:
            assert not included(proof, (index + 1) % size, size, leaves[index], root)


def check_consistency(size: int, step: int) -> None:
    leaves = hashes_of(size)
    root, tiles = naive_root(leaves), LeafTiles(leaves)
    for old in range(1, size + 1):
        old_root = naive_root(leaves[:old])
        proof = prove_consistency(tiles, old, size)
        assert proof == naive_subproof(old, leaves)
        assert consistent(proof, old, size, old_root, root)
        for wrong in (*corruptions(proof, step), *damaged(proof)):
            if wrong != proof:
                assert not consistent(wrong, old, size, old_root, root)
        assert not consistent(proof, old, size, bytes(32), root)
        assert not consistent(proof, old, size, old_root, bytes(32))
        if old < size:
            assert not consistent(proof, old, size, root, old_root)
            assert not consistent([], old, size, old_root, root)


@pytest.mark.parametrize("size", EVERY_SIZE)
def test_roots_of_frontier_tiles_and_definition_agree(size: int) -> None:
    leaves = hashes_of(size)
    frontier = Frontier()
    for leaf in leaves:
        frontier.append_leaf(leaf)

    root = naive_root(leaves)

    assert frontier.root() == root_of(leaves) == root
    assert root_from_tiles(LeafTiles(leaves), size) == root
    assert Frontier.load(size, frontier.dump()).root() == root


@pytest.mark.parametrize("size", EVERY_SIZE)
def test_inclusion_of_every_leaf_holds_and_no_changed_byte_does(size: int) -> None:
    check_inclusion(size, step=1)


@pytest.mark.parametrize("size", EVERY_SIZE)
def test_consistency_from_every_size_holds_and_no_changed_byte_does(size: int) -> None:
    check_consistency(size, step=1)


@pytest.mark.soak
@pytest.mark.parametrize("size", range(65, 301))
def test_proofs_of_larger_trees_hold_and_no_changed_hash_does(size: int) -> None:
    check_inclusion(size, step=29)
    check_consistency(size, step=29)


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 65_536, 65_537, 70_000])
def test_proofs_cross_the_edges_of_tiles(size: int) -> None:
    leaves = hashes_of(size)
    tiles, root = LeafTiles(leaves), root_of(leaves)

    for index in {0, 1, 254, 255, 256, size // 2, size - 2, size - 1}:
        if index < size:
            proof = prove_inclusion(tiles, index, size)
            assert included(proof, index, size, leaves[index], root)
    for old in {1, 2, 255, 256, size // 2, size - 1, size}:
        if old <= size:
            proof = prove_consistency(tiles, old, size)
            assert consistent(proof, old, size, root_of(leaves[:old]), root)


def test_a_smaller_tree_is_proved_out_of_the_tiles_of_a_larger_one() -> None:
    leaves = hashes_of(700)
    tiles = LeafTiles(leaves)

    for size in (1, 255, 256, 257, 300, 513, 699):
        root = naive_root(leaves[:size])
        assert root_from_tiles(tiles, size) == root
        assert prove_inclusion(tiles, size - 1, size) == naive_path(
            size - 1, leaves[:size]
        )


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 5), (5, 5), (9, 5)])
def test_a_leaf_that_the_tree_lacks_has_no_proof(index: int, size: int) -> None:
    tiles = LeafTiles(hashes_of(5))

    with pytest.raises(ProofFailed):
        prove_inclusion(tiles, index, size)
    with pytest.raises(ProofFailed):
        verify_inclusion(
            [], index=index, size=size, leaf_hash=bytes(32), root=bytes(32)
        )


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (-1, 5), (6, 5)])
def test_nothing_is_consistent_with_an_empty_or_a_larger_tree(
    old: int, new: int
) -> None:
    with pytest.raises(ProofFailed):
        prove_consistency(LeafTiles(hashes_of(5)), old, new)
    assert not consistent([], old, new, bytes(32), bytes(32))


def test_hashes_that_are_not_32_bytes_long_are_refused() -> None:
    assert not included([], 0, 1, b"", b"")
    assert not included([], 0, 1, b"don't care", b"don't care")
    assert not consistent([], 1, 1, b"don't care", b"don't care")
    with pytest.raises(NotCanonical):
        Frontier().append_leaf(b"short")


def test_a_tile_that_is_cut_short_makes_no_proof() -> None:
    class Cut:
        def read_tile(self, level: int, index: int, width: int) -> bytes:
            return bytes(32 * width - 1)

    with pytest.raises(ProofFailed, match="not whole"):
        prove_inclusion(Cut(), 0, 5)


@pytest.mark.parametrize(
    ("size", "data"), [(1, b""), (0, bytes(32)), (3, bytes(32)), (-1, b"")]
)
def test_a_frontier_of_the_wrong_length_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(NotCanonical):
        Frontier.load(size, data)


def test_leaves_and_nodes_are_hashed_apart() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")

    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
