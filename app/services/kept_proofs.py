"""Inclusion proofs of a few entries, kept between one verdict and the next."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from app.queries.proof_tiles import load_tiles
from ledger import Checkpoint, ProofFailed, prove_inclusion, verify_inclusion

KEPT_PROOFS = 50_000


class Proofs:
    """Inclusion proofs that were found good, by root and index, to be checked again.

    A proof is checked against the signed root whenever it is used: where its hashes
    were kept meanwhile does not matter.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[bytes, int], tuple[bytes, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def verify(
        self, session: Session, leaves: Mapping[int, bytes], head: Checkpoint
    ) -> None:
        """Check that every one of these leaves stands under the checkpoint.

        Args:
            session: For the tiles of proofs that are not known yet.
            leaves: Leaf hash by index, each hashed by the caller.
            head: Whose signature was verified.

        Raises:
            ProofFailed: Naming the first entry that does not.
        """
        with self._lock:
            known: dict[int, Sequence[bytes]] = {
                index: self._kept[head.root, index]
                for index in leaves
                if (head.root, index) in self._kept
            }
        missing = sorted(leaves.keys() - known.keys())
        if missing:
            tiles = load_tiles(session, missing, head.size)
        for index, leaf in sorted(leaves.items()):
            try:
                if index not in known:
                    known[index] = prove_inclusion(tiles, index, head.size)
                verify_inclusion(
                    known[index],
                    index=index,
                    size=head.size,
                    leaf_hash=leaf,
                    root=head.root,
                )
            except ProofFailed as error:
                raise ProofFailed(f"entry {index}: {error}") from None
        self._keep(head.root, {index: known[index] for index in missing})

    def _keep(self, root: bytes, found: Mapping[int, Sequence[bytes]]) -> None:
        with self._lock:
            for index, proof in found.items():
                self._kept[root, index] = tuple(proof)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


proofs = Proofs(KEPT_PROOFS)
