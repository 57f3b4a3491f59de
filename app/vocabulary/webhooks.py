"""Who is told, and what was sent."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from app.vocabulary.word import Asked, Word


class WebhookEvent(StrEnum):
    """What an endpoint is told of."""

    QUEUED = "validation.queued"
    STARTED = "validation.started"
    VERDICT = "validation.verdict"
    SUCCEEDED = "validation.succeeded"
    FAILED = "validation.failed"
    CANCELED = "validation.canceled"


class NewWebhook(Asked):
    """Where to send what, signed as Standard Webhooks 1.0 says."""

    url: str = Field(min_length=1, max_length=2048, description="https, and no private network.")
    events: tuple[WebhookEvent, ...] = Field(tuple(WebhookEvent), min_length=1, max_length=20)


class WebhookChange(Asked):
    """What is absent or null stays."""

    url: str | None = Field(None, min_length=1, max_length=2048)
    events: tuple[WebhookEvent, ...] | None = Field(None, min_length=1, max_length=20)
    enabled: bool | None = None


class Webhook(Word):
    """An endpoint. One that answers 410 is disabled."""

    id: str
    created_at: str
    url: str
    events: tuple[str, ...]
    enabled: bool
    disabled_reason: str | None


class MadeWebhook(Webhook):
    """With the secret, shown this once."""

    secret: str


class Delivery(Word):
    """One event on its way to one endpoint; its id is the webhook-id of every attempt."""

    id: str
    type: str
    created_at: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    next_at: str | None = Field(description="When the next attempt is due.")
    status: int | None = Field(description="Of the last attempt; null where there was no answer.")
    error: str | None
