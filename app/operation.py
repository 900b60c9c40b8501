"""What the operator's machines ask: is it well, and what does it do.

Several worker processes serve one application. Each keeps its figures in files under
``PROMETHEUS_MULTIPROC_DIR`` (a variable of prometheus-client; ``remelt serve`` sets
it), and ``/metrics`` adds them up, whichever worker is asked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from apiflask import APIBlueprint
from flask import Flask, Response, current_app, g, jsonify, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from app.db import reading
from app.models import ImportRow, SignerRow
from app.publishing import log_policy
from app.queries.cosigned import asks_for_witnesses, find_published_checkpoint
from app.queries.log import find_checkpoint, get_head
from app.queries.witnesses import WitnessState, WitnessView, list_witnesses
from app.security import now

bp = APIBlueprint("operation", __name__, enable_openapi=False)
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
STALE = timedelta(seconds=30)
IMPORT_STATES = ("queued", "running", "done", "refused", "failed")
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


@dataclass(frozen=True, slots=True)
class Health:
    """How the log and its signer are.

    Attributes:
        log_size: Entries committed.
        checkpoint_size: Entries under a signed checkpoint.
        signer_age_s: Seconds since the signer last looked; None if it never did.
        imports: Files handed in, by state.
        witnessed_size: Entries under a checkpoint that the quorum has cosigned; None
            where the policy asks for no witness.
        witnesses: How each witness of the policy last answered.
    """

    log_size: int
    checkpoint_size: int
    signer_age_s: float | None
    imports: Mapping[str, int]
    witnessed_size: int | None = None
    witnesses: tuple[WitnessView, ...] = ()

    @property
    def lag(self) -> int:
        """Entries that no checkpoint covers yet."""
        return self.log_size - self.checkpoint_size

    @property
    def well(self) -> bool:
        """Whether all is signed, or somebody is about to sign it."""
        return self.signing or self.checkpoint_size == self.log_size

    @property
    def signing(self) -> bool:
        """Whether the signer has looked of late.

        One that looked in the future has not: the clock went back, and it is dead.
        """
        age = self.signer_age_s
        return age is not None and abs(age) < STALE.total_seconds()


class Figures:
    """Counters of one application in this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "remelt_requests",
            "Requests answered",
            ("method", "rule", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "remelt_request_seconds",
            "How long an answer took",
            ("rule",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )


class LogFigures(Collector):
    """What the database says, as of this moment."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """The figures, each as Prometheus has it: what only grows is a counter."""
        health = self._health
        yield CounterMetricFamily(
            "remelt_entries_appended", "Entries ever appended", health.log_size
        )
        yield GaugeMetricFamily(
            "remelt_signer_lag_entries",
            "Entries that no checkpoint covers yet",
            health.lag,
        )
        imports = GaugeMetricFamily(
            "remelt_imports", "Files handed in", labels=("state",)
        )
        for state in IMPORT_STATES:
            imports.add_metric((state,), health.imports.get(state, 0))
        yield imports
        yield GaugeMetricFamily(
            "remelt_log_size", "Entries in the log", health.log_size
        )
        yield GaugeMetricFamily(
            "remelt_checkpoint_size",
            "Entries under a signed checkpoint",
            health.checkpoint_size,
        )
        yield from _witness_figures(health)
        if health.signer_age_s is not None:
            yield GaugeMetricFamily(
                "remelt_signer_age_seconds",
                "Seconds since the signer last looked",
                health.signer_age_s,
            )


def _witness_figures(health: Health) -> Iterator[Metric]:
    if health.witnessed_size is not None:
        yield GaugeMetricFamily(
            "remelt_witnessed_size",
            "Entries under a checkpoint that the quorum of witnesses has cosigned",
            health.witnessed_size,
        )
        yield GaugeMetricFamily(
            "remelt_witness_lag_entries",
            "Entries under a signed checkpoint that the quorum has not come to",
            health.checkpoint_size - health.witnessed_size,
        )
    if not health.witnesses:
        return
    cosigns = GaugeMetricFamily(
        "remelt_witness_cosigns",
        "1 where the witness has cosigned what it was last asked about, else 0",
        labels=("witness",),
    )
    size = GaugeMetricFamily(
        "remelt_witness_size",
        "Entries that the witness is known to have cosigned",
        labels=("witness",),
    )
    for one in health.witnesses:
        cosigns.add_metric((one.name,), float(one.state is WitnessState.COSIGNED))
        size.add_metric((one.name,), one.size or 0)
    yield cosigns
    yield size


def init_app(app: Flask) -> None:
    """Register the pages of operation, and count the requests."""
    if SHARED_FOLDER in os.environ:
        # prometheus-client looks at the variable when it is imported, which is long
        # before the command that sets it
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
    app.extensions["figures"] = Figures()
    app.before_request(_start)
    app.after_request(_count)
    app.register_blueprint(bp)


def get_health() -> Health:
    """How the log and its signer are."""
    with reading() as session:
        size = get_head(session).size
        checkpoint = find_checkpoint(session)
        signer = session.scalar(select(SignerRow))
        imports = session.execute(
            select(ImportRow.state, func.count()).group_by(ImportRow.state)
        ).all()
        policy = log_policy()
        witnesses = tuple(list_witnesses(session, policy))
        witnessed = None
        if asks_for_witnesses(policy):
            found = find_published_checkpoint(session, policy)
            witnessed = 0 if found is None else found.size
    age = None if signer is None else (now() - signer.alive_at).total_seconds()
    covered = 0 if checkpoint is None else checkpoint.size
    return Health(
        size,
        covered,
        age,
        {state: count for state, count in imports},
        witnessed,
        witnesses,
    )


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    """Whether the database answers, and how far the signer has come."""
    health = get_health()
    found = {
        "status": "ok" if health.well else "degraded",
        "log_size": health.log_size,
        "checkpoint_size": health.checkpoint_size,
        "witnessed_size": health.witnessed_size,
        "signer_lag_entries": health.lag,
        "signer_age_s": health.signer_age_s,
        "signer_alive": health.signing,
    }
    return jsonify(found), 200 if health.well else 503


@bp.get("/metrics")
def metrics() -> Response:
    """Figures for Prometheus, of all workers together."""
    log_registry = CollectorRegistry()
    log_registry.register(LogFigures(get_health()))
    figures: Figures = current_app.extensions["figures"]
    registry = figures.registry
    if SHARED_FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    body = generate_latest(log_registry) + generate_latest(registry)
    return Response(body, content_type=CONTENT_TYPE_LATEST)


def _start() -> None:
    g.counted_from_s = time.perf_counter()


def _count(response: Response) -> Response:
    figures: Figures = current_app.extensions["figures"]
    rule = request.url_rule.rule if request.url_rule else "none"
    status = str(response.status_code)
    figures.requests.labels(request.method, rule, status).inc()
    if "counted_from_s" in g:
        taken_s = time.perf_counter() - g.counted_from_s
        figures.seconds.labels(rule).observe(taken_s)
    return response
