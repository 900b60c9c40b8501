"""A bundle: all that it takes to check a claim or label offline, in one JSON document.

::

    {
      "format": "remelt/bundle@v1",
      "kind": "public" | "full",
      "subject": {"label_sha256": hex, "claim": code, "lot": code},   (one or more)
      "policy": text of a tlog-policy,
      "genesis": leaf hash of entry 0, hexadecimal,
      "checkpoint": signed note,
      "entries": [
        {"index": n, "leaf": hex, "proof": [hex, ...],
         "note": signed note, "disclosures": [text, ...]}, ...
      ]
    }

Entries stand in log order. One without ``note`` shows only that it is in the log; it
has no ``disclosures`` either. In a *full* bundle each has its note. Contained are
entry 0, the registrations of organisations and keys that the shown entries rest on,
and every parent that a shown entry names.

A bundle cannot show what it leaves out: that a claim was withdrawn, or a key revoked,
later on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ledger.errors import MalformedBundle

FORMAT = "remelt/bundle@v1"
KINDS = ("public", "full")
SUBJECTS = ("label_sha256", "claim", "lot")
MEMBERS = {"format", "kind", "subject", "policy", "genesis", "checkpoint", "entries"}
MAX_PATH = 63
MAX_INDEX = 2**53 - 1
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """One entry of a bundle.

    Attributes:
        index: In the log.
        leaf: Leaf hash, 32 bytes.
        proof: Inclusion path under the bundle's checkpoint.
        note: The entry; None where only its hash is shown.
        disclosures: Texts whose digests stand in the entry.
    """

    index: int
    leaf: bytes
    proof: tuple[bytes, ...]
    note: bytes | None = None
    disclosures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle, its form checked and nothing else.

    Attributes:
        kind: ``public`` or ``full``.
        subject: What it is about: ``label_sha256``, ``claim``, ``lot``.
        policy: Text of the policy that it was made under.
        genesis: Leaf hash of entry 0, 32 bytes.
        checkpoint: Signed note.
        entries: In log order.
    """

    kind: str
    subject: Mapping[str, str]
    policy: str
    genesis: bytes
    checkpoint: bytes
    entries: tuple[BundleEntry, ...]


def format_bundle(bundle: Bundle) -> dict[str, Any]:
    """The bundle as a JSON document, one spelling of each."""
    return {
        "format": FORMAT,
        "kind": bundle.kind,
        "subject": dict(bundle.subject),
        "policy": bundle.policy,
        "genesis": bundle.genesis.hex(),
        "checkpoint": bundle.checkpoint.decode(),
        "entries": [_format_entry(entry) for entry in bundle.entries],
    }


def _format_entry(entry: BundleEntry) -> dict[str, Any]:
    made: dict[str, Any] = {
        "index": entry.index,
        "leaf": entry.leaf.hex(),
        "proof": [one.hex() for one in entry.proof],
    }
    if entry.note is not None:
        made["note"] = entry.note.decode()
        made["disclosures"] = list(entry.disclosures)
    return made


def load_bundle(data: bytes) -> dict[str, Any]:
    """The JSON document in a file.

    Raises:
        MalformedBundle: It is no JSON object, or a member name stands twice.
    """
    try:
        document = json.loads(
            data.decode(),
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        raise _no_json(f"the file is no JSON text: {error}") from None
    if not isinstance(document, dict):
        raise _no_json("the file holds no JSON object")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _no_json("a member name stands twice")
    return made


def _refuse_number(text: str) -> NoReturn:
    raise _no_json(f"{text[:80]} is no whole number")


def _no_json(found: str) -> MalformedBundle:
    return MalformedBundle(found, code="bundle.not_json")


def parse_bundle(document: Mapping[str, Any]) -> Bundle:
    """The bundle that a JSON document holds; nothing is verified.

    Raises:
        MalformedBundle: It is none; the message names the member.
    """
    _members("the bundle", document, MEMBERS, set())
    if document["format"] != FORMAT:
        raise MalformedBundle(f"format: expected {FORMAT}")
    if document["kind"] not in KINDS:
        raise MalformedBundle("kind: expected public or full")
    subject = _members("subject", document["subject"], set(), set(SUBJECTS))
    if not subject or not all(isinstance(one, str) for one in subject.values()):
        raise MalformedBundle("subject: expected texts, one or more")
    entries = document["entries"]
    if not isinstance(entries, list):
        raise MalformedBundle("entries: expected a list")
    parsed = tuple(_parse_entry(n, entry) for n, entry in enumerate(entries))
    indexes = [entry.index for entry in parsed]
    if indexes != sorted(set(indexes)):
        raise MalformedBundle("entries: not in log order, or one stands twice")
    return Bundle(
        kind=document["kind"],
        subject=dict(subject),
        policy=_text("policy", document["policy"]),
        genesis=_hash("genesis", document["genesis"]),
        checkpoint=_bytes("checkpoint", document["checkpoint"]),
        entries=parsed,
    )


def _parse_entry(position: int, value: object) -> BundleEntry:
    where = f"entries.{position}"
    entry = _members(where, value, {"index", "leaf", "proof"}, {"note", "disclosures"})
    index, proof = entry["index"], entry["proof"]
    if type(index) is not int or not 0 <= index <= MAX_INDEX:
        raise MalformedBundle(f"{where}.index: expected a whole number")
    if not isinstance(proof, list) or len(proof) > MAX_PATH:
        raise MalformedBundle(f"{where}.proof: expected a list of at most 63 hashes")
    leaf = _hash(f"{where}.leaf", entry["leaf"])
    path = tuple(_hash(f"{where}.proof", one) for one in proof)
    if "note" not in entry:
        if "disclosures" in entry:
            raise MalformedBundle(f"{where}.disclosures: of an entry without note")
        return BundleEntry(index, leaf, path)
    shown = entry.get("disclosures", [])
    if not isinstance(shown, list):
        raise MalformedBundle(f"{where}.disclosures: expected a list")
    return BundleEntry(
        index,
        leaf,
        path,
        _bytes(f"{where}.note", entry["note"]),
        tuple(_text(f"{where}.disclosures", one) for one in shown),
    )


def _members(
    where: str, value: object, needed: set[str], optional: set[str]
) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MalformedBundle(f"{where}: expected an object")
    if missing := needed - value.keys():
        raise MalformedBundle(f"{where}: {min(missing)} is missing")
    if unknown := value.keys() - needed - optional:
        raise MalformedBundle(f"{where}: {min(map(str, unknown))} is unknown")
    return value


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise MalformedBundle(f"{where}: expected text")
    return value


def _bytes(where: str, value: object) -> bytes:
    try:
        return _text(where, value).encode()
    except UnicodeEncodeError:
        raise MalformedBundle(f"{where}: holds a lone surrogate") from None


def _hash(where: str, value: object) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise MalformedBundle(f"{where}: expected 64 lower-case hexadecimal digits")
    return bytes.fromhex(value)
