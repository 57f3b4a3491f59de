"""Every table on one page. Only `app.db` commits; the queue engine keeps tables of its own beside these.

No table here may be named like one of the engine's: queues, streams, notifications, workflow_*, operation_*.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Table(DeclarativeBase):
    """Times are epoch seconds from the database clock (`db.now`); the wire shows RFC 3339."""


# ------------------------------------------------------------------ knowledge, written by sync alone


class KnowledgeState(Table):
    """Which knowledge base the rows below are; one row."""

    __tablename__ = "knowledge_state"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[str] = mapped_column(String(32))
    sha256: Mapped[str] = mapped_column(String(64))
    synced_at: Mapped[float] = mapped_column(Float)


class ArchitectureRow(Table):
    __tablename__ = "architectures"
    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(16), index=True)
    family: Mapped[str] = mapped_column(String(64), index=True)
    year: Mapped[int | None] = mapped_column(Integer)
    licence: Mapped[str] = mapped_column(String(16))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class BenchmarkRow(Table):
    """One published figure; `team` is null for the shipped ones."""

    __tablename__ = "benchmarks"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    architecture: Mapped[str] = mapped_column(String(64), index=True)
    task: Mapped[str] = mapped_column(String(32), index=True)
    dataset: Mapped[str] = mapped_column(String(64), index=True)
    metric: Mapped[str] = mapped_column(String(64), index=True)
    resolution: Mapped[int | None] = mapped_column(Integer)
    value: Mapped[float] = mapped_column(Float)
    reported_by: Mapped[str] = mapped_column(String(16))
    team: Mapped[str | None] = mapped_column(String(64), index=True)
    alike: Mapped[str | None] = mapped_column(String(16))
    """Of a team's own: digest of design, yardstick and source; figures that share it enter the fit as their mean."""
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    __table_args__ = (Index("benchmarks_alike", "team", "alike", "value"), Index("benchmarks_own", "team", "id"))


class FiguresState(Table):
    """Changes whenever a team's own figures do, so that no request has to count them."""

    __tablename__ = "figures_state"
    team: Mapped[str] = mapped_column(String(64), primary_key=True)
    figures: Mapped[int] = mapped_column(Integer)
    version: Mapped[str] = mapped_column(String(32))


