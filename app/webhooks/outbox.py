"""Deliveries, written in the transaction of the event they tell of: there is none without the other."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import db
from app.tables import DeliveryRow, EndpointRow, ValidationRow
from app.validations import named
from app.vocabulary import WebhookEvent

PING = "webhook.ping"


def tell(session: Session, validation_id: str, seq: int, kind: str, timestamp: str, data: Mapping[str, Any]) -> None:
    """Puts an event of a validation into the outbox of each endpoint of its team that wants it."""
    if kind not in set(WebhookEvent):  # progress and metrics are too many; they are streamed
        return
    columns = ValidationRow.team, ValidationRow.plan["dataset"].label("dataset")
    row = session.execute(sa.select(*columns).where(ValidationRow.id == validation_id)).one()
    for endpoint in session.scalars(sa.select(EndpointRow).where(of(row.team), EndpointRow.enabled)):
        if kind in endpoint.events:
            link = {"validation_id": validation_id, "seq": seq, "href": f"/v1/validations/{validation_id}"}
            put(session, endpoint.id, kind, timestamp, link | named.told(dict(data), row.dataset or {}))


def put(session: Session, endpoint_id: str, kind: str, timestamp: str, data: Mapping[str, Any]) -> str:
    """One delivery, due at once; its id is the webhook-id of every attempt."""
    delivery_id, now = f"msg_{secrets.token_hex(12)}", db.now(session)
    body = orjson.dumps({"type": kind, "timestamp": timestamp, "data": dict(data)}).decode()
    row = {"id": delivery_id, "endpoint_id": endpoint_id, "type": kind, "body": body, "created_at": now, "next_at": now}
    session.execute(sa.insert(DeliveryRow).values(**row, state="pending", attempts=0))
    return delivery_id


def of(team: str | None) -> sa.ColumnElement[bool]:
    """The endpoints of a team."""
    return EndpointRow.team.is_(None) if team is None else EndpointRow.team == team
