"""Values for property tests of the ledger."""

from __future__ import annotations

import hashlib

from hypothesis import strategies as st

MAX_INTEGER = 2**53 - 1

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ascii_names = st.text(st.characters(min_codepoint=0, max_codepoint=0x7F), max_size=8)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)


def json_values(names: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    """JSON without floats, its member names drawn from ``names``."""
    return st.recursive(
        st.none() | st.booleans() | integers | texts,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4)
        ),
        max_leaves=20,
    )


json_objects = st.dictionaries(ascii_names, json_values(ascii_names), max_size=6)


def hashes_of(count: int) -> list[bytes]:
    """Leaf hashes that are all different."""
    return [
        hashlib.sha256(b"\x00" + n.to_bytes(4, "big")).digest() for n in range(count)
    ]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, straight from its definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = naive_split(len(leaves))
    left, right = naive_root(leaves[:k]), naive_root(leaves[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def naive_split(count: int) -> int:
    """The largest power of two below ``count``."""
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = naive_split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], known: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if m == len(leaves):
        return [] if known else [naive_root(leaves)]
    k = naive_split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], known), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]
