"""create_app(): the knowledge, the advisor, the routes, the edge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from app import policies, tracing
from app.access import Access, require_keys
from app.answers import WRITER
from app.api import (
    advisor,
    badges,
    datasets,
    decisions,
    document,
    estimates,
    figures,
    health,
    keys,
    knowledge,
    ledger,
    observe,
    problems,
    recommendations,
    system,
    validations,
    webhooks,
)
from app.api.cors import Cors
from app.api.door import Door
from app.api.idempotency import Idempotency
from app.api.kept import Kept
from app.api.limits import Limit
from app.api.middleware import Edge
from app.dashboard import pages
from app.knowledge.load import load
from app.knowledge.sync import require
from app.mcp import endpoint
from app.measured import Advisors
from app.recommend import fit
from app.settings import otlp_endpoint, settings
from app.validations.listeners import Listeners
from app.webhooks.courier import Courier

DESCRIPTION = """Which GAN for my data: a ranked answer in which every sentence cites a published figure or a rule,
with memory, time and money, and a training run that checks it."""

PACKED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")
"""Sent as they are: pictures, sound, event streams and checkpoints."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Loads the knowledge; refuses to serve a database that holds another one, and to let others in without keys."""
    tracing.start()
    shipped = load()
    require(shipped)
    require_keys(settings().host)
    app.state.knowledge = policies.in_force(shipped)
    app.state.advisors = Advisors(policies.prove(fit(app.state.knowledge)))
    WRITER.start()
    courier = Courier()
    courier.start()
    try:
        yield
    finally:
        courier.stop()
        WRITER.stop()
        tracing.stop()


def create_app() -> FastAPI:
    """The service; `uvicorn --factory app.main:create_app`."""
    app = FastAPI(
        title="GAN Advisor",
        version="1.0.0",
        summary="Which GAN for my data",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        separate_input_output_schemas=False,
    )
    problems.install(app)
    app.openapi = lambda: document.document(app)  # type: ignore[method-assign]
    for part in (
        recommendations,
        validations,
        badges,
        datasets,
        ledger,
        estimates,
        decisions,
        figures,
        knowledge,
        advisor,
        keys,
        webhooks,
        system,
        observe,
        health,
    ):
        app.include_router(part.router)
    pages.install(app)
    endpoint.install(app)
    app.state.access, app.state.listeners = Access(), Listeners()
    traced = otlp_endpoint() is not None
    if traced:
        app.add_middleware(tracing.Advised)
    app.add_middleware(Idempotency, max_body_bytes=settings().max_body_bytes)
    app.add_middleware(GZipMiddleware, minimum_size=2_000, compresslevel=5, exclude_content_types=PACKED)
    app.add_middleware(Kept)
    app.add_middleware(Limit, per_minute=settings().requests_per_minute)
    app.add_middleware(Door, access=app.state.access)
    app.state.figures = observe.Figures()
    app.add_middleware(observe.Observed, figures=app.state.figures)
    app.add_middleware(Edge, max_body_bytes=settings().max_body_bytes)
    if traced:
        app.add_middleware(tracing.Traced)
    app.add_middleware(Cors, origins=settings().cors_origins)
    return app
