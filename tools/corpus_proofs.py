"""Checkpoints, proof files and proofs of the shared corpus."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from ledger import (
    Checkpoint,
    LeafTiles,
    ProofFile,
    SignatureLine,
    Signer,
    Witness,
    add_lines,
    format_proof_file,
    prove_consistency,
    prove_inclusion,
    root_of,
    sign_checkpoint,
    sign_note,
)
from tests.small_log import LOG_KEY, ORIGIN, REGISTRAR, WITNESS, seed_of
from tools.corpus_case import Corpus

MISSING = "signature.missing"


def add_proofs(corpus: Corpus) -> None:
    """Checkpoints under the policies, proof files, and bare proofs."""
    _add_checkpoints(corpus)
    _add_proof_files(corpus)
    _add_bare_proofs(corpus)


def checkpoint_of(size: int, leaves: list[bytes], *, cosigned: bool = True) -> bytes:
    """A checkpoint of the corpus' log."""
    note = sign_checkpoint(Checkpoint(ORIGIN, size, root_of(leaves)), [LOG_KEY])
    return add_lines(note, [WITNESS.cosign(note, 1_772_700_000)]) if cosigned else note


def some_leaves(count: int) -> list[bytes]:
    """Leaf hashes of nothing in particular."""
    return [seed_of(f"leaf {n}") for n in range(count)]


def _add_checkpoints(corpus: Corpus) -> None:
    note = checkpoint_of(7, some_leaves(7)).decode()
    corpus.texts["checkpoint"] = note
    lines = note.splitlines(keepends=True)
    origin, size, root, _, signed, cosigned = lines

    def add(what: str, made: str, must: str | None, policy: str = "policy") -> None:
        corpus.add("checkpoint", what, made, must, of="checkpoint", policy=policy)

    def signed_text(text: str, *, by: Signer = LOG_KEY) -> str:
        return sign_note(text, [by]).decode()

    bare = "".join(lines[:5])
    add("good", note, None)
    add("with a stranger's line", note + "— x AAAAAAAA\n", None)
    add("cosigned twice", note + cosigned, None)
    add("cosigned again later", _cosigned(note, 1_772_800_000), None)
    add("cosigned at time 0", _cosigned(bare, 0), None)
    add("cosigned at the last time", _cosigned(bare, 2**63 - 1), None)
    add("not cosigned, none asked for", bare, None, "policy_alone")
    add("2 of 3 witnesses", _by_witnesses(bare, 0, 2), None, "policy_groups")
    add("1 of 3 witnesses", _by_witnesses(bare, 1), "quorum.missing", "policy_groups")
    add("no witness of 3", bare, "quorum.missing", "policy_groups")
    add("not cosigned", bare, "quorum.missing")
    add("not signed", f"{origin}{size}{root}\n{cosigned}", "signature.missing")
    add("another size", note.replace("\n7\n", "\n8\n"), "signature.bad")
    add("another root", note.replace(root, root.swapcase()), "signature.bad")
    add("an extension after signing", f"{origin}{size}{root}x\n\n{signed}", _BAD)
    extended = f"{origin}{size}{root}extension\n"
    add("with an extension", _cosigned(signed_text(extended), 1), None)
    for what, text in _broken_checkpoints(root).items():
        add(what, signed_text(text), "checkpoint.malformed", "policy_alone")
    other = f"example.org/another\n{size}{root}"
    add("of another origin", signed_text(other), "checkpoint.origin", "policy_alone")
    add(
        "signed by the registrar",
        signed_text(f"{origin}{size}{root}", by=REGISTRAR),
        MISSING,
    )
    start = cosigned.rindex(" ") + 1
    for at in range(start, len(cosigned) - 3, 7):
        letter = "B" if cosigned[at] == "A" else "A"
        hurt = cosigned[:at] + letter + cosigned[at + 1 :]
        must = _cosignature_code(hurt)
        add(f"letter {at - start} of the cosignature changed", bare + hurt, must)
    for length in (1, 8, 71, 73):
        line = SignatureLine(WITNESS.key.name, WITNESS.key.key_id, bytes(length))
        add(f"a cosignature of {length} bytes", bare + line.to_text(), _COSIGNATURE)
    late = SignatureLine(WITNESS.key.name, WITNESS.key.key_id, b"\xff" * 72)
    add("a cosignature of an impossible time", bare + late.to_text(), _COSIGNATURE)
    zero = SignatureLine(WITNESS.key.name, WITNESS.key.key_id, bytes(72))
    add("a cosignature of zeros", bare + zero.to_text(), "cosignature.bad")
    as_log = SignatureLine(
        WITNESS.key.name, WITNESS.key.key_id, bytes(8) + _log_signature(signed)
    )
    add(
        "the log's signature as a witness's", bare + as_log.to_text(), "cosignature.bad"
    )


_BAD = "signature.bad"
_COSIGNATURE = "cosignature.malformed"
THREE = tuple(
    Witness.from_bytes(f"example.net/w{n}", seed_of(f"w{n}")) for n in range(3)
)


def _log_signature(line: str) -> bytes:
    return base64.b64decode(line.split(" ")[2])[4:]


