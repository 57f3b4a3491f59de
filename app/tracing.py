"""Traces by OpenTelemetry: what a request did, and what a worker made of the validation that it queued.

Only where the environment names an OTLP endpoint, by the SDK's own variables (OTEL_EXPORTER_OTLP_ENDPOINT); nothing of the SDK is
imported otherwise. Spans are of this service alone: its provider is not the global one, so libraries add none.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Unprocessable
from app.settings import otlp_endpoint

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

NOT_TRACED = ("/healthz", "/readyz", "/metrics", "/static/")
"""Asked for all the time, by machines."""
FLUSH_SECONDS = 2.0
"""An end waits no longer for a collector that does not answer."""
_provider: TracerProvider | None = None


def start() -> None:
    """Traces this process from now on, where an endpoint is named. Raises Unprocessable where the SDK is missing."""
    global _provider
    if _provider is not None or otlp_endpoint() is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise Unprocessable("OTEL_EXPORTER_OTLP_ENDPOINT needs the extra: pip install 'gan-advisor[otel]'") from error
    own = Resource({"service.name": "gan-advisor"}).merge(OTELResourceDetector().detect())
    _provider = TracerProvider(resource=own, shutdown_on_exit=False)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def stop() -> None:
    """Sends what waits, for at most FLUSH_SECONDS."""
    global _provider
    if _provider is not None:
        ending = threading.Thread(target=_provider.shutdown, daemon=True)  # by itself it tries longer
        ending.start()
        ending.join(FLUSH_SECONDS)
        _provider = None


@contextmanager
def span(name: str, *, kind: str = "INTERNAL", parent: str | None = None, **about: Any) -> Iterator[Span | None]:
    """A span around a block, under the present one or the one of a traceparent; None where nothing is traced."""
    if _provider is None:
        yield None
        return
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    above = None if parent is None else TraceContextTextMapPropagator().extract({"traceparent": parent})
    with _provider.get_tracer("gan_advisor").start_as_current_span(
        name,
        above,
        SpanKind[kind],
        about,
        record_exception=False,  # its text may hold what nobody should read
        set_status_on_exception=False,
    ) as one:
        try:
            yield one
        except Exception as error:
            one.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def current() -> str | None:
    """The traceparent of the present span, for whoever goes on in another process."""
    if _provider is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


class Traced:
    """A span for each request, under the caller's own where it sent a traceparent. The query is left out: it may hold a token."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(NOT_TRACED):
            await self.app(scope, receive, send)
            return
        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1") or None
        about = {"http.request.method": scope["method"], "url.path": scope["path"], "url.scheme": scope["scheme"]}
        with span(scope["method"], kind="SERVER", parent=parent, **about) as one:

            async def seen_send(message: Message) -> None:
                if one is not None and message["type"] == "http.response.start":
                    one.set_attributes(_told(scope, message))
                await send(message)

            try:
                await self.app(scope, receive, seen_send)
            finally:
                if one is not None and (route := getattr(scope.get("route"), "path_format", None)):
                    one.update_name(f"{scope['method']} {route}")
                    one.set_attribute("http.route", route)


class Advised:
    """A span around what ranks: innermost, so that an answer sent again from memory has none."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", "/v1/recommendations"):
            await self.app(scope, receive, send)
            return
        with span("advise"):
            await self.app(scope, receive, send)


def _told(scope: Scope, start: Message) -> Mapping[str, Any]:
    told = {"http.response.status_code": start["status"], "gan_advisor.request_id": str(scope.get("request_id", ""))}
    return told | ({"error.type": str(start["status"])} if start["status"] >= 500 else {})
