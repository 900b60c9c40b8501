"""Drafts: facts that still name things the way the file does.

A draft's data are those of the closed schema of its type, but for references:
``LotRef``, ``FacilityRef``, ``TransferRef``, ``NewCode``, ``UsualScale`` stand where a
code will be. Two forms follow once a service knows what they name:

- ``content_of``: what the file says, the same each time it is read. Lots, runs and
  transfers that the fact makes stand by their own number. The id of the fact is
  derived from it, so that a file that is imported again adds nothing. Private values
  are no part of it: an id that stands in the log must not give a number plate away.
- ``data_of``: what goes into the entry. What the fact makes gets a code, derived from
  the id: a dry run and every later reading give the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from labels.codes import BadCode, code_from_bytes, parse_code

_PRINTED = re.compile(r"[0-9A-Za-z]{4}-[0-9A-Za-z]{4}-[0-9A-Za-z]{4}")


def printed_code(text: str) -> str | None:
    """The code that a text is in its printed form AAAA-BBBB-CCCC; None for others.

    Twelve characters without hyphens are an own number: one in 32 of them, such as
    ``202603050032``, would pass for a code.
    """
    if not _PRINTED.fullmatch(text):
        return None
    try:
        return parse_code(text)
    except BadCode:
        return None


@dataclass(frozen=True, slots=True)
class LotRef:
    """A lot by its printed code or by the yard's own number."""

    text: str

    @property
    def code(self) -> str | None:
        """The code, where the text is one."""
        return printed_code(self.text)

    @property
    def name(self) -> str:
        """The code in its one form, or the own number."""
        return self.code or self.text


@dataclass(frozen=True, slots=True)
class FacilityRef:
    """A facility by its code or by its registered name."""

    text: str


@dataclass(frozen=True, slots=True)
class TransferRef:
    """A transfer by its printed code or by the number that its sender gave it."""

    text: str
    lot: LotRef
    sender: FacilityRef


@dataclass(frozen=True, slots=True)
class NewCode:
    """The code of something that the fact makes.

    Attributes:
        kind: ``lot``, ``run`` or ``transfer``.
        text: Its printed code, or the own number.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class UsualScale:
    """The scale of a facility, where the template has no column for one."""

    facility: FacilityRef
    net_g: int


class Names(Protocol):
    """What a service knows of the things that drafts refer to."""

    def lot(self, ref: LotRef) -> str:
        """The code of a lot."""

    def facility(self, ref: FacilityRef) -> str:
        """The code of a facility."""

    def transfer(self, ref: TransferRef) -> str:
        """The code of an open transfer."""

    def scale(self, ref: UsualScale) -> str:
        """The code of a scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A fact as a file states it.

    Attributes:
        rows: The rows that it was made of, as a person counts them.
        template: Id of the template.
        own_number: What the file calls it.
        type: One of the fact types.
        at: When it happened, aware UTC.
        data: With references in place of codes.
        private: Values that go into disclosures, by field name.
        places: Row and column id of the fields that a check of the ledger may find
            fault with, by path from ``data`` on; a path not listed is that of its
            nearest parent that is.
        stated_materials: Materials that the file names for lots that are there
            already, by path of the lot: to be compared with what they are.
    """

    rows: tuple[int, ...]
    template: str
    own_number: str
    type: str
    at: datetime
    data: Mapping[str, Any]
    private: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    stated_materials: Mapping[str, str] = field(default_factory=dict)

    def place_of(self, path: str) -> tuple[int, str | None]:
        """The row and the column id that a field of the fact comes from.

        Args:
            path: Such as ``data.weighing.net_g``.
        """
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            if (place := self.places.get(".".join(parts[:length]))) is not None:
                return place
        return self.rows[0], None


_COMPACT: Any = {
    "ensure_ascii": False,
    "sort_keys": True,
    "separators": (",", ":"),
}
_encode_plain = json.JSONEncoder(**_COMPACT).encode


def content_of(draft: Draft, names: Names) -> bytes:
    """What the file says, in canonical bytes; see the module.

    Raises:
        Whatever ``names`` raises for something that it does not know.
    """

    def name(value: object) -> object:
        if isinstance(value, NewCode | TransferRef):
            return printed_code(value.text) or {"own": value.text}
        return _named(value, names)

    at = draft.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return _canonical({"at": at, "data": draft.data, "type": draft.type}, name)


def _canonical(value: object, name: Callable[[object], object] | None = None) -> bytes:
    """RFC 8785 bytes of text, whole numbers, lists and objects with ASCII names.

    For these the standard encoder writes the canonical form, at the speed that files
    of 100,000 rows need; references go through ``name``.
    """
    encode = _encode_plain
    if name is not None:
        encode = json.JSONEncoder(**_COMPACT, default=name).encode
    return encode(value).encode()


def derive_fact_id(org: str, template: str, own_number: str, content: bytes) -> UUID:
    """The id of an imported fact: a UUID of version 8 (RFC 9562, 5.8).

    Args:
        org: Code of the organisation.
        template: Id of the template.
        own_number: What the file calls the fact.
        content: As ``content_of`` gives it.

    Returns:
        The first 128 bits of a SHA-256, version and variant set.
    """
    parts = [org, template, own_number, hashlib.sha256(content).hexdigest()]
    digest = hashlib.sha256(b"remelt/row@v1\n" + _canonical(parts)).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76
    return UUID(int=value & ~(0b11 << 62) | 0b10 << 62)


def derive_code(fact_id: UUID, kind: str, text: str) -> str:
    """The code of something that an imported fact makes.

    Args:
        fact_id: Of the fact.
        kind: ``lot``, ``run`` or ``transfer``.
        text: Its own number.
    """
    parts = [str(fact_id), kind, text]
    digest = hashlib.sha256(b"remelt/code@v1\n" + _canonical(parts)).digest()
    return code_from_bytes(digest)


def data_of(draft: Draft, names: Names, fact_id: UUID) -> dict[str, Any]:
    """The data of the entry: plain JSON values, every reference a code.

    Raises:
        Whatever ``names`` raises for something that it does not know.
    """

    def name(value: object) -> object:
        if isinstance(value, NewCode):
            code = printed_code(value.text)
            return code or derive_code(fact_id, value.kind, value.text)
        if isinstance(value, TransferRef):
            return names.transfer(value)
        return _named(value, names)

    made: dict[str, Any] = _replaced(draft.data, name)
    return made


def _named(value: object, names: Names) -> object:
    if isinstance(value, LotRef):
        return names.lot(value)
    if isinstance(value, FacilityRef):
        return names.facility(value)
    if isinstance(value, UsualScale):
        return names.scale(value)
    raise TypeError(f"{type(value).__name__} is no part of a draft")


_PLAIN = frozenset({str, int, bool})


def _replaced(value: Any, name: Callable[[object], object]) -> Any:  # noqa: ANN401 - JSON
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {key: _replaced(one, name) for key, one in value.items()}
    if kind is list:
        return [_replaced(one, name) for one in value]
    return name(value)
