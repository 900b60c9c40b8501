"""Bundles of the shared corpus."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from ledger import (
    disclose,
    leaf_hash,
)
from tests.small_log import (
    GENESIS,
    claim_bundle,
)
from tools.corpus_case import Corpus, Expected

Document = dict[str, Any]
LOT = "L0T000000001"
MALFORMED = "bundle.malformed"
ZERO = "00" * 32


class BundleCases:
    """Adds bundles to a corpus, as documents or as texts."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    def add(
        self,
        what: str,
        document: Document | str | bytes,
        must: Expected,
        *,
        policy: str = "policy",
        genesis: str | None = GENESIS,
    ) -> None:
        """Add one, under a policy and a genesis."""
        made = dump(document) if isinstance(document, dict) else document
        near = min(("full", "public"), key=lambda name: self._distance(name, made))
        self._corpus.add(
            "bundle", what, made, must, of=near, policy=policy, genesis=genesis
        )

    def _distance(self, name: str, made: str | bytes) -> int:
        base = self._corpus.texts[name]
        return abs(len(base) - len(made))


def dump(document: Document) -> str:
    """A bundle as the corpus spells it."""
    return json.dumps(document, ensure_ascii=False, indent=1)


def add_bundles(corpus: Corpus) -> None:
    """Bundles of one claim, whole and hurt at every place."""
    for kind in ("full", "public"):
        corpus.texts[kind] = dump(claim_bundle(kind))
    cases = BundleCases(corpus)
    _add_good(cases)
    _add_texts(cases)
    for what, document in _malformed():
        cases.add(what, document, MALFORMED)
    _add_hurt_values(cases)
    _add_wrong(cases)


def _add_good(cases: BundleCases) -> None:
    full, public = claim_bundle("full"), claim_bundle("public")
    cases.add("full", full, {})
    cases.add("public", public, {})
    cases.add("no genesis known", full, {}, genesis=None)
    cases.add("in one line", json.dumps(full), {})
    cases.add("members in another order", dict(reversed(full.items())), {})
    for subject in (
        {"claim": "CLA1M0000001"},
        {"lot": "L0T000000002"},
        {"lot": LOT},
        {"label_sha256": full["subject"]["label_sha256"]},
    ):
        cases.add(f"about {min(subject.items())}", {**full, "subject": subject}, {})
    hidden = changed(full, "entries", 5, "disclosures", [])
    cases.add("nothing disclosed", hidden, {})
    del hidden["entries"][5]["disclosures"]
    cases.add("no disclosures", hidden, {})
    commented = f"# a comment\n{full['policy']}"
    cases.add("a comment in the policy", {**full, "policy": commented}, {})
    stranger = full["checkpoint"] + "— x AAAAAAAA\n"
    cases.add("a stranger's line", {**full, "checkpoint": stranger}, {})


def _add_texts(cases: BundleCases) -> None:
    text = dump(claim_bundle("full"))
    broken: dict[str, str | bytes] = {
        "empty": "",
        "nothing": "null",
        "a list": "[]",
        "a number": "5",
        "cut off": text[:-1],
        "more behind": f"{text}{{}}",
        "a byte order mark": f"\ufeff{text}",
        "a member twice": text.replace("{", '{"kind": "full",', 1),
        "a member twice, deeper": text.replace('"index": 3', '"index": 3, "index": 3'),
        "a fraction": text.replace('"index": 3', '"index": 3.0'),
        "an exponent": text.replace('"index": 3', '"index": 3e0'),
        "NaN": text.replace('"index": 3', '"index": NaN'),
        "Infinity": text.replace('"index": 3', '"index": Infinity'),
        "a zero in front": text.replace('"index": 3', '"index": 03'),
        "a plus": text.replace('"index": 3', '"index": +3'),
        "a comma too many": text.replace('"index": 3', '"index": 3,,'),
        "a comment": f"{text}// x",
        "single quotes": text.replace('"kind"', "'kind'"),
        "a newline in a text": text.replace("remelt/bundle", "remelt\n/bundle"),
        "an escape that is none": text.replace("remelt/bundle", "\\x72emelt/bundle"),
        "no UTF-8": text.encode()[:-1] + b"\xff}",
        "UTF-16": "{}".encode("utf-16"),
        "100,000 levels": "[" * 2_000,
    }
    for what, made in broken.items():
        cases.add(what, made, "bundle.not_json")
    minus = text.replace('"index": 0', '"index": -0')
    cases.add("index -0", minus, {})


def changed(document: Document, *path: Any) -> Document:  # noqa: ANN401 - JSON
    """A copy with the value at a path (all but the last step) set to the last."""
    made = copy.deepcopy(document)
    at: Any = made
    for step in path[:-2]:
        at = at[step]
    at[path[-2]] = path[-1]
    return made


