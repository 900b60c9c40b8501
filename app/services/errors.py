"""Expected failures of the use cases; ``app/errors.py`` gives each its HTTP face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.queries.errors import ExpectedError


class ServiceError(ExpectedError):
    """Base of every error that a service raises on purpose."""


class Unauthenticated(ServiceError):
    """Nobody known is calling."""


class Forbidden(ServiceError):
    """The actor's roles, or the scopes of its token, do not allow this."""


class Conflict(ServiceError):
    """The request does not fit the present state."""


class RepeatMismatch(Conflict):
    """Another request stands in the log under the same id."""


class TooLate(Conflict):
    """Something has happened since that rules this out."""


class NoSigningKey(Conflict):
    """The platform keeps no key with which it could sign for the organisation."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One thing wrong with one field of a request.

    Attributes:
        position: Which fact of a request with several, from 0; None when there is one.
        field: Path of the field, such as ``data.weighing.net_g``; empty for the whole.
        message: What was found and what was expected: English, with ``{name}`` fields.
        values: What goes into the fields of the message.
    """

    position: int | None
    field: str
    message: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The message with its values, in English."""
        return self.message.format(**self.values) if self.values else self.message


class Refused(ServiceError):
    """The request cannot become facts; every fault that was found is listed.

    Args:
        faults: At least one.
    """

    def __init__(self, faults: Sequence[FieldFault]) -> None:
        super().__init__("; ".join(_line(fault) for fault in faults))
        self.faults = tuple(faults)


def _line(fault: FieldFault) -> str:
    place = "" if fault.position is None else f"fact {fault.position}: "
    return f"{place}{fault.field}: {fault.text}" if fault.field else place + fault.text
