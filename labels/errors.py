"""What can be wrong with a label."""

from __future__ import annotations


class LabelError(Exception):
    """Root of every error of this package.

    Args:
        message: English, with ``{name}`` fields.
        values: What goes into the fields.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message.format(**values))
        self.message = message
        self.values = values


class CannotSet(LabelError):
    """The font has no glyph for a character of the label."""


class TooLong(LabelError):
    """A text does not fit on the label in letters that can be read."""


class TooFine(TooLong):
    """The address makes a symbol whose modules are too fine for the label."""


class TooCoarse(TooLong):
    """The printer has too few dots for the modules of the symbol."""


class BadAddress(LabelError):
    """The address is no place where a label can be checked, or it is too long."""
