"""Expected failures of the use cases; ``app/errors.py`` gives each its HTTP face."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

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


class KeyEnded(Conflict):
    """The key that signed was rotated or revoked meanwhile."""


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
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)

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


class NoSuchKey(ServiceError):
    """An entry is signed by a key that is not registered for its organisation."""


def refuse(path: str, message: str, **values: object) -> Refused:
    """One fault of one field, ready to be raised.

    Args:
        path: The field, such as ``data.weighing.net_g``; empty for the whole fact.
        message: English, what was found and what was expected, with ``{name}`` fields.
        values: What goes into the fields of the message.
    """
    return Refused([FieldFault(None, path, message, values)])


@contextmanager
def positioned(position: int) -> Iterator[None]:
    """Say of every fault inside which fact of a batch it belongs to, from 0."""
    try:
        yield
    except Refused as error:
        raise Refused(
            [replace(fault, position=position) for fault in error.faults]
        ) from error


class LogRolledBack(ServiceError):
    """The log no longer extends what was signed: an old copy was restored."""


class LogChanged(LogRolledBack):
    """What was signed is not what the entries give: the past was changed."""
