"""Pages for people who are signed in: the blueprint ``web`` and its views."""

from __future__ import annotations

from apiflask import APIBlueprint, APIFlask

from app.security import require_sign_in

bp = APIBlueprint("web", __name__, enable_openapi=False)
bp.before_request(require_sign_in)

from app.web import (  # noqa: E402 - the views join the blueprint above
    account,
    claims,
    deliveries,
    device_signing,
    dispatching,
    fact_forms,
    frame,
    home,
    imports,
    keys,
    labels,
    ledger,
    ledger_entries,
    ledger_search,
    logging_lots,
    logging_runs,
    lots,
    names,
    numbers,
    private_values,
    receipts,
    registers,
    runs,
    search,
    statistics,
    taking_back,
    transfers,
    users,
    verify,
    words,
)


def init_app(app: APIFlask) -> None:
    """Register the pages."""
    names.init_app(app)
    numbers.init_app(app)
    frame.init_app(app)
    words.init_app(app)
    fact_forms.init_app(app)
    ledger.init_app(app)
    device_signing.init_app(app)
    app.register_blueprint(bp)
    app.register_blueprint(home.public_bp)
    app.register_blueprint(statistics.bp)
    app.register_blueprint(verify.bp)


__all__ = [
    "account",
    "bp",
    "claims",
    "deliveries",
    "device_signing",
    "dispatching",
    "fact_forms",
    "frame",
    "home",
    "imports",
    "init_app",
    "keys",
    "labels",
    "ledger",
    "ledger_entries",
    "ledger_search",
    "logging_lots",
    "logging_runs",
    "lots",
    "names",
    "numbers",
    "private_values",
    "receipts",
    "registers",
    "runs",
    "search",
    "statistics",
    "taking_back",
    "transfers",
    "users",
    "verify",
    "words",
]
