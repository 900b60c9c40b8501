"""What a fact says as labelled values, each in the units and words of the house."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import get_locale, gettext
from sqlalchemy.orm import Session

from app.models import FacilityRow, OrganisationRow
from app.queries.explorer import find_entry_of_fact, lots_behind
from app.queries.facts import EntryView
from app.queries.registers import facilities_by_code, organisations_by_code
from app.services.facts import parse_at
from app.services.rules import materials
from app.web.numbers import THIN, grouped, instant, mass, short_hash
from app.web.trace_pictures import name_of_province
from app.web.verify import name_of

HUNDREDTHS = 10_000
ZONE = "UTC+8"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a value.

    Attributes:
        text: As it is shown.
        href: Where it leads; None: nowhere.
        mono: A code or a hash.
        note: Said beside it, muted.
        whole: What the text shortens; empty where it does not.
    """

    text: str
    href: str | None = None
    mono: bool = False
    note: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A labelled value; several parts stand one below the other."""

    label: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Flows:
    """A small table: lots in and out, elements, scales.

    Attributes:
        title: Above it.
        heads: (text, whether numbers stand below it).
        rows: As many parts as there are heads.
    """

    title: str
    heads: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Part, ...], ...]


@dataclass(frozen=True, slots=True)
class References:
    """What the codes of a fact stand for, and which pages the reader may open.

    Attributes:
        organisations: Named in the fact, by code.
        facilities: Named in the fact, by code.
        facts: Index of the entry behind each fact id that is named.
        lots: Code of the lot behind each transfer and claim that is named.
        opens: Pages of lots, runs, transfers and claims are open to the reader.
    """

    organisations: Mapping[str, OrganisationRow] = field(default_factory=dict)
    facilities: Mapping[str, FacilityRow] = field(default_factory=dict)
    facts: Mapping[str, int] = field(default_factory=dict)
    lots: Mapping[str, str] = field(default_factory=dict)
    opens: bool = False


def references_of(session: Session, view: EntryView, *, opens: bool) -> References:
    """Look up what a fact names."""
    data, kind = view.fact["data"], view.fact["type"]
    places = [data.get("facility"), data.get("code")]
    if kind == "transfer.dispatched":
        places += [data["from"], data["to"]]
    facts = {}
    for name in ("corrects", "of"):
        if name in data:
            index = find_entry_of_fact(session, view.fact["org"], data[name])
            if index is not None:
                facts[data[name]] = index
    return References(
        organisations_by_code(
            session, _texts([view.fact["org"], data.get("organisation")])
        ),
        facilities_by_code(session, _texts(places)),
        facts,
        lots_behind(session, _texts([data.get("transfer"), data.get("claim")])),
        opens,
    )


def _texts(values: Iterable[object]) -> list[str]:
    return [one for one in values if isinstance(one, str)]


class Sheet:
    """Collects the lines and tables of one fact, and the lots that they name."""

    def __init__(self, references: References) -> None:
        self.references = references
        self.lines: list[Line] = []
        self.tables: list[Flows] = []
        self.lots: list[str] = []

    def add(self, label: str, *parts: Part | None) -> None:
        """A line, where at least one of its parts is there."""
        there = tuple(one for one in parts if one is not None)
        if there:
            self.lines.append(Line(label, there))

    def table(
        self,
        title: str,
        heads: Iterable[tuple[str, bool]],
        rows: Iterable[Iterable[Part]],
    ) -> None:
        """A table, where it has a row."""
        found = tuple(tuple(row) for row in rows)
        if found:
            self.tables.append(Flows(title, tuple(heads), found))

    def thing(self, code: str, pages: str) -> Part:
        """A lot, run, transfer or claim by its code."""
        href = f"/{pages}/{code}" if self.references.opens else None
        if pages == "lots":
            self.lots.append(code)
        if href is None and pages == "lots":
            href = f"/ledger/search?lot={code}"
        return Part(grouped(code), href, mono=True)

    def lot_behind(self, code: str) -> Part | None:
        """The lot that a transfer moves or a claim is about."""
        lot = self.references.lots.get(code)
        return None if lot is None else self.thing(lot, "lots")

    def facility(self, code: str) -> Part:
        """A facility by its name."""
        row = self.references.facilities.get(code)
        if row is None:
            return Part(grouped(code), mono=True)
        return Part(
            name_of(row), note=f"{grouped(code)} · {name_of_province(row.province)}"
        )

    def organisation(self, code: str) -> Part:
        """An organisation by its name; leads to what it has logged."""
        row = self.references.organisations.get(code)
        href = f"/ledger/search?organisation={code}"
        if row is None:
            return Part(grouped(code), href, mono=True)
        return Part(name_of(row), href, note=grouped(code))

    def fact(self, fact_id: str) -> Part:
        """Another fact of the same organisation, by the index of its entry."""
        index = self.references.facts.get(fact_id)
        if index is None:
            return Part(fact_id, mono=True)
        return Part(gettext("entry %(n)s", n=index), f"/ledger/entries/{index}")


def material(code: str) -> Part:
    """A material by its name, with the standard that defines it."""
    found = materials().get(code)
    if found is None:
        return Part(code, mono=True)
    return Part(name_of(found), note=f"{code} · {found.standard}")


def grams(value: int | None) -> Part | None:
    """A mass in the unit of the reader."""
    return None if value is None else Part(mass(value))


def exact_percent(ppm: int) -> str:
    """A share with all its digits.

    >>> exact_percent(862_000).replace(THIN, " "), exact_percent(5).replace(THIN, " ")
    ('86.2 %', '0.0005 %')
    """
    whole, rest = divmod(ppm, HUNDREDTHS)
    digits = f"{rest:04d}".rstrip("0")
    return f"{whole}.{digits}{THIN}%" if digits else f"{whole}{THIN}%"


def percent(ppm: int | None) -> Part | None:
    """The same as a part."""
    return None if ppm is None else Part(exact_percent(ppm))


def text(value: object) -> Part | None:
    """A value as it stands; nothing for None."""
    return None if value is None else Part(str(value))


def digest(value: str) -> Part:
    """A hash, shortened in the middle."""
    return Part(short_hash(value), mono=True, whole=value)


def zoned(at: datetime) -> str:
    """An instant to the minute, in the zone of the books, which stands behind it."""
    return f"{instant(at)}{THIN}{ZONE}"


def moment(at: str | None) -> Part | None:
    """An instant of a fact."""
    return None if at is None else Part(zoned(parse_at(at)))


def country(code: str) -> str:
    """A country in the language of the page."""
    locale = get_locale()
    names: Mapping[str, Any] = {} if locale is None else locale.territories
    return str(names.get(code, code))


def flat_lines(value: object, path: str = "") -> list[tuple[str, str]]:
    """Every field of a value, flat: (path, text); of types that nobody knows yet."""
    if isinstance(value, dict):
        found = []
        for name in sorted(value):
            found += flat_lines(value[name], f"{path}.{name}" if path else name)
        return found
    if isinstance(value, list):
        found = []
        for n, one in enumerate(value, 1):
            found += flat_lines(one, f"{path}[{n}]")
        return found
    return [(path, str(value))]
