"""Under which policy the pages and programs of this process publish the log."""

from __future__ import annotations

from flask import current_app

from app.config import Settings
from ledger import Policy


def log_policy() -> Policy | None:
    """The policy of the data directory; None where nobody witnesses the log."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings.policy
