"""Logs and metrics: event names and facts, never content, never who or where."""

import logging
import os
import sys
import tempfile
from collections.abc import MutableMapping
from typing import Any

import structlog
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector

MASKED = frozenset(
    {
        "authorization", "body", "case_text", "code", "contact", "cookie", "ip", "lat", "location",
        "lon", "name", "note", "password", "phone", "principal", "push_token", "query", "receipt",
        "report_id", "reporter_id", "reporter_key", "sealed", "subject", "text", "token", "totp",
        "uid", "username",
    }
)  # fmt: skip

REQUESTS = Histogram(
    "tinbao_request_seconds", "Time to answer, by route template", ["method", "route", "status"]
)
REPORTS = Counter("tinbao_reports_total", "Reports taken in", ["outcome"])
EDITION = Gauge("tinbao_boundary_edition", "The boundary edition in use", multiprocess_mode="max")


def mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whatever the caller writes, some facts never reach a log."""
    for name in event:
        if name in MASKED:
            event[name] = "[masked]"
    return event


def without_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its type, its SQLSTATE and where it was raised.

    Its message is left out: a database error's repeats the row it refused.
    """
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()[1]
    if isinstance(found, tuple):
        found = found[1]
    if isinstance(found, BaseException):
        event["error"] = type(found).__qualname__
        sqlstate = getattr(getattr(found, "orig", found), "sqlstate", None)
        if sqlstate is not None:
            event["sqlstate"] = sqlstate
        frames = []
        trace = found.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        event["trace"] = frames[-12:]
    return event


def configure_logs(level: str) -> None:
    """JSON lines on standard error, for our own events and for the libraries' alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_values,
        mask,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("sqlalchemy", "httpx", "urllib3", "google", "asyncio", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True


def serve_metrics(port: int, *, processes: int = 1) -> None:
    """Serve Prometheus metrics on their own port of loopback; 0 serves none.

    With several processes each writes its counters to a folder, and the parent adds them up.
    """
    if port == 0:
        return
    registry = REGISTRY
    if processes > 1:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="metrics"))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    try:
        start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError:
        logging.getLogger(__name__).warning("metrics.port_taken", extra={"port": port})
