"""Forms that log facts: what was typed becomes values, what is wrong stands beside it.

A form carries the id of its fact and the codes of what it makes, so that a double tap
logs once: hidden fields that end in ``_id`` are ids of facts, those that begin with
``new_`` are codes. Nothing that was typed is lost: a form that is refused is
shown again with every value as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from flask import Flask
from flask_babel import gettext
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from app.intake.cells import parse_mass, parse_percent, parse_text
from app.intake.dates import parse_instant
from app.intake.faults import BadCell, Fault, shown
from app.intake.text import MAX_LINE, MAX_PRIVATE, plain
from app.schemas.facts import parse_data
from app.security import current_actor, doors, keyring, now
from app.services.access import Actor
from app.services.errors import Refused, RepeatMismatch
from app.services.fact_ids import new_fact_id
from app.services.facts import Fact
from app.services.posting import Receipt
from app.services.recording import record
from app.services.rules import SHANGHAI
from app.web.sentences import said
from labels.codes import BadCode, new_code, parse_code

TO_THE_SECOND = "%Y-%m-%dT%H:%M:%S"
FACT_VERSION = 7
Value = TypeVar("Value")
_TONNES = re.compile(r"(?<=[0-9.])\s*(t|T|吨)$")
_KILOGRAMS = re.compile(r"(?<=[0-9.])\s*(kg|KG|Kg|公斤|千克)$")


class Typed:
    """What was typed into a form, read field by field; ``faults`` says what is wrong.

    Args:
        values: Of the form, by field name.
        labels: What the fields are called, for the sentences of their faults.
        unit: Of masses that are typed without one.
    """

    def __init__(
        self, values: MultiDict[str, str], labels: Mapping[str, str], unit: str
    ) -> None:
        self.values = values
        self.faults: dict[str, list[str]] = {}
        self._labels = labels
        self._unit = unit

    def text(self, name: str, *, private: bool = False) -> str | None:
        """A line of text; None for an empty field."""
        limit = MAX_PRIVATE if private else MAX_LINE
        return self._read(name, lambda text: parse_text(text, limit))

    def mass(self, name: str, *, zero: bool = False) -> int | None:
        """Grams; a unit may stand behind the number."""

        def read(text: str) -> int:
            unit = self._unit
            if _TONNES.search(plain(text)):
                unit = "t"
            elif _KILOGRAMS.search(plain(text)):
                unit = "kg"
            return parse_mass(text, unit, zero=zero)

        return self._read(name, read)

    def percent(self, name: str) -> int | None:
        """A percentage in ppm."""
        return self._read(name, parse_percent)

    def instant(self, name: str) -> datetime | None:
        """A moment, typed in the zone of the books."""
        return self._read(name, parse_instant)

    def code(self, name: str) -> str | None:
        """A code, in any spelling."""

        def read(text: str) -> str:
            try:
                return parse_code(text)
            except BadCode:
                raise BadCell("expected a code such as 7K3M-9QWX-2HTV") from None

        return self._read(name, read)

    def choice(self, name: str, known: Iterable[str]) -> str | None:
        """One of the values offered."""

        def read(text: str) -> str:
            if text not in known:
                raise BadCell("expected one of those offered")
            return text

        return self._read(name, read)

    def cell(self, name: str, parser: Callable[[str], Value]) -> Value | None:
        """A field read by a parser of cells."""
        return self._read(name, parser)

    def require(self, name: str, value: object) -> None:
        """Say that a field is needed, where it is empty and not at fault already."""
        if value is None and name not in self.faults:
            self.fault(name, gettext("is needed"))

    def fault(self, name: str, message: str) -> None:
        """Note a fault of a field; the message ends a sentence."""
        label = self._labels.get(name)
        if label:
            message = gettext("%(label)s: %(message)s", label=label, message=message)
        self.faults.setdefault(name, []).append(_sentence(message))

    def renew(self) -> None:
        """Give the form new ids and codes: what it carried stands in the log."""
        values = self.values.copy()
        for name in list(values):
            if name.endswith("_id"):
                values[name] = new_fact_id(now())
            elif name.startswith("new_"):
                values[name] = new_code()
        self.values = values

    def _read(self, name: str, parser: Callable[[str], Value]) -> Value | None:
        text = self.values.get(name, "").strip()
        if not text:
            return None
        try:
            return parser(text)
        except BadCell as bad:
            column = str(self._labels.get(name, name))
            fault = Fault(None, column, shown(text), bad.message, bad.values)
            self.faults.setdefault(name, []).append(fault.text_here(gettext))
            return None


def _sentence(text: str) -> str:
    if text.endswith((".", "。")):
        return text
    ended: str = gettext("%(sentence)s.", sentence=text)
    return ended


def init_app(app: Flask) -> None:
    """Give the forms the clock of the server: that of a yard's PC may be wrong."""
    app.add_template_global(lambda: int(now().timestamp() * 1000), "clock_ms")


