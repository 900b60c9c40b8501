"""What can go wrong while a table is written."""

from __future__ import annotations

from app.queries.errors import ExpectedError


class ExportError(ExpectedError):
    """Base of every error of the table writers."""


class RowCountDiffers(ExportError):
    """The rows that came are not as many as the table promised."""


class BadCell(ExportError):
    """A cell does not fit its column, or the format cannot hold it unchanged."""


class TooManyRows(ExportError):
    """The format has no room for so many rows; another one has."""


class NotObservations(ExportError):
    """The table is not one of observations, so SDMX cannot say it."""


class SdmxMissing(ExportError):
    """The optional library that writes SDMX is not installed."""
