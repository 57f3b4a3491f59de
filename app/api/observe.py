"""What is seen of the service from outside: a log line for each request, and the figures of /metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import db
from app.logs import REQUEST_ID
from app.tables import DeliveryRow, EventRow, LedgerRow, ValidationRow
from app.validations.store import live_workers

log = logging.getLogger("gan_advisor.requests")
router = APIRouter(tags=["health"])
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
MOST_PAIRS = 500
METRICS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Figures:
    """The registry of one process; what the database knows is read when it is asked for."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gan_advisor_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "gan_advisor_request_seconds", "Time to answer.", ("method", "route"), buckets=BUCKETS, registry=self.registry
        )
        self.advice = Histogram("gan_advisor_advice_seconds", "Time to advise.", buckets=BUCKETS, registry=self.registry)
        self.registry.register(Stored())

        self._of: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Routes, methods and statuses are few, and finding their counters by name takes longer than counting."""
        key = method, route, status
        if (both := self._of.get(key)) is None:
            both = self._of[key] = self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)
        both[0].inc()
        both[1].observe(seconds)
        if method == "POST" and route == "/v1/recommendations" and status < 300:
            self.advice.observe(seconds)


class Stored(Collector):
    """The figures that all processes share, over all teams: no name of one is among the labels."""

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering reads no database."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        with db.reading() as session:
            now = db.now(session)
            waits = ValidationRow.outcome.is_(None), ValidationRow.started_at.is_(None)
            depth, oldest = session.execute(sa.select(sa.func.count(), sa.func.min(ValidationRow.created_at)).where(*waits)).one()
            outcome = EventRow.data["outcome"].as_string()
            verdicts = session.execute(
                sa.select(outcome, sa.func.count()).where(EventRow.type == "validation.verdict").group_by(outcome)
            ).all()
            columns = (LedgerRow.quantity, LedgerRow.predicted, LedgerRow.measured)
            pairs = session.execute(sa.select(*columns).order_by(LedgerRow.created_at.desc()).limit(MOST_PAIRS)).all()
            hooks = session.scalar(sa.select(sa.func.count()).where(DeliveryRow.state == "pending"))
        yield _gauge("gan_advisor_queue_depth", "Validations that wait for a worker.", depth)
        yield _gauge("gan_advisor_oldest_wait_seconds", "How long the first in line has waited.", now - oldest if oldest else 0)
        yield _gauge("gan_advisor_workers", "Workers whose lease holds.", live_workers())
        yield _gauge("gan_advisor_webhooks_pending", "Webhooks on their way.", hooks or 0)
        yield _labelled("gan_advisor_verdicts", "Verdicts in the store.", "outcome", {str(name): n for name, n in verdicts})
        errors = {quantity: _median([abs(p / m - 1) for q, p, m in pairs if q == quantity]) for quantity in ("time", "memory")}
        text = "Median relative error of the newest predictions that a run was measured against."
        yield _labelled("gan_advisor_estimate_error", text, "quantity", {q: e for q, e in errors.items() if e is not None})


class Observed:
    """Counts every request under the pattern of its route, and logs it with its id."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self.app, self.figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500
        REQUEST_ID.set(str(scope.get("request_id", "")))

        async def seen_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, seen_send)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path_format", "none")
            self.figures.count(scope["method"], route, status, seconds)
            if log.isEnabledFor(logging.INFO):
                key = getattr(scope.get("state", {}).get("key"), "id", None)
                told = {"method": scope["method"], "path": scope["path"], "route": route, "status": status, "key": key}
                told |= {"seconds": round(seconds, 6), "request_id": scope.get("request_id")}
                log.info("%s %s %d", scope["method"], scope["path"], status, extra=told)


@router.get("/metrics", operation_id="get_metrics", responses=METRICS, response_class=Response)
def metrics(request: Request) -> Response:
    """Requests, advice, queue, verdicts and the error of estimates, as Prometheus reads them."""
    figures: Figures = request.app.state.figures
    return Response(generate_latest(figures.registry), media_type=CONTENT_TYPE_LATEST)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _labelled(name: str, text: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def _median(values: list[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None
