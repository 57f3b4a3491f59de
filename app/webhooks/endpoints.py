"""Endpoints and deliveries as a resource: what the service calls."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db
from app.errors import Conflict, FieldProblem, NotFound, Unprocessable
from app.tables import DeliveryRow, EndpointRow
from app.validations.record import rfc3339
from app.vocabulary import Delivery, MadeWebhook, NewWebhook, Webhook, WebhookChange
from app.webhooks import outbox, sign
from app.webhooks.address import Refused, resolve

MOST = 20
"""Endpoints of a team."""
OVERLAP_SECONDS = 86_400.0
"""For so long an old secret signs beside the new one."""


def create(wanted: NewWebhook, team: str | None) -> MadeWebhook:
    """A new endpoint, its secret shown this once. Raises Unprocessable for a URL that leads into a private network."""
    _check(wanted.url)
    with db.transaction() as session:
        if (session.scalar(sa.select(sa.func.count()).where(outbox.of(team))) or 0) >= MOST:
            raise Conflict(f"there are {MOST} endpoints already; delete one")
        row = EndpointRow(
            id=f"we_{secrets.token_hex(8)}",
            created_at=db.now(session),
            team=team,
            url=wanted.url,
            events=sorted(set(wanted.events)),
            enabled=True,
            secret=sign.new_secret(),
        )
        session.add(row)
        return MadeWebhook(**_shown(row).model_dump(), secret=row.secret)


def listing(team: str | None) -> list[Webhook]:
    """A team's own, oldest first."""
    query = sa.select(EndpointRow).where(outbox.of(team)).order_by(EndpointRow.created_at, EndpointRow.id)
    with db.reading() as session:
        return [_shown(row) for row in session.scalars(query)]


def get(endpoint_id: str, team: str | None) -> Webhook:
    """Raises NotFound."""
    with db.reading() as session:
        return _shown(_row(session, endpoint_id, team))


def change(endpoint_id: str, wanted: WebhookChange, team: str | None) -> Webhook:
    """Raises NotFound, Unprocessable."""
    if wanted.url is not None:
        _check(wanted.url)
    with db.transaction() as session:
        row = _row(session, endpoint_id, team)
        row.url = wanted.url or row.url
        row.events = sorted(set(wanted.events)) if wanted.events else row.events
        if wanted.enabled is not None:
            row.enabled = wanted.enabled
            row.disabled_reason = None if wanted.enabled else "on request"
        return _shown(row)


def rotate(endpoint_id: str, team: str | None) -> MadeWebhook:
    """A new secret; for a day the old one signs too. Raises NotFound."""
    with db.transaction() as session:
        row = _row(session, endpoint_id, team)
        row.old_secret, row.old_secret_until = row.secret, db.now(session) + OVERLAP_SECONDS
        row.secret = sign.new_secret()
        return MadeWebhook(**_shown(row).model_dump(), secret=row.secret)


def delete(endpoint_id: str, team: str | None) -> None:
    """With its deliveries. Raises NotFound."""
    with db.transaction() as session:
        session.delete(_row(session, endpoint_id, team))


def ping(endpoint_id: str, team: str | None) -> Delivery:
    """Sends a test. Raises NotFound, and Conflict for a disabled endpoint."""
    with db.transaction() as session:
        row = _row(session, endpoint_id, team)
        if not row.enabled:
            raise Conflict(f"the endpoint is disabled: {row.disabled_reason}")
        at = rfc3339(db.now(session))
        made = outbox.put(session, row.id, outbox.PING, at, {"endpoint_id": row.id})
        return _delivery(session.get_one(DeliveryRow, made))


def replay(endpoint_id: str, delivery_id: str, team: str | None) -> Delivery:
    """Sends a delivery again under its own webhook-id, from the first attempt on. Raises NotFound, Conflict."""
    with db.transaction() as session:
        endpoint, row = _row(session, endpoint_id, team), session.get(DeliveryRow, delivery_id)
        if row is None or row.endpoint_id != endpoint.id:
            raise NotFound(f"no delivery has the id {delivery_id!r}")
        if not endpoint.enabled:
            raise Conflict(f"the endpoint is disabled: {endpoint.disabled_reason}")
        row.state, row.attempts, row.next_at, row.finished_at = "pending", 0, db.now(session), None
        return _delivery(row)


def deliveries(
    endpoint_id: str, team: str | None, limit: int, after: tuple[float, str] | None = None
) -> tuple[list[Delivery], tuple[float, str] | None]:
    """Newest first, and the place to go on from; None on the last page. Raises NotFound."""
    place = (DeliveryRow.created_at, DeliveryRow.id)
    query = sa.select(DeliveryRow).where(DeliveryRow.endpoint_id == endpoint_id).order_by(*(column.desc() for column in place))
    if after is not None:
        query = query.where(sa.tuple_(*place) < sa.tuple_(*map(sa.literal, after)))
    with db.reading() as session:
        _row(session, endpoint_id, team)
        rows = list(session.scalars(query.limit(limit + 1)))
    more = (rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
    return [_delivery(row) for row in rows[:limit]], more


def _check(url: str) -> None:
    try:
        resolve(url)
    except Refused as refused:
        detail = f"the URL {refused}"
        raise Unprocessable(detail, [FieldProblem(pointer="#/url", code="not_allowed", detail=detail)]) from None


def _row(session: Session, endpoint_id: str, team: str | None) -> EndpointRow:
    row = session.get(EndpointRow, endpoint_id)
    if row is None or row.team != team:
        raise NotFound(f"no webhook endpoint has the id {endpoint_id!r}")
    return row


def _shown(row: EndpointRow) -> Webhook:
    told: Mapping[str, Any] = {name: getattr(row, name) for name in ("id", "url", "events", "enabled", "disabled_reason")}
    return Webhook(**told, created_at=rfc3339(row.created_at))


def _delivery(row: DeliveryRow) -> Delivery:
    told: Mapping[str, Any] = {name: getattr(row, name) for name in ("id", "type", "state", "attempts", "status", "error")}
    next_at = None if row.next_at is None else rfc3339(row.next_at)
    return Delivery(**told, created_at=rfc3339(row.created_at), next_at=next_at)