def dropped(document: Document, *path: Any) -> Document:  # noqa: ANN401 - JSON
    """A copy without the member at a path."""
    made = copy.deepcopy(document)
    at: Any = made
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return made


def _malformed() -> Iterator[tuple[str, Document]]:
    full = claim_bundle("full")
    for member in full:
        yield f"without {member}", dropped(full, member)
        yield f"{member} null", changed(full, member, None)
        yield f"{member} a number", changed(full, member, 5)
    for member in ("index", "leaf", "proof", "note"):
        yield f"an entry without {member}", dropped(full, "entries", 5, member)
        yield f"{member} of an entry null", changed(full, "entries", 5, member, None)
    wrong: dict[tuple[Any, ...], list[Any]] = {
        ("entries", 5, "index"): ["5", True, -1, 2**53, 2**70, [5]],
        ("entries", 5, "leaf"): [
            "",
            "00",
            "A" * 64,
            "g" * 64,
            "0" * 63,
            " " + "0" * 63,
        ],
        ("entries", 5, "proof"): [{}, "00", [None], ["00"], ["00" * 32] * 64],
        ("entries", 5, "disclosures"): [{}, "x", [None], [5]],
        ("subject",): [{}, [], "x", {"claim": 5}, {"other": "x"}, {"claim": None}],
    }
    for where, values in wrong.items():
        for number, value in enumerate(values, 1):
            yield f"{where[-1]}, wrong {number}", changed(full, *where, value)
    yield "another format", changed(full, "format", "remelt/bundle@v2")
    yield "another kind", changed(full, "kind", "secret")
    yield "kind in a list", changed(full, "kind", ["full"])
    yield "a member more", changed(full, "more", 1)
    yield "a member of an entry more", changed(full, "entries", 0, "more", 1)
    yield "entries an object", changed(full, "entries", {})
    yield "an entry a list", changed(full, "entries", 0, [])
    yield "genesis in capitals", changed(full, "genesis", full["genesis"].upper())
    entries = full["entries"]
    yield "entries backwards", changed(full, "entries", entries[::-1])
    yield "an entry twice", changed(full, "entries", [entries[0], *entries])


def _add_hurt_values(cases: BundleCases) -> None:
    """Every value of the public bundle, and every hash of the full one."""
    for kind in ("full", "public"):
        document = claim_bundle(kind)
        for n, entry in enumerate(document["entries"]):
            for at, one in enumerate(entry["proof"]):
                cases.add(
                    f"{kind}, entry {n}, hash {at} flipped",
                    changed(document, "entries", n, "proof", at, flip(one)),
                    {"inclusion": "inclusion.root"},
                )
            hurt = changed(document, "entries", n, "leaf", flip(entry["leaf"]))
            must = {"inclusion": "inclusion.root"}
            if "note" in entry:
                must = {"entries": "leaf.other", **must}
            cases.add(f"{kind}, entry {n}, leaf flipped", hurt, must)
            if "note" in entry:
                note = entry["note"]
                middle = note.index('"at":"2026') + len('"at":"202')
                other = f"{note[:middle]}7{note[middle + 1 :]}"
                hurt = changed(document, "entries", n, "note", other)
                must = {"entries": "leaf.other"}
                cases.add(f"{kind}, entry {n}, year changed", hurt, must)
                hurt["entries"][n]["leaf"] = leaf_hash(other.encode()).hex()
                must = {"inclusion": "inclusion.root", "keys": "signature.bad"}
                cases.add(f"{kind}, entry {n}, year and leaf changed", hurt, must)
            one = [*entry["proof"], "00" * 32]
            hurt = changed(document, "entries", n, "proof", one)
            cases.add(
                f"{kind}, entry {n}, a hash too many",
                hurt,
                {"inclusion": "inclusion.length"},
            )


def flip(text: str) -> str:
    """A hash with its first bit flipped."""
    return f"{int(text[0], 16) ^ 8:x}{text[1:]}"


def _add_wrong(cases: BundleCases) -> None:
    full, public = claim_bundle("full"), claim_bundle("public")
    for what, document, must in _wrong(full):
        cases.add(what, document, must)
    for n in range(len(full["entries"])):
        cases.add(f"full without entry {n}", dropped(full, "entries", n), _lacking(n))
    cut = dropped(dropped(full, "entries", 5, "note"), "entries", 5, "disclosures")
    cases.add("full, an entry hidden", cut, {"entries": "bundle.incomplete"})
    cases.add("public called full", {**public, "kind": "full"}, _INCOMPLETE)
    cases.add("full called public", {**full, "kind": "public"}, {})
    cases.add("another genesis known", full, {"genesis": "genesis.other"}, genesis=ZERO)
    cases.add(
        "under another log",
        full,
        {
            "policy": "policy.other",
            "checkpoint": "signature.missing",
            "genesis": "genesis.log_key",
            "inclusion": "inclusion.no_checkpoint",
        },
        policy="policy_other",
    )
    cases.add(
        "under other witnesses",
        full,
        {"policy": "policy.other", "checkpoint": "quorum.missing"},
        policy="policy_groups",
    )
    cases.add(
        "under no witness", full, {"policy": "policy.other"}, policy="policy_alone"
    )


