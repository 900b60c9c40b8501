"""Statements: figures of the supply at a vintage, and national ones, as tables."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, url_for

from app.api import bp
from app.schemas.statements import NationalIn, StatementIn
from app.security import current_actor
from app.table_files import national_table, send_table, statement_table


@bp.get("/statements/<table>")
@bp.input(StatementIn, location="query", arg_name="query")
def export_statement(table: str, query: StatementIn) -> Response:
    """Figures of this log as a table: ``shares``, ``sums`` or ``observations``.

    Complete, with row count, method, vintage and checkpoint: a function of the log,
    the vintage, the method and the editions of the national series.
    """
    actor = current_actor()
    asked = query.asked()
    made = statement_table(table, actor, asked)
    asked["vintage"] = made.meta_value("vintage")
    path = f"{url_for('api.export_statement', table=table)}?{urlencode(asked)}"
    return send_table(made, query.format, query.language, path)


@bp.get("/national/<table>")
@bp.input(NationalIn, location="query", arg_name="query")
def export_national(table: str, query: NationalIn) -> Response:
    """National figures as a table: ``ratios`` or ``targets``."""
    current_actor().require("read-released-statistics", "other")
    path = url_for("api.export_national", table=table)
    return send_table(national_table(table), query.format, query.language, path)
