"""Faults of a service beside the fields of the form that caused them."""

from __future__ import annotations

from app.errors import localise
from app.services.errors import Refused


def faults_by_field(refused: Refused) -> dict[str, list[str]]:
    """Sentences in the language of the page, by field; ``""`` for the whole form."""
    found: dict[str, list[str]] = {}
    for fault in refused.faults:
        found.setdefault(fault.field, []).append(localise(fault))
    return found