_INCOMPLETE = {"entries": "bundle.incomplete"}


def _lacking(n: int) -> dict[str, str]:
    """What fails where an entry of the claim is left out."""
    missing = {
        0: {"genesis": "genesis.missing", "keys": "key.unknown"},
        1: {"keys": "organisation.unknown"},
        2: {"keys": "key.unknown"},
        3: {"keys": "organisation.unknown"},
        4: {"keys": "key.unknown"},
        8: {"subject": "subject.label"},
    }
    return missing.get(n, {"parents": "parents.missing"})


def _wrong(full: Document) -> Iterator[tuple[str, Document, Expected]]:
    checkpoint, text = "checkpoint", full["checkpoint"]
    lines = text.splitlines(keepends=True)

    def head(made: str) -> Document:
        return changed(full, checkpoint, made)

    yield "no witness", head("".join(lines[:-1])), {checkpoint: "quorum.missing"}
    unsigned = "".join([*lines[:4], lines[-1]])
    yield "no log signature", head(unsigned), {checkpoint: "signature.missing"}
    bigger = text.replace("\n9\n", "\n10\n")
    yield "a larger size", head(bigger), {checkpoint: "signature.bad"}
    other_root = text.replace(lines[2], f"{'A' * 43}=\n")
    yield "another root", head(other_root), {checkpoint: "signature.bad"}
    yield "a checkpoint of nothing", head(""), {checkpoint: "note.malformed"}
    swapped = [*lines[:4], hurt_line(lines[4]), lines[5]]
    yield "a hurt log signature", head("".join(swapped)), {checkpoint: "signature.bad"}
    wrong = [*lines[:-1], hurt_line(lines[-1])]
    yield "a hurt cosignature", head("".join(wrong)), {checkpoint: "cosignature.bad"}
    for what, made, code in (
        ("no policy", "no policy", "policy.malformed"),
        ("an empty policy", "", "policy.quorum"),
        ("a weaker policy", full["policy"].replace("quorum w1", "quorum none"), _OTHER),
        (
            "a policy of another URL",
            full["policy"].replace("/log\n", "/log2\n"),
            _OTHER,
        ),
    ):
        yield what, changed(full, "policy", made), {"policy": code}
    yield (
        "another genesis",
        changed(full, "genesis", ZERO),
        {"genesis": "genesis.other"},
    )
    one, other = full["entries"][3]["proof"], full["entries"][4]["proof"]
    proofs = changed(
        changed(full, "entries", 3, "proof", other), "entries", 4, "proof", one
    )
    yield "two proofs swapped", proofs, {"inclusion": "inclusion.root"}
    for n in (0, 5, 8):
        cut = changed(full, "entries", n, "proof", [])
        yield f"entry {n} without proof", cut, {"inclusion": "inclusion.root"}
    later = changed(full, "entries", 8, "index", 9)
    yield "an index beyond the tree", later, {"inclusion": "inclusion.index"}
    for name in ("claim", "lot", "label_sha256"):
        subject = {**full["subject"], name: "0THER0000001"}
        code = {"label_sha256": "subject.label"}.get(name, f"subject.{name}")
        yield f"another {name}", changed(full, "subject", subject), {"subject": code}
    lone = changed(full, "subject", {"lot": "0THER0000001"})
    yield "a lot of nobody", lone, {"subject": "subject.lot"}
    where = ("entries", 5, "disclosures")
    text = full["entries"][5]["disclosures"][0]
    false = disclose("ticket", "43", salt="c2FsdA").text
    yield "a false value", changed(full, *where, [false]), _UNKNOWN
    yield (
        "a value of another entry",
        changed(full, "entries", 6, "disclosures", [text]),
        _UNKNOWN,
    )
    yield (
        "a value twice",
        changed(full, *where, [text] * 2),
        {"disclosures": "disclosure.twice"},
    )
    for what, made in (
        ("no disclosure", "x"),
        ("an empty one", ""),
        ("a padded one", f"{text}="),
    ):
        yield (
            what,
            changed(full, *where, [made]),
            {"disclosures": "disclosure.malformed"},
        )


_OTHER = "policy.other"
_UNKNOWN = {"disclosures": "disclosure.unknown"}


def hurt_line(line: str) -> str:
    """A signature line with a letter of its signature changed."""
    letter = "A" if line[-20] != "A" else "B"
    return f"{line[:-20]}{letter}{line[-19:]}"
