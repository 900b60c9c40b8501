"""What can be wrong with material: each error says what was found and expected."""

from __future__ import annotations


class GraphError(Exception):
    """Root of every error of this package.

    Args:
        message: English, what was found and what was expected, with ``{name}`` fields.
        field: What of the fact it is about; empty where it is about all of it.
        values: What goes into the fields of the message.
    """

    def __init__(self, message: str, *, field: str = "", **values: object) -> None:
        super().__init__(message.format(**values))
        self.message = message
        self.field = field
        self.values = values


class InvalidSource(GraphError):
    """A sourced lot whose source, class and material do not fit together."""


class NotEnoughMass(GraphError):
    """More is taken from a lot than is left of it."""


class InvalidRun(GraphError):
    """Inputs and outputs that a run of this kind cannot have."""


class DoesNotClose(InvalidRun):
    """What went in is not what came out, beyond the tolerance of the scales."""


class InvalidTransfer(GraphError):
    """A lot that cannot travel, or a weight that cannot be."""


class InvalidClaim(GraphError):
    """A claim that the lot does not bear."""


class CyclicHistory(GraphError):
    """A lot that would be made of itself."""