def fresh_ids(*names: str) -> dict[str, str]:
    """The id of a new fact, the moment, and new codes for what it makes."""
    ids = {"fact_id": new_fact_id(now()), "at": local_text(now())}
    return ids | {name: new_code() for name in names}


def local_text(moment: datetime) -> str:
    """A moment as a field for date and time holds it, in the zone of the books."""
    return moment.astimezone(SHANGHAI).strftime(TO_THE_SECOND)


def kept_id(values: Mapping[str, str], name: str = "fact_id") -> str:
    """The id that a form carries; a new one where it was tampered with."""
    text = values.get(name, "")
    try:
        value = UUID(text)
    except ValueError:
        return new_fact_id(now())
    fits = value.version == FACT_VERSION and str(value) == text
    return text if fits else new_fact_id(now())


def kept_code(values: Mapping[str, str], name: str) -> str:
    """The code that a form carries; a new one where it was tampered with."""
    try:
        return parse_code(values.get(name, ""))
    except BadCode:
        return new_code()


def moment_of(typed: Typed, name: str = "at") -> datetime:
    """When it happened: what was typed, or now; to the second."""
    return (typed.instant(name) or now()).replace(microsecond=0)


def make_fact(
    actor: Actor,
    fact_type: str,
    data: Mapping[str, Any],
    *,
    fact_id: str,
    at: datetime,
    private: Mapping[str, str | None] | None = None,
) -> Fact:
    """A checked fact of the actor's organisation; fields that are None are left out.

    Raises:
        pydantic.ValidationError: The data do not fit the schema of the type.
    """
    return Fact(
        id=fact_id,
        type=fact_type,
        org=actor.organisation_code or "",
        at=at,
        data=parse_data(fact_type, without_none(data)),
        private={name: text for name, text in (private or {}).items() if text},
    )


def without_none(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A JSON value without the members that are None."""
    if isinstance(value, Mapping):
        return {
            name: without_none(one) for name, one in value.items() if one is not None
        }
    if isinstance(value, list):
        return [without_none(one) for one in value]
    return value


def log_facts(
    typed: Typed,
    make: Callable[[], Sequence[Fact]],
    fields: Sequence[tuple[str, str]],
) -> list[Receipt] | None:
    """Make facts and record them; None, with faults beside the fields, if refused.

    Args:
        typed: Gets the faults.
        make: Makes the facts out of what was typed.
        fields: (beginning of a path in a fact, field of the form) pairs; the first
            that fits a fault says where it stands. ``{n}`` in both stands for a number.

    Raises:
        Forbidden: The actor may not state one of them.
    """
    try:
        return record(doors(), keyring(), current_actor(), make(), now())
    except ValidationError as invalid:
        for fault in invalid.errors(include_url=False):
            path = "data." + ".".join(str(part) for part in fault["loc"])
            # On a line of its own: what stands in brackets would be collected
            expected = fault["msg"]
            _note(typed, path, gettext(expected), fields)
    except Refused as refused:
        for one in refused.faults:
            _note(typed, one.field, said(one.message, one.values), fields)
    except RepeatMismatch:
        typed.renew()
        typed.fault(
            "",
            gettext(
                "This form was logged before, with other values. Send it again to log "
                "another one; look at the list first"
            ),
        )
    return None


def _note(
    typed: Typed, path: str, message: str, fields: Sequence[tuple[str, str]]
) -> None:
    typed.faults.setdefault(_field_of(path, fields), []).append(_sentence(message))


def _field_of(path: str, fields: Sequence[tuple[str, str]]) -> str:
    for beginning, name in fields:
        pattern = re.escape(beginning).replace(r"\{n\}", r"(\d+)")
        if found := re.match(rf"{pattern}(\.|$)", path):
            return name.replace("{n}", found[1]) if found.lastindex else name
    return ""