def _cosignature_code(line: str) -> str:
    """The ID of another key: nobody's line; else a bad time or signature."""
    data = base64.b64decode(line.split(" ")[2])
    if data[:4] != WITNESS.key.key_id:
        return "quorum.missing"
    time = int.from_bytes(data[4:12], "big")
    return "cosignature.bad" if time < 2**63 else _COSIGNATURE


def _cosigned(note: str, time: int) -> str:
    return add_lines(note.encode(), [WITNESS.cosign(note.encode(), time)]).decode()


def _by_witnesses(note: str, *numbers: int) -> str:
    lines = [THREE[n].cosign(note.encode(), 1_772_700_000) for n in numbers]
    return add_lines(note.encode(), lines).decode()


def _broken_checkpoints(root: str) -> dict[str, str]:
    return {
        "two lines": f"{ORIGIN}\n7\n",
        "an empty extension": f"{ORIGIN}\n7\n{root}\nx\n",
        "an origin like an entry": f"remelt/fact@v1\n7\n{root}",
        "size with a zero in front": f"{ORIGIN}\n07\n{root}",
        "size with a sign": f"{ORIGIN}\n+7\n{root}",
        "size below 0": f"{ORIGIN}\n-7\n{root}",
        "size with a fraction": f"{ORIGIN}\n7.0\n{root}",
        "size in other digits": f"{ORIGIN}\n７\n{root}",
        "size 2^63": f"{ORIGIN}\n{2**63}\n{root}",
        "size of 20 digits": f"{ORIGIN}\n{10**19}\n{root}",
        "size missing": f"{ORIGIN}\n{root}x\n",
        "root of 31 bytes": f"{ORIGIN}\n7\n{base64.b64encode(bytes(31)).decode()}\n",
        "root of 33 bytes": f"{ORIGIN}\n7\n{base64.b64encode(bytes(33)).decode()}\n",
        "root in hexadecimal": f"{ORIGIN}\n7\n{'00' * 32}\n",
        "root in a second spelling": f"{ORIGIN}\n7\n{'A' * 42}B=\n",
        "root unpadded": f"{ORIGIN}\n7\n{'A' * 43}\n",
    }


def _add_proof_files(corpus: Corpus) -> None:
    leaves = some_leaves(7)
    tiles, note = LeafTiles(leaves), checkpoint_of(7, leaves)
    index, size = 4, 7
    hashes = tuple(prove_inclusion(tiles, index, size))
    data = format_proof_file(ProofFile(index, hashes, note)).decode()
    corpus.texts["proof_file"] = data
    leaf = leaves[index].hex()

    def add(what: str, made: str, must: str | None, of_leaf: str = leaf) -> None:
        corpus.add(
            "proof_file",
            what,
            made,
            must,
            of="proof_file",
            leaf=of_leaf,
            policy="policy",
        )

    add("good", data, None)
    extra = format_proof_file(ProofFile(index, hashes, note, b"whatever")).decode()
    add("with extra", extra, None)
    empty = format_proof_file(ProofFile(index, hashes, note, b"")).decode()
    add("with empty extra", empty, None)
    lone = checkpoint_of(1, leaves[:1])
    single = format_proof_file(ProofFile(0, (), lone)).decode()
    add("of the only entry", single, None, leaves[0].hex())
    for n in range(size):
        own = ProofFile(n, tuple(prove_inclusion(tiles, n, size)), note)
        text = format_proof_file(own).decode()
        add(f"of entry {n}", text, None, leaves[n].hex())
    head, line, *rest = data.splitlines(keepends=True)
    path, tail = "".join(rest[: len(hashes)]), "".join(rest[len(hashes) :])
    for n in (0, 1, 2, 3, 5, 6, 7, 8, 2**53, 2**63 - 1):
        code = "inclusion.root" if n < size else "inclusion.index"
        # The last leaf stands higher up: its path is shorter
        code = "inclusion.length" if n == size - 1 else code
        add(f"index {n}", f"{head}index {n}\n{path}{tail}", code)
    for what, made in _broken_proof_files(head, line, path, tail).items():
        add(what, made, "proof_file.malformed")
    first, *others = path.splitlines(keepends=True)
    for what, made, must in (
        ("a hash too few", "".join(others), "inclusion.root"),
        ("no hash", "", "inclusion.root"),
        ("a hash too many", path + first, "inclusion.length"),
        ("hashes in another order", "".join([*others, first]), "inclusion.root"),
        ("a hash of zeros", "A" * 43 + "=\n" + "".join(others), "inclusion.root"),
    ):
        add(what, f"{head}{line}{made}{tail}", must)
    add("of another leaf", data, "inclusion.root", leaves[3].hex())
    add("of a short leaf", data, "hash.length", leaf[:-2])
    bare = checkpoint_of(7, leaves, cosigned=False)
    add(
        "without witness",
        format_proof_file(ProofFile(index, hashes, bare)).decode(),
        "quorum.missing",
    )
    add("another size", data.replace("\n7\n", "\n9\n"), "signature.bad")


