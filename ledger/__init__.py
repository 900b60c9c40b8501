"""A signed append-only Merkle log: bytes in, proofs out.

Formats, all read and written by other people's software too:

- hashes and proofs: RFC 6962, section 2.1; checking as in RFC 9162, section 2.1;
- C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature, tlog-witness,
  tlog-policy and tlog-proof, each in the module of that name;
- canonical JSON: RFC 8785; salted digests: RFC 9901, section 4.2.

Ours are three: the entry (``ledger.entry``), the rules of keys (``ledger.keyhistory``)
and the bundle (``ledger.bundle``). Signatures are Ed25519 as RFC 8032 and OpenSSL check
them; keys of low order and keys in a second encoding are refused everywhere.

An entry is a note over the line ``remelt/fact@v1`` and one line of canonical JSON:

>>> signer = Signer.from_bytes("example.org/log/ORG/1", bytes(range(32)))
>>> note = sign_entry(
...     {
...         "at": "2026-03-05T08:30:00Z", "data": {"net_g": 12480000},
...         "id": "019ca6cd-5340-7001-8001-000000000001", "org": "ORG",
...         "parents": [], "sd": [], "seen": None, "type": "lot.sourced", "v": 1,
...     },
...     [signer],
... )
>>> print(note.decode().splitlines()[0])
remelt/fact@v1
>>> entry = parse_entry(note)
>>> verify_entry(entry, [signer.verifier])
>>> entry.fact["data"]
{'net_g': 12480000}

Its leaf hash goes into the tree, and a proof shows that it stands there:

>>> leaves = [leaf_hash(note), leaf_hash(b"another entry")]
>>> proof = prove_inclusion(LeafTiles(leaves), 0, 2)
>>> verify_inclusion(proof, index=0, size=2, leaf_hash=leaves[0], root=root_of(leaves))

What the log says at that size is signed in a checkpoint, and believed under a policy:

>>> log = Signer.from_bytes("example.org/log", bytes(32))
>>> signed = sign_checkpoint(Checkpoint(log.name, 2, root_of(leaves)), [log])
>>> evaluate_policy(Policy((PolicyLog(log.vkey),)), signed).checkpoint.size
2

Storage is anything with the one method of ``TileReader``.
"""

from ledger.bundle import Bundle, BundleEntry, format_bundle, load_bundle, parse_bundle
from ledger.bundle_check import BundleFact, BundleReport, Check, verify_bundle
from ledger.canonical import canonical_json, parse_canonical
from ledger.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint_text,
    read_checkpoint,
    sign_checkpoint,
)
from ledger.cosignature import Witness, WitnessKey, add_lines
from ledger.disclosure import Disclosure, disclose, pad_digests, parse_disclosure
from ledger.entry import (
    Entry,
    KeyName,
    check_possession,
    key_name,
    parse_entry,
    parse_key_name,
    proof_of_possession_text,
    prove_possession,
    sign_entry,
    verify_entry,
    verify_lines,
)
from ledger.errors import (
    BadSignature,
    BrokenHistory,
    LedgerError,
    MalformedBundle,
    MalformedEntry,
    MalformedMessage,
    MalformedNote,
    MalformedPolicy,
    MalformedProof,
    MalformedTile,
    NotCanonical,
    ProofFailed,
    WeakKey,
)
from ledger.keyhistory import KEY_TYPES, OPERATOR_TYPES, KeyHistory, KeyRecord
from ledger.note import (
    OpenedNote,
    SignatureLine,
    Signer,
    Verifier,
    check_public_key,
    open_note,
    sign_note,
    split_note,
)
from ledger.policy import (
    Policy,
    PolicyGroup,
    PolicyLog,
    PolicyOutcome,
    PolicyWitness,
    evaluate_policy,
    format_policy,
    parse_policy,
)
from ledger.proof import (
    LeafTiles,
    prove_consistency,
    prove_inclusion,
    root_from_tiles,
    verify_consistency,
    verify_inclusion,
)
from ledger.proof_file import (
    ProofFile,
    format_proof_file,
    parse_proof_file,
    verify_proof_file,
)
from ledger.spans import Span
from ledger.tiles import (
    TILE_WIDTH,
    TileName,
    TileReader,
    decode_bundle,
    encode_bundle,
    entries_path,
    new_tiles,
    parse_tile_path,
    tile_path,
    tiles_of_size,
)
from ledger.tree import HASH_SIZE, Frontier, leaf_hash, node_hash, root_of
from ledger.witnessing import (
    AddCheckpoint,
    WitnessedTree,
    WitnessRefusal,
    extend_tree,
    format_add_checkpoint,
    monitoring_path,
    open_add_checkpoint,
    parse_add_checkpoint,
    parse_cosignatures,
    parse_size,
    pick_cosignatures,
)

__all__ = [
    "HASH_SIZE",
    "KEY_TYPES",
    "OPERATOR_TYPES",
    "TILE_WIDTH",
    "AddCheckpoint",
    "BadSignature",
    "BrokenHistory",
    "Bundle",
    "BundleEntry",
    "BundleFact",
    "BundleReport",
    "Check",
    "Checkpoint",
    "Disclosure",
    "Entry",
    "Frontier",
    "KeyHistory",
    "KeyName",
    "KeyRecord",
    "LeafTiles",
    "LedgerError",
    "MalformedBundle",
    "MalformedEntry",
    "MalformedMessage",
    "MalformedNote",
    "MalformedPolicy",
    "MalformedProof",
    "MalformedTile",
    "NotCanonical",
    "OpenedNote",
    "Policy",
    "PolicyGroup",
    "PolicyLog",
    "PolicyOutcome",
    "PolicyWitness",
    "ProofFailed",
    "ProofFile",
    "SignatureLine",
    "Signer",
    "Span",
    "TileName",
    "TileReader",
    "Verifier",
    "WeakKey",
    "Witness",
    "WitnessKey",
    "WitnessRefusal",
    "WitnessedTree",
    "add_lines",
    "canonical_json",
    "check_possession",
    "check_public_key",
    "decode_bundle",
    "disclose",
    "encode_bundle",
    "entries_path",
    "evaluate_policy",
    "extend_tree",
    "format_add_checkpoint",
    "format_bundle",
    "format_policy",
    "format_proof_file",
    "key_name",
    "leaf_hash",
    "load_bundle",
    "monitoring_path",
    "new_tiles",
    "node_hash",
    "open_add_checkpoint",
    "open_checkpoint",
    "open_note",
    "pad_digests",
    "parse_add_checkpoint",
    "parse_bundle",
    "parse_canonical",
    "parse_checkpoint_text",
    "parse_cosignatures",
    "parse_disclosure",
    "parse_entry",
    "parse_key_name",
    "parse_policy",
    "parse_proof_file",
    "parse_size",
    "parse_tile_path",
    "pick_cosignatures",
    "proof_of_possession_text",
    "prove_consistency",
    "prove_inclusion",
    "prove_possession",
    "read_checkpoint",
    "root_from_tiles",
    "root_of",
    "sign_checkpoint",
    "sign_entry",
    "sign_note",
    "split_note",
    "tile_path",
    "tiles_of_size",
    "verify_bundle",
    "verify_consistency",
    "verify_entry",
    "verify_inclusion",
    "verify_lines",
    "verify_proof_file",
]
