"""What the operator's machines ask: is it well, and what does it do."""

from __future__ import annotations

from datetime import timedelta

from apiflask import APIBlueprint
from flask import Flask, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from sqlalchemy import select

from app.db import reading
from app.models import SignerRow
from app.queries.log import find_checkpoint, get_head
from app.security import now

bp = APIBlueprint("operation", __name__, enable_openapi=False)
STALE = timedelta(seconds=30)
LOG_SIZE = Gauge("remelt_log_size", "Entries in the log")
CHECKPOINT_SIZE = Gauge("remelt_checkpoint_size", "Entries under a signed checkpoint")


def init_app(app: Flask) -> None:
    """Register the pages of operation."""
    app.register_blueprint(bp)


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    """Whether the database answers, and how far the signer has come."""
    moment = now()
    with reading() as session:
        size = get_head(session).size
        checkpoint = find_checkpoint(session)
        signer = session.scalar(select(SignerRow))
    signed = 0 if checkpoint is None else checkpoint.size
    alive = signer is not None and moment - signer.alive_at < STALE
    well = signed == size or alive
    found = {
        "status": "ok" if well else "degraded",
        "log_size": size,
        "checkpoint_size": signed,
        "signer_alive": alive,
    }
    return jsonify(found), 200 if well else 503


@bp.get("/metrics")
def metrics() -> Response:
    """Figures for Prometheus."""
    with reading() as session:
        LOG_SIZE.set(get_head(session).size)
        checkpoint = find_checkpoint(session)
    CHECKPOINT_SIZE.set(0 if checkpoint is None else checkpoint.size)
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
