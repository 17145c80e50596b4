"""Figures for Prometheus: one registry per application, so that tests and two servers in a process do not mix."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from signaling.logs import about
from signaling.origin import SAFE_METHODS

BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

# The browser went away before the answer (nginx's number for it).
GONE: Final = 499

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lawlink_http_requests", "HTTP requests", ("method", "route", "status"), registry=self.registry
        )
        self.duration = Histogram(
            "lawlink_http_request_seconds",
            "Time to answer an HTTP request",
            ("route",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.log_ins = Counter("lawlink_log_ins", "Attempts to log in", ("result",), registry=self.registry)
        self.connections = Gauge("lawlink_connections", "Connected workspaces", registry=self.registry)
        self.rooms = Gauge("lawlink_rooms", "Consultations in progress", registry=self.registry)
        self.ready = Gauge("lawlink_ready", "1 when the part works", ("part",), registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)


METRICS: Final = web.AppKey("metrics", Metrics)


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts, times and logs by route pattern: paths carry ids and tokens, which belong in neither labels nor logs."""
    metrics = request.app[METRICS]
    resource = request.match_info.route.resource
    pattern = resource.canonical if resource is not None else "(unknown)"
    # Not the injected clock: this is the machine's own time, not the domain's.
    begun_s = time.perf_counter()
    status = GONE
    with about(request=secrets.token_hex(4)):
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as answer:
            status = answer.status
            raise
        finally:
            took_s = time.perf_counter() - begun_s
            metrics.requests.labels(request.method, pattern, str(status)).inc()
            if pattern != "/ws":
                metrics.duration.labels(pattern).observe(took_s)
            if request.method not in SAFE_METHODS or status >= GONE:
                log.info("%s %s %d in %.0f ms", request.method, pattern, status, took_s * 1000)