class RuleRow(Table):
    __tablename__ = "rules"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    topic: Mapped[str] = mapped_column(String(64), index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class DatasetRow(Table):
    __tablename__ = "datasets"
    slug: Mapped[str] = mapped_column(String(64), primary_key=True)
    data_type: Mapped[str] = mapped_column(String(16), index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class GpuRow(Table):
    __tablename__ = "gpus"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    memory_gb: Mapped[float] = mapped_column(Float)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class CostRow(Table):
    __tablename__ = "costs"
    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    architecture: Mapped[str] = mapped_column(String(64), index=True)
    gpu_type: Mapped[str | None] = mapped_column(String(64))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


# ------------------------------------------------------------------ access


class ApiKeyRow(Table):
    """A key; of its secret only the SHA-256 is kept. A revoked one stays: where a key was ever made, keys are required."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    team: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(100))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    secret_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[float | None] = mapped_column(Float)
    revoked_at: Mapped[float | None] = mapped_column(Float)


class TokenRow(Table):
    """What stands for a key for a while: the session of a browser, or the one stream that it opens."""

    __tablename__ = "access_tokens"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str] = mapped_column(String(8))
    """session or stream."""
    expires_at: Mapped[float] = mapped_column(Float, index=True)


# ------------------------------------------------------------------ answers


class RecommendationRow(Table):
    """`id` is the digest of task and knowledge, so equal questions share a row. Who has asked stands in AskedRow."""

    __tablename__ = "recommendations"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[float] = mapped_column(Float)
    knowledge_sha256: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    __table_args__ = (Index("recommendations_by_time", "created_at", "id"),)


class AskedRow(Table):
    """A team has asked this question; to others its answer does not exist."""

    __tablename__ = "recommendation_teams"
    team: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Empty for callers without a key."""
    recommendation_id: Mapped[str] = mapped_column(ForeignKey("recommendations.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[float] = mapped_column(Float)
    __table_args__ = (Index("recommendation_teams_by_time", "team", "created_at", "recommendation_id"),)


class ReplayRow(Table):
    """The first answer to a request with an Idempotency-Key."""

    __tablename__ = "replays"
    place: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Digest of team, route and key."""
    request_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float] = mapped_column(Float, index=True)
    status: Mapped[int | None] = mapped_column(Integer)
    """Null while the first request is at work."""
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


# ------------------------------------------------------------------ webhooks


class EndpointRow(Table):
    """Where a team wants to be told of its validations. The secret signs, so it is kept itself, not its digest."""

    __tablename__ = "webhook_endpoints"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_at: Mapped[float] = mapped_column(Float)
    team: Mapped[str | None] = mapped_column(String(64), index=True)
    url: Mapped[str] = mapped_column(String(2048))
    events: Mapped[list[str]] = mapped_column(JSON)
    enabled: Mapped[bool] = mapped_column(Boolean)
    disabled_reason: Mapped[str | None] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(128))
    old_secret: Mapped[str | None] = mapped_column(String(128))
    old_secret_until: Mapped[float | None] = mapped_column(Float)
    """Until then the old one signs too."""


class DeliveryRow(Table):
    """One event on its way to one endpoint; `id` is the webhook-id of every attempt."""

    __tablename__ = "webhook_deliveries"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(16))
    """pending, delivered or failed."""
    attempts: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[float | None] = mapped_column(Float, index=True)
    """When it is due; while it is being sent, when it would be due again."""
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[float | None] = mapped_column(Float, index=True)
    __table_args__ = (Index("webhook_deliveries_by_time", "endpoint_id", "created_at", "id"),)


# ------------------------------------------------------------------ validations


class ValidationRow(Table):
    """What was asked and how it ended. `id` is the engine's workflow id too; live state is read from the engine, never copied."""

    __tablename__ = "validations"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[float] = mapped_column(Float)
    team: Mapped[str | None] = mapped_column("tenant", String(64))
    priority: Mapped[int] = mapped_column(Integer, default=1)
    """Place in line, low first: fair among teams, in order within one."""
    recommendation_id: Mapped[str | None] = mapped_column(String(64))
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    plan: Mapped[dict[str, Any]] = mapped_column(JSON)
    outcome: Mapped[str | None] = mapped_column(String(16), index=True)
    """succeeded, failed, canceled or expired once it has ended; null until then."""
    status_reason: Mapped[str | None] = mapped_column(Text)
    run_token: Mapped[str | None] = mapped_column(String(64))
    """New at each start; only its holder may publish."""
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    started_at: Mapped[float | None] = mapped_column(Float)
    finished_at: Mapped[float | None] = mapped_column(Float)
    cancel_requested_at: Mapped[float | None] = mapped_column(Float)
    progress: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    needs_gpu: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    needs_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Device memory. A worker that has less, or no GPU where one is needed, never gets it."""
    needs_devices: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    seconds: Mapped[float] = mapped_column(Float, default=0.0, server_default="0")
    """What its runs may take, for those who wait behind it."""
    traceparent: Mapped[str | None] = mapped_column(String(64))
    """The span that asked for it, where that was traced."""
    __table_args__ = (
        Index("validations_by_time", "created_at", "id"),
        Index("validations_in_line", "outcome", "priority", "created_at", "id"),
    )


class ForgottenRow(Table):
    """A validation that was deleted when its retention ended: those who may know of it read 410 instead of 404."""

    __tablename__ = "forgotten_validations"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team: Mapped[str | None] = mapped_column(String(64))
    forgotten_at: Mapped[float] = mapped_column(Float, index=True)


class EventRow(Table):
    """One line of a validation's log; `seq` counts per validation."""

    __tablename__ = "validation_events"
    validation_id: Mapped[str] = mapped_column(ForeignKey("validations.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(32))
    timestamp: Mapped[str] = mapped_column(String(40))
    source: Mapped[str | None] = mapped_column(String(80))
    """`RUN:SEQ` of the run's own event, so that a relay after a crash adds none twice."""
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    __table_args__ = (UniqueConstraint("validation_id", "source"),)


class WorkerRow(Table):
    """A worker process and its lease."""

    __tablename__ = "workers"
    executor_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int] = mapped_column(Integer)
    device: Mapped[str] = mapped_column(String(128))
    gpu: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    memory_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    devices: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    started_at: Mapped[float] = mapped_column(Float)
    seen: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(8))
    """live, dead (declared so by a peer) or gone (left in order)."""


class Measurement(Table):
    """One figure from our own run, cited by later answers as measured here."""

    __tablename__ = "measurements"
    id: Mapped[str] = mapped_column(String(96), primary_key=True)
    validation_id: Mapped[str] = mapped_column(ForeignKey("validations.id", ondelete="CASCADE"), index=True)
    architecture: Mapped[str] = mapped_column(String(64), index=True)
    dataset: Mapped[str] = mapped_column(String(128))
    metric: Mapped[str] = mapped_column(String(64))
    value: Mapped[float] = mapped_column(Float)
    low: Mapped[float | None] = mapped_column(Float)
    high: Mapped[float | None] = mapped_column(Float)
    created_at: Mapped[float] = mapped_column(Float)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


class UploadRow(Table):
    """A team's own data set. The bytes of an upload that has not ended are the size of its file."""

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[float] = mapped_column(Float)
    team: Mapped[str | None] = mapped_column("tenant", String(64), index=True)
    filename: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    """uploading, ready or refused."""
    reason: Mapped[str | None] = mapped_column(Text)
    body: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """The fingerprint."""
    __table_args__ = (Index("uploads_by_time", "created_at", "id"),)


class LedgerRow(Table):
    """What a run was predicted to take, and what it took. It outlives its validation: hardware does not change with it."""

    __tablename__ = "ledger"
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    """VALIDATION/RUN/QUANTITY."""
    created_at: Mapped[float] = mapped_column(Float)
    team: Mapped[str | None] = mapped_column(String(64), index=True)
    hardware: Mapped[str] = mapped_column(String(128), index=True)
    quantity: Mapped[str] = mapped_column(String(8))
    """time or memory."""
    architecture: Mapped[str] = mapped_column(String(64), index=True)
    predicted: Mapped[float] = mapped_column(Float)
    low: Mapped[float] = mapped_column(Float)
    high: Mapped[float] = mapped_column(Float)
    measured: Mapped[float] = mapped_column(Float)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The setting, and what the prediction rests on."""
    __table_args__ = (Index("ledger_by_time", "created_at", "id"),)
