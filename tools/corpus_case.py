"""Cases of the shared corpus: an input, and what every verifier must say of it.

A case is a JSON object with ``name``, ``kind``, what that kind takes, and ``expect``:
null where the input is good, else the code of the error; for a bundle that can be read,
an object of the checks that fail, each with its code (empty for a good one).

An input is ``text``, or ``hex`` where it is no text, or ``of`` and ``splice``: the text
of that name with the stretch ``[start, end)`` replaced. All texts are of the Basic
Multilingual Plane, so that UTF-16 and code points count alike.
"""

from __future__ import annotations

from typing import Any

from ledger import (
    BadSignature,
    KeyHistory,
    LedgerError,
    Verifier,
    evaluate_policy,
    load_bundle,
    open_note,
    parse_disclosure,
    parse_entry,
    parse_policy,
    parse_proof_file,
    verify_bundle,
    verify_consistency,
    verify_entry,
    verify_inclusion,
    verify_proof_file,
)

Json = dict[str, Any]
Expected = str | dict[str, str] | None
LAST_OF_PLANE = 0xFFFF


def input_of(case: Json, texts: dict[str, str]) -> bytes:
    """The bytes that a case is about."""
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return text_of(case, texts).encode()


def text_of(case: Json, texts: dict[str, str]) -> str:
    """The text that a case is about."""
    if "text" in case:
        return str(case["text"])
    base = texts[case["of"]]
    start, end, new = case.get("splice", [0, 0, ""])
    return f"{base[:start]}{new}{base[end:]}"


def splice(base: str, text: str) -> list[Any]:
    """The one stretch of a text that has to be replaced to get another."""
    if max(map(ord, base + text)) > LAST_OF_PLANE:
        raise ValueError("a text is not of the Basic Multilingual Plane")
    most = min(len(base), len(text))
    start = next((n for n in range(most) if base[n] != text[n]), most)
    most -= start
    tail = next((n for n in range(most) if base[~n] != text[~n]), most)
    return [start, len(base) - tail, text[start : len(text) - tail]]


def outcome(case: Json, texts: dict[str, str]) -> Expected:
    """What our verifier says of a case, in the form of ``expect``."""
    try:
        if case["kind"] == "bundle":
            return _bundle(case, texts)
        _CHECKS[case["kind"]](case, texts)
    except LedgerError as error:
        return error.code
    return None


def _bundle(case: Json, texts: dict[str, str]) -> dict[str, str]:
    policy = parse_policy(texts[case["policy"]])
    document = load_bundle(input_of(case, texts))
    report = verify_bundle(document, policy, genesis=case["genesis"])
    return {one.name: one.code or "" for one in report.checks if not one.passed}


def _note(case: Json, texts: dict[str, str]) -> None:
    keys = [Verifier.parse(vkey) for vkey in case["vkeys"]]
    open_note(input_of(case, texts), keys)


def _checkpoint(case: Json, texts: dict[str, str]) -> None:
    policy = parse_policy(texts[case["policy"]])
    if not evaluate_policy(policy, input_of(case, texts)).satisfied:
        raise BadSignature("", code="quorum.missing")


def _proof_file(case: Json, texts: dict[str, str]) -> None:
    proof = parse_proof_file(input_of(case, texts))
    policy = parse_policy(texts[case["policy"]])
    verify_proof_file(proof, leaf_hash=bytes.fromhex(case["leaf"]), policy=policy)


def _policy(case: Json, texts: dict[str, str]) -> None:
    parse_policy(text_of(case, texts))


def _entry(case: Json, texts: dict[str, str]) -> None:
    entry = parse_entry(input_of(case, texts))
    verify_entry(entry, [Verifier.parse(case["vkey"])])


def _disclosure(case: Json, texts: dict[str, str]) -> None:
    parse_disclosure(text_of(case, texts))


def _vkey(case: Json, texts: dict[str, str]) -> None:
    Verifier.parse(text_of(case, texts))


def _signature(case: Json, texts: dict[str, str]) -> None:
    key = Verifier("example.org/key", bytes.fromhex(case["public_key"]))
    key.verify(bytes.fromhex(case["signature"]), input_of(case, texts))


def _inclusion(case: Json, _texts: dict[str, str]) -> None:
    verify_inclusion(
        [bytes.fromhex(one) for one in case["proof"]],
        index=int(case["index"]),
        size=int(case["size"]),
        leaf_hash=bytes.fromhex(case["leaf"]),
        root=bytes.fromhex(case["root"]),
    )


def _consistency(case: Json, _texts: dict[str, str]) -> None:
    verify_consistency(
        [bytes.fromhex(one) for one in case["proof"]],
        old_size=int(case["old_size"]),
        new_size=int(case["new_size"]),
        old_root=bytes.fromhex(case["old_root"]),
        new_root=bytes.fromhex(case["new_root"]),
    )


def _history(case: Json, _texts: dict[str, str]) -> None:
    history = KeyHistory()
    for index, note in case["entries"]:
        history.check(index, parse_entry(note.encode()))


_CHECKS = {
    "note": _note,
    "checkpoint": _checkpoint,
    "proof_file": _proof_file,
    "policy": _policy,
    "entry": _entry,
    "disclosure": _disclosure,
    "vkey": _vkey,
    "signature": _signature,
    "inclusion": _inclusion,
    "consistency": _consistency,
    "history": _history,
}
KINDS = ("bundle", *_CHECKS)


class Corpus:
    """Texts and cases, as they are gathered.

    Attributes:
        texts: By name: inputs that cases are changes of, and policies.
        cases: In order.
        faults: Cases that our verifier answers otherwise than their author expects.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.cases: list[Json] = []
        self.faults: list[str] = []

    def add(
        self,
        kind: str,
        name: str,
        data: str | bytes | None,
        must: Expected,
        *,
        of: str | None = None,
        **more: Any,  # noqa: ANN401 - what the kind takes
    ) -> None:
        """Add a case, which our verifier must answer as said.

        Args:
            kind: One of ``KINDS``.
            name: What was done to the input.
            data: The input; None for kinds that take none.
            must: None for a good input; the code; or, for a bundle, checks that fail
                with their codes: others may fail too, and are recorded.
            of: Name of the text that the input is a change of.
            **more: What else the kind takes.
        """
        case: Json = {"name": f"{kind}: {name}", "kind": kind, **more}
        if isinstance(data, bytes):
            case["hex"] = data.hex()
        elif data is not None and of is not None:
            case["of"] = of
            if data != self.texts[of]:
                case["splice"] = splice(self.texts[of], data)
        elif data is not None:
            case["text"] = data
        found = outcome(case, self.texts)
        if isinstance(must, dict) and isinstance(found, dict):
            fits = must.items() <= found.items() and bool(must) == bool(found)
        else:
            fits = must == found
        if not fits:
            self.faults.append(f"{case['name']}: expected {must}, found {found}")
        self.cases.append({**case, "expect": found})
