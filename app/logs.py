"""Logs: one JSON object a line on stderr, each request with a number of its own.

The number stands in the answer as ``X-Request-Id`` and on the page of an unexpected
failure, so that an operator finds the lines that belong to it. Lines hold no address,
no name and no token.
"""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time

import structlog
from flask import Flask, Response, g, request

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
QUIET = frozenset({"static", "operation.healthz", "operation.metrics"})

SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

log = structlog.get_logger("remelt.requests")


def configure() -> None:
    """Send the lines of structlog and of the standard library to stderr as JSON.

    Once for each process, by whatever serves: commands and tests keep their streams.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.dict_tracebacks,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    _join()


def _join() -> None:
    """Make the lines of structlog lines of the standard library."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def init_app(app: Flask) -> None:
    """Number the requests, and note how each was answered."""
    _join()
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    """Take the number that a proxy gave, or make one."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    g.started_s = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    if request.endpoint not in QUIET:
        log.info(
            "answered",
            method=request.method,
            # The rule, not the path: label codes and the like stay out of the log
            rule=request.url_rule.rule if request.url_rule else None,
            status=response.status_code,
            ms=round((time.perf_counter() - g.started_s) * 1000, 1),
        )
    return response
