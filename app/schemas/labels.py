"""Labels on the wire."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from app.queries.labels import IssuedLabel, PrintRun
from app.schemas.fields import Closed, Code, FactId, Prose

LabelFormat = Literal["a4_3x7", "a4_2x5", "100x70", "60x40"]


class LabelsIn(Closed):
    """Labels for a lot or for a claim; ``id`` makes the request one."""

    id: FactId
    lot: Code | None = None
    claim: Code | None = None
    count: Annotated[int, Field(ge=1, le=500, strict=True)] = 1
    format: LabelFormat = "a4_3x7"

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.lot is None) == (self.claim is None):
            raise ValueError("expected either lot or claim")
        return self


class LabelVoidIn(Closed):
    """Why a label is void; ``id`` makes the request one."""

    id: FactId
    reason: Prose


class LabelOut(BaseModel):
    """One label; ``code`` is null where it is not kept here."""

    code: str | None
    code_sha256: str
    address: str | None
    voided_because: str | None


class LabelsOut(BaseModel):
    """The labels of one entry."""

    entry_index: int
    lot: str
    claim: str | None
    format: str
    repeated: bool = False
    labels: list[LabelOut]

    @classmethod
    def of(
        cls,
        run: PrintRun,
        labels: list[IssuedLabel],
        base_url: str,
        *,
        repeated: bool = False,
    ) -> Self:
        """As it is answered."""
        return cls(
            entry_index=run.entry_index,
            lot=run.lot,
            claim=run.claim,
            format=run.format,
            repeated=repeated,
            labels=[
                LabelOut(
                    code=one.code,
                    code_sha256=one.code_sha256.hex(),
                    address=None if one.code is None else f"{base_url}/v/{one.code}",
                    voided_because=one.voided_because,
                )
                for one in labels
            ],
        )
