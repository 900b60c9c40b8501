"""What a client sends to the log, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.schemas.facts import DATA, parse_data
from app.schemas.fields import AtUtc, Closed, Code, FactId, Line, clean_text
from app.services.errors import FieldFault, Refused
from app.services.facts import Fact, parse_at
from app.services.recording import OwnEntry
from ledger import LedgerError, parse_entry

MAX_FACTS = 1000


class FactIn(Closed):
    """A fact for the platform to sign: ``data`` as in the reference of facts."""

    id: FactId
    type: Line
    v: Literal[1] = 1
    org: Code | None = None
    at: AtUtc
    data: dict[str, Any]
    private: Annotated[
        dict[str, Annotated[str, Field(min_length=1, max_length=500)]],
        Field(max_length=10),
    ] = Field(default_factory=dict)


class NoteIn(Closed):
    """An entry that the organisation signed itself, with its disclosures."""

    note: Annotated[str, Field(min_length=1, max_length=65_535)]
    disclosures: Annotated[list[str], Field(max_length=10)] = Field(
        default_factory=list
    )


class EntriesIn(Closed):
    """Up to 1,000 facts, posted all or nothing."""

    facts: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_FACTS)]


class ReceiptOut(Closed):
    """Where a fact stands in the log: ``recorded`` means committed and final."""

    position: int
    id: str
    entry_index: int
    leaf_hash: str
    grade: Literal["recorded"] = "recorded"
    repeated: bool


class EntriesOut(Closed):
    """One receipt for each fact, in the order of the request.

    Attributes:
        receipts: In the order of the request.
        size: A checkpoint over this many entries covers all of them.
    """

    receipts: list[ReceiptOut]
    size: int


def parse_requests(
    items: Sequence[Mapping[str, Any]], own_org: str | None
) -> list[Fact | OwnEntry]:
    """Facts and signed notes out of a request.

    Args:
        items: As sent; each with ``note`` is a signed entry, the others are facts.
        own_org: The organisation of the caller, used where a fact names none.

    Raises:
        Refused: With every fault of every item, by position.
    """
    faults: list[FieldFault] = []
    parsed: list[Fact | OwnEntry] = []
    for position, item in enumerate(items):
        try:
            if "note" in item:
                parsed.append(_parse_note(item))
            else:
                parsed.append(parse_fact(item, own_org))
        except ValidationError as error:
            faults += faults_of(error, position)
        except LedgerError as error:
            faults.append(
                FieldFault(position, "note", "{reason}", {"reason": str(error)})
            )
        except Refused as error:
            faults += [
                FieldFault(position, one.field, one.message, one.values)
                for one in error.faults
            ]
    if faults:
        raise Refused(faults)
    return parsed


def parse_fact(item: Mapping[str, Any], own_org: str | None) -> Fact:
    """One fact for the platform to sign.

    Raises:
        pydantic.ValidationError: With every fault of its fields.
        Refused: There is no such type, or nobody says which organisation states it.
    """
    envelope = FactIn.model_validate(dict(item))
    _check_type(envelope.type)
    org = envelope.org or own_org
    if org is None:
        raise Refused([FieldFault(None, "org", "expected the code of an organisation")])
    return Fact(
        id=envelope.id,
        type=envelope.type,
        org=org,
        at=parse_at(envelope.at),
        data=_parse_data(envelope.type, envelope.data),
        private={
            name: _private(name, value) for name, value in envelope.private.items()
        },
    )


def check_fact(item: Mapping[str, Any], org: str) -> Fact:
    """The same for a fact that the application has put together.

    Raises:
        Refused: Every fault of its fields.
    """
    try:
        return parse_fact(item, org)
    except ValidationError as error:
        raise Refused(faults_of(error, None)) from None


def _parse_note(item: Mapping[str, Any]) -> OwnEntry:
    sent = NoteIn.model_validate(dict(item))
    entry = parse_entry(sent.note.encode())
    _check_type(entry.fact["type"])
    data = _parse_data(entry.fact["type"], entry.fact["data"])
    return OwnEntry(entry, data, tuple(sent.disclosures))


def _check_type(name: str) -> None:
    if name not in DATA or name == "log.genesis":
        known = ", ".join(kind for kind in DATA if kind != "log.genesis")
        raise Refused(
            [
                FieldFault(
                    None,
                    "type",
                    "found {name}, expected one of {known}",
                    {"name": name, "known": known},
                )
            ]
        )


def _parse_data(fact_type: str, data: object) -> dict[str, Any]:
    try:
        return parse_data(fact_type, data)
    except ValidationError as error:
        raise Refused(
            [
                FieldFault(
                    None, _path("data", fault.field), fault.message, fault.values
                )
                for fault in faults_of(error, None)
            ]
        ) from None


def _private(name: str, value: str) -> str:
    try:
        return clean_text(value)
    except ValueError as error:
        raise Refused(
            [FieldFault(None, f"private.{name}", "{reason}", {"reason": str(error)})]
        ) from None


def _path(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def faults_of(error: ValidationError, position: int | None) -> list[FieldFault]:
    """The faults that Pydantic found, each with its path and what was found."""
    return [
        FieldFault(
            position,
            ".".join(str(part) for part in fault["loc"]),
            "{reason}",
            {"reason": _reason(fault)},
        )
        for fault in error.errors(include_url=False)
    ]


def _reason(fault: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    found = repr(fault["input"])
    limit = 80
    shown = found if len(found) <= limit else found[: limit - 1] + "…"
    if fault["type"] == "missing":
        return "is missing"
    if fault["type"] == "extra_forbidden":
        return "is no field of this type"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return message if message.startswith("found") else f"found {shown}: {message}"


class EntryListIn(BaseModel):
    """How a list of entries is narrowed and paged."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, Field(ge=-1)] = -1
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    type: Annotated[str, Field(max_length=50)] | None = None


class EntryOut(BaseModel):
    """An entry; ``private`` holds values that only its own organisation sees.

    ``held_by`` says of each of the ``signers``, in their order, who keeps the key.
    """

    entry_index: int
    leaf_hash: str
    signers: list[str]
    held_by: list[Literal["organisation", "platform", "operator"]]
    fact: dict[str, Any]
    voided_by: int | None
    private: dict[str, str]
    note: str


class EntryListOut(BaseModel):
    """A page of entries; ``next_after`` continues it."""

    entries: list[EntryOut]
    next_after: int | None


class ProofOut(BaseModel):
    """Inclusion proof, hexadecimal, leaf's sibling first, and the checkpoint's note."""

    entry_index: int
    leaf_hash: str
    grade: Literal["recorded", "logged", "witnessed"]
    proof: list[str]
    checkpoint: str | None
