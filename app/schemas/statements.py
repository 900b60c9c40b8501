"""Questions to the statistics on the wire."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.export.formats import FormatName
from app.export.tables import Language
from app.schemas.lots import Query

Text = Annotated[str, Field(max_length=20)]


class StatementIn(Query):
    """What a statement is asked for; what is left out is not asked for."""

    by: Text = "quarter"
    metal: Text | None = None
    province: Annotated[Text | None, Field(description="A code, or each")] = None
    first: Annotated[Text | None, Field(alias="from")] = None
    last: Annotated[Text | None, Field(alias="to")] = None
    vintage: Annotated[
        Text | None, Field(description="A log size that has a checkpoint")
    ] = None
    format: FormatName = "json"
    language: Language = "en"

    def asked(self) -> dict[str, str]:
        """The question as an address writes it."""
        given = self.model_dump(
            by_alias=True, exclude={"format", "language"}, exclude_none=True
        )
        return {name: str(value) for name, value in given.items()}


class NationalIn(Query):
    """In which format and language national figures are wanted."""

    format: FormatName = "json"
    language: Language = "en"
