"""A verifier written from docs/reference/log-format.md alone agrees with ours."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.services.archive import export_log
from app.services.bundles import BundleKind
from ledger.error_codes import CODES
from ledger.fork import format_fork, load_fork, verify_fork
from tests.integration.test_never_two_histories import make_yard
from tests.integration.test_verify_command import bundle_text
from tests.known_answers import stranger
from tests.known_answers.stranger import Bad, Bundle, Keys, Policy
from tests.labelled import grow_chain, labelled_claim
from tests.small_log import LOG_KEY
from tests.unit.test_ledger_fork import LEAVES, OTHER, POLICY, evidence
from tests.world import World

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/reference/log-format.md").read_text("utf-8")
CORPUS: Any = json.loads(
    (ROOT / "tests/known_answers/verifier_corpus.json").read_text("utf-8")
)
TEXTS: dict[str, str] = CORPUS["texts"]
Case = dict[str, Any]


def text_of(case: Case) -> str:
    if "text" in case:
        return str(case["text"])
    base = TEXTS[case["of"]]
    start, end, new = case.get("splice", [0, 0, ""])
    return f"{base[:start]}{new}{base[end:]}"


def bytes_of(case: Case) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else text_of(case).encode()


def hashes(case: Case) -> list[bytes]:
    return [bytes.fromhex(one) for one in case["proof"]]


def entry(case: Case) -> None:
    _, text, lines = stranger.entry_of(bytes_of(case))
    name, key_id, public = stranger.key_of(case["vkey"])
    if [line[:2] for line in lines] != [(name, key_id)]:
        raise Bad("signature.unexpected")
    stranger.check(public, lines[0][2], text, "signature.bad")


def history(case: Case) -> None:
    keys = Keys()
    for index, note in case["entries"]:
        keys.check(index, note.encode())


def signature(case: Case) -> None:
    public = bytes.fromhex(case["public_key"])
    if stranger.is_weak(public):
        raise Bad("key.weak")
    made = bytes.fromhex(case["signature"])
    stranger.check(public, made, bytes_of(case), "signature.bad")


CHECKS: dict[str, Callable[[Case], object]] = {
    "note": lambda case: stranger.open_note(bytes_of(case), case["vkeys"]),
    "checkpoint": lambda case: Policy(TEXTS[case["policy"]]).evaluate(bytes_of(case)),
    "proof_file": lambda case: stranger.proof_file(
        bytes_of(case), bytes.fromhex(case["leaf"]), Policy(TEXTS[case["policy"]])
    ),
    "policy": lambda case: Policy(text_of(case)),
    "entry": entry,
    "disclosure": lambda case: stranger.disclosure_of(text_of(case)),
    "vkey": lambda case: stranger.key_of(text_of(case)),
    "signature": signature,
    "inclusion": lambda case: stranger.inclusion(
        hashes(case),
        int(case["index"]),
        int(case["size"]),
        bytes.fromhex(case["leaf"]),
        bytes.fromhex(case["root"]),
    ),
    "consistency": lambda case: stranger.consistency(
        hashes(case),
        int(case["old_size"]),
        int(case["new_size"]),
        bytes.fromhex(case["old_root"]),
        bytes.fromhex(case["new_root"]),
    ),
    "history": history,
}


def outcome(case: Case) -> str | dict[str, str] | None:
    try:
        if case["kind"] == "bundle":
            policy = Policy(TEXTS[case["policy"]])
            return Bundle(bytes_of(case), policy, case["genesis"]).faults()
        CHECKS[case["kind"]](case)
    except Bad as bad:
        return str(bad)
    return None


@pytest.mark.parametrize("kind", ["bundle", *CHECKS])
def test_every_case_of_the_corpus_gets_the_same_code(kind: str) -> None:
    cases = [case for case in CORPUS["cases"] if case["kind"] == kind]

    wrong = [
        (case["name"], outcome(case), case["expect"])
        for case in cases
        if outcome(case) != case["expect"]
    ]

    assert cases
    assert wrong == []


def block(name: str) -> tuple[str, dict[str, str]]:
    """A fenced example of the page, with what its first line says of it."""
    found = re.search(rf"^```{name}( [^\n]*)?\n(.*?)^```$", PAGE, re.M | re.S)
    assert found is not None, f"the page has no example {name}"
    words = [word.partition("=") for word in (found[1] or "").split()]
    return found[2], {key: value for key, _, value in words}


def test_the_examples_of_the_page_verify() -> None:
    policy = Policy(block("policy")[0])
    vkey = block("vkey")[0].strip()
    note, said = block("entry")
    proof, of = block("proof")

    assert policy.logs == [vkey]
    assert stranger.key_of(vkey)[0] == "example.org/log"
    entry({"text": note, "vkey": said["key"]})
    assert stranger.leaf_of(note.encode()).hex() == said["leaf"]
    assert policy.evaluate(block("checkpoint")[0].encode())[1] == 7
    stranger.proof_file(proof.encode(), bytes.fromhex(of["leaf"]), policy)


def test_the_examples_of_private_values_keys_and_paths_are_real() -> None:
    disclosure, of = block("disclosure")
    possession, by = block("possession")
    _, org, vkey = possession.splitlines()
    notes = re.split(r"\n(?=remelt/fact@v1\n)", block("log")[0])
    keys = Keys()

    assert stranger.disclosure_of(disclosure.strip())[1] == of["digest"]
    proof = stranger.un64(by["proof"], "possession.malformed")
    stranger.check(stranger.key_of(vkey)[2], proof, possession.encode(), "bad")
    for index, note in enumerate(notes):
        fact = keys.check(index, note.encode())
    assert (fact["org"], fact["data"]["vkey"]) == (org, vkey)
    paths, said = block("paths")
    assert paths.split() == stranger.edge_of(int(said["size"]))
    path, said = block("path")
    assert path.strip() == stranger.tile_path(said["level"], int(said["index"]), 256)


def test_the_example_of_a_fork_is_one() -> None:
    policy = Policy(block("policy")[0])
    data = json.loads(block("fork")[0])
    swapped = {**data, "newer": data["older"], "older": data["newer"]}

    assert stranger.fork(json.dumps(data).encode(), policy) == "fork"
    with pytest.raises(Bad):
        stranger.fork(json.dumps(swapped).encode(), policy)


@pytest.mark.parametrize("new", [1, 2, 3, 7, 8, 9, 64, 65])
def test_both_verifiers_judge_two_histories_alike(new: int) -> None:
    policy = Policy(f"log {LOG_KEY.vkey}\nquorum none\n")
    for old in range(new + 1):
        for older in (LEAVES[:old], OTHER[:old]):
            made = evidence(older, LEAVES[:new])
            for one in (made, replace(made, proof=made.proof[1:])):
                data = json.dumps(format_fork(one)).encode()
                ours = verify_fork(load_fork(data), POLICY).verdict
                assert stranger.fork(data, policy) == ours


def test_the_page_names_every_code_with_its_meaning() -> None:
    found = dict(re.findall(r"^\| `([a-z_.]+)` \| (.*) \|$", PAGE, re.M))

    assert {code: found.get(code) for code in CODES} == CODES


def test_an_archive_of_a_log_verifies_and_a_changed_byte_does_not(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    org, site = make_yard(world)
    for _ in range(300):
        world.sourced(org, site)
    world.checkpoint()
    with world.reading() as session:
        size = export_log(session, folder)
    policy = Policy(f"log {world.log_key.vkey}\nquorum none\n")

    assert stranger.archive(folder, policy) == size
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        data = path.read_bytes()
        at = len(data) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        try:
            stranger.archive(folder, policy)
        except (Bad, UnicodeDecodeError):
            pass
        else:
            pytest.fail(f"byte {at} of {path.relative_to(folder)} was changed unseen")
        path.write_bytes(data)


@pytest.mark.parametrize("kind", ["public", "full"])
def test_a_bundle_of_a_real_label_verifies_and_of_another_lot_does_not(
    world: World, kind: BundleKind
) -> None:
    grow_chain(world)
    made = labelled_claim(world)
    world.checkpoint()
    text = bundle_text(world, made.code, kind)
    policy = Policy(f"log {world.log_key.vkey}\nquorum none\n")
    genesis = json.loads(text)["genesis"]
    other = json.loads(text)
    other["subject"]["lot"] = made.code

    assert Bundle(text.encode(), policy, genesis).faults() == {}
    assert Bundle(json.dumps(other).encode(), policy, genesis).faults() == {
        "subject": "subject.lot"
    }


def test_the_stranger_has_none_of_our_code() -> None:
    tree = ast.parse(Path(stranger.__file__).read_text())
    names = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }

    assert names <= sys.stdlib_module_names | {"cryptography"}
