"""Stretches of a tree joined are the tree."""

from __future__ import annotations

import hashlib

import pytest

from ledger import Frontier, NotCanonical, Span, root_of


def leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(b"\x00%d" % n).digest() for n in range(count)]


@pytest.mark.parametrize("width", [1, 2, 8, 16])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70])
def test_spans_joined_give_the_root_of_every_size(count: int, width: int) -> None:
    all_leaves = leaves(count)
    tree = Frontier()
    for start in range(0, count, width):
        span = Span(all_leaves[start : start + width])
        for size in range(1, len(span) + 1):
            partial = Frontier.load(tree.size, tree.dump())
            partial.append_edge(size, span.edge(size))
            assert partial.root() == root_of(all_leaves[: start + size])
        tree.append_edge(len(span), span.edge(len(span)))
    assert (tree.size, tree.root()) == (count, root_of(all_leaves))


def test_full_subtrees_are_those_of_the_tree() -> None:
    span = Span(leaves(11))

    assert span.roots(2) == [root_of(leaves(11)[n : n + 4]) for n in (0, 4)]
    assert span.roots(0) == leaves(11)
    assert span.roots(9) == []


def test_what_does_not_fit_is_refused() -> None:
    tree = Frontier()
    tree.append_leaf(bytes(32))
    with pytest.raises(NotCanonical, match="cannot stand at 1"):
        tree.append_edge(2, [bytes(32)])
    with pytest.raises(NotCanonical, match="edge of size 3"):
        tree.append_edge(3, [bytes(32)])
    with pytest.raises(NotCanonical, match="32 bytes"):
        Span([b"short"])