def _broken_proof_files(head: str, line: str, path: str, tail: str) -> dict[str, str]:
    return {
        "empty": "",
        "no empty line": (head + line + path).rstrip("\n"),
        "another header": f"c2sp.org/tlog-proof@v2\n{line}{path}{tail}",
        "no header": line + path + tail,
        "space after the header": f"{head[:-1]} \n{line}{path}{tail}",
        "no index": head + path + tail,
        "index twice": head + line * 2 + path + tail,
        "index below 0": f"{head}index -1\n{path}{tail}",
        "index with a zero in front": f"{head}index 04\n{path}{tail}",
        "index 2^63": f"{head}index {2**63}\n{path}{tail}",
        "index in capitals": f"{head}Index 4\n{path}{tail}",
        "two spaces": f"{head}index  4\n{path}{tail}",
        "extra after the index": f"{head}{line}extra AAAA\n{path}{tail}",
        "extra twice": f"{head}extra AAAA\nextra AAAA\n{line}{path}{tail}",
        "extra no base64": f"{head}extra ?\n{line}{path}{tail}",
        "a hash unpadded": head + line + path.replace("=", "", 1) + tail,
        "a hash in a second spelling": f"{head}{line}{'A' * 42}B=\n{path}{tail}",
        "a hash of 31 bytes": f"{head}{line}{'A' * 42}==\n{path}{tail}",
        "64 hashes": head + line + ("A" * 43 + "=\n") * 64 + tail,
        "a space below a hash": head + line + path[:-1] + " \n" + tail,
        "carriage returns": (head + line + path).replace("\n", "\r\n") + tail,
        "Chinese in the head": f"{head}{line}铜\n{path}{tail}",
        "no checkpoint": f"{head}{line}{path}\nno note\n",
        "a note that is no checkpoint": f"{head}{line}{path}\nx\n\n— a AAAAAAAA\n",
    }


def _add_bare_proofs(corpus: Corpus) -> None:
    """Proofs of trees of 1 to 9 leaves; each hurt in turn."""
    leaves = some_leaves(9)
    tiles = LeafTiles(leaves)
    for size in range(1, 10):
        root = root_of(leaves[:size]).hex()
        for index in {0, size // 2, size - 1}:
            proof = [one.hex() for one in prove_inclusion(tiles, index, size)]
            for what, made, must in _hurt(proof, "inclusion"):
                corpus.add(
                    "inclusion",
                    f"{index} of {size}, {what}",
                    None,
                    must,
                    proof=made,
                    index=str(index),
                    size=str(size),
                    leaf=leaves[index].hex(),
                    root=root,
                )
    for old in (1, 2, 3, 4, 6, 7, 8):
        for new in (8, 9):
            proof = [one.hex() for one in prove_consistency(tiles, old, new)]
            for what, made, must in _hurt(proof, "consistency"):
                is_same = old == new
                corpus.add(
                    "consistency",
                    f"{old} to {new}, {what}",
                    None,
                    "consistency.roots" if must and is_same else must,
                    proof=made,
                    old_size=str(old),
                    new_size=str(new),
                    old_root=root_of(leaves[:old]).hex(),
                    new_root=root_of(leaves[:new]).hex(),
                )
    _add_odd_proofs(corpus)


def _hurt(proof: list[str], kind: str) -> Iterator[tuple[str, list[str], str | None]]:
    yield "good", proof, None
    longer = [*proof, "00" * 32]
    yield "a hash too many", longer, f"{kind}.length"
    if proof:
        flipped = f"{int(proof[0][:2], 16) ^ 1:02x}{proof[0][2:]}"
        yield "first hash flipped", [flipped, *proof[1:]], f"{kind}.root"
        empty = kind == "consistency" and len(proof) == 1
        yield "last hash missing", proof[:-1], f"{kind}.{'empty' if empty else 'root'}"
        yield "a short hash", [proof[0][:-2], *proof[1:]], "hash.length"


def _add_odd_proofs(corpus: Corpus) -> None:
    zero, root = "00" * 32, some_leaves(1)[0].hex()
    for what, index, size in (
        ("below 0", "-1", "1"),
        ("beyond the tree", "1", "1"),
        ("in no tree", "0", "0"),
        ("far beyond", str(2**63 - 1), "9"),
    ):
        corpus.add(
            "inclusion", what, None, "inclusion.index",
            proof=[], index=index, size=size, leaf=root, root=root,
        )  # fmt: skip
    corpus.add(
        "inclusion", "nothing in nothing", None, "hash.length",
        proof=[], index="0", size="1", leaf="", root="",
    )  # fmt: skip
    for what, old, new, must in (
        ("from 0", "0", "1", "consistency.size"),
        ("from 0 to 0", "0", "0", "consistency.size"),
        ("backwards", "2", "1", "consistency.size"),
        ("one size, two roots", "5", "5", "consistency.roots"),
        ("without proof", "5", "6", "consistency.empty"),
    ):
        corpus.add(
            "consistency", what, None, must,
            proof=[], old_size=old, new_size=new, old_root=zero, new_root=root,
        )  # fmt: skip
