"""The API for programs, under ``/api/v1``."""

from __future__ import annotations

from apiflask import APIBlueprint

from app.security import require_caller

bp = APIBlueprint("api", __name__, url_prefix="/api/v1")
bp.before_request(require_caller)

from app.api import claims, entries, imports, keys, labels, lots, statements  # noqa: E402 - the views join the blueprint above

__all__ = ["bp", "claims", "entries", "imports", "keys", "labels", "lots", "statements"]
