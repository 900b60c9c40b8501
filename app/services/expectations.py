"""What the owner of a key expects to find in the log under its name.

A TOML file, one table for each organisation::

    [[organisation]]
    code = "7W5K9QRP2A4B"
    keys = ["example.org/log/7W5K9QRP2A4B/1+1f2e3d4c+AQ..."]
    journal = "own-entries.txt"
    expected = ["<leaf hash>"]

``keys`` are those that may sign, each as a whole verifier key, or by its name alone
once it is registered. ``journal`` (optional) names a file of what the organisation has
made: a leaf hash a line, or what ``remelt sign --out`` wrote; then any other entry
under its name is an alarm. ``expected`` (optional) are leaf hashes of entries about
keys that the owner knows of.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.services.errors import ServiceError
from ledger import KEY_TYPES, Entry, LedgerError, Verifier, leaf_hash, parse_key_name

MEMBERS = {"code", "keys", "journal", "expected"}
MAX_JOURNAL = 500_000_000
_CODE = re.compile(r"[0-9A-Z]{1,64}")
_LEAF = re.compile(r"[0-9a-f]{64}")


class BadExpectations(ServiceError):
    """The file does not say what is expected."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What one organisation expects.

    Attributes:
        organisation: Its code.
        keys: Verifier keys, and names of keys, that may sign.
        leaves: Leaf hashes of all that it has made; None where it keeps no journal.
        expected: Leaf hashes of entries about keys that it knows of.
    """

    organisation: str
    keys: frozenset[str]
    leaves: frozenset[bytes] | None
    expected: frozenset[bytes]

    def concerns(self, entry: Entry) -> bool:
        """Whether an entry stands under the organisation's name, or is signed by it."""
        return entry.fact["org"] == self.organisation or any(
            _organisation_of(line.name) == self.organisation
            for line in entry.signatures
        )

    def surprises(self, entry: Entry, vkeys: dict[str, str]) -> Iterator[str]:
        """What its owner did not expect of an entry that concerns it.

        Args:
            entry: In the log, signed as it should be.
            vkeys: Verifier key of each signer, by name, as the log has registered it.
        """
        leaf = leaf_hash(entry.note)
        kind = entry.fact["type"]
        known = leaf in self.expected or (
            self.leaves is not None and leaf in self.leaves
        )
        if known:
            return
        if kind in KEY_TYPES and not self._is_expected_key(entry):
            held = entry.fact["data"].get("held_by") == "platform"
            key = ", a key that the platform holds" if held else ""
            yield f"{kind} of {self.organisation}{key}, which its owner did not expect"
        for line in entry.signatures:
            if _organisation_of(line.name) != self.organisation:
                continue
            if self.keys.isdisjoint({line.name, vkeys.get(line.name, line.name)}):
                yield f"{kind} signed with {line.name}, which its owner did not expect"
        if self.leaves is not None:
            yield f"{kind} of {self.organisation}, which stands not in its own journal"

    def _is_expected_key(self, entry: Entry) -> bool:
        """Whether a new key is one of those listed: by all of it, never by its name."""
        if entry.fact["type"] not in ("key.registered", "key.rotated"):
            return False
        return entry.fact["data"].get("vkey") in self.keys


def _organisation_of(name: str) -> str | None:
    try:
        return parse_key_name(name).organisation
    except LedgerError:
        return None


def digest_of(expectations: Sequence[Expectation]) -> str:
    """Tells whether other keys are expected than before; journals grow all the time."""
    rules = [
        [one.organisation, sorted(one.keys), one.leaves is not None]
        for one in expectations
    ]
    return hashlib.sha256(json.dumps(rules).encode()).hexdigest()


def read_expectations(path: Path) -> list[Expectation]:
    """The expectations in a file.

    Raises:
        BadExpectations: It says none; the message names the place.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadExpectations("{path}: {reason}", path=path, reason=error) from None
    tables = document.get("organisation")
    if document.keys() != {"organisation"} or not isinstance(tables, list):
        raise BadExpectations("{path}: expected tables [[organisation]]", path=path)
    return [_parse(path, table) for table in tables]


def _parse(path: Path, table: object) -> Expectation:
    if not isinstance(table, dict) or not {"code", "keys"} <= table.keys() <= MEMBERS:
        raise BadExpectations(
            "{path}: expected code, keys, and perhaps journal and expected", path=path
        )
    code = table["code"]
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise BadExpectations("{path}: {code} is no code", path=path, code=code)
    keys = _texts(path, code, table, "keys")
    for key in keys:
        if "+" in key:
            try:
                Verifier.parse(key)
            except LedgerError as error:
                raise BadExpectations(
                    "{path}: {code}: {reason}", path=path, code=code, reason=error
                ) from None
    expected = _texts(path, code, table, "expected")
    if not all(_LEAF.fullmatch(one) for one in expected):
        raise BadExpectations(
            "{path}: {code}: expected holds what is no leaf hash", path=path, code=code
        )
    journal = table.get("journal")
    if journal is not None and not isinstance(journal, str):
        raise BadExpectations(
            "{path}: {code}: journal is no path", path=path, code=code
        )
    return Expectation(
        code,
        frozenset(keys),
        None if journal is None else read_journal(path.parent / journal),
        frozenset(bytes.fromhex(one) for one in expected),
    )


def _texts(path: Path, code: str, table: dict[str, Any], name: str) -> list[str]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadExpectations(
            "{path}: {code}: {name} is no list of texts",
            path=path,
            code=code,
            name=name,
        )
    return value


def read_journal(path: Path) -> frozenset[bytes]:
    """Leaf hashes of what an organisation has made.

    Lines of which the first word is a leaf hash, or the entries that ``remelt sign
    --out`` wrote.

    Raises:
        BadExpectations: The file cannot be read, or is neither.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_JOURNAL + 1)
        text = data.decode()
        if len(data) > MAX_JOURNAL:
            raise ValueError("the journal is too large")
        if text.lstrip().startswith("{"):
            facts = json.loads(text)["facts"]
            return frozenset(leaf_hash(one["note"].encode()) for one in facts)
        words = [line.split()[0] for line in text.splitlines() if line.strip()]
        return frozenset(bytes.fromhex(word) for word in words if _is_leaf(word, path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadExpectations("{path}: {reason}", path=path, reason=error) from None


def _is_leaf(word: str, path: Path) -> bool:
    if word.startswith("#"):
        return False
    if not _LEAF.fullmatch(word):
        raise ValueError(f"{word[:80]!r} in {path.name} is no leaf hash")
    return True
