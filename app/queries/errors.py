"""What every expected failure carries, and the failure of a query."""

from __future__ import annotations


class ExpectedError(Exception):
    """Base of every failure that the application answers on purpose.

    The message is English text with ``{name}`` fields, and the values stand beside
    it, so that the edge can put the same sentence into another language.

    Args:
        message: A template; taken as it is when there are no values.
        values: What goes into its fields.
    """

    def __init__(self, message: str, /, **values: object) -> None:
        super().__init__(message.format(**values) if values else message)
        self.message = message
        self.values = values


class NotFound(ExpectedError):
    """There is no such thing, or the actor may not see it: the answer is the same."""
