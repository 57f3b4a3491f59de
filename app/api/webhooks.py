"""Where a team wants to be told of its validations, and what became of each message."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.deps import CallerDep, CursorQuery, IfMatchHeader, LimitQuery
from app.api.wire import Page, answer, make_cursor, page_limit, read_cursor, require_match
from app.vocabulary import Delivery, MadeWebhook, NewWebhook, Webhook, WebhookChange
from app.webhooks import endpoints

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["webhooks"])
EXAMPLE: dict[str, Any] = {
    "the end of each validation": {
        "value": {"url": "https://example.com/hook", "events": ["validation.succeeded", "validation.failed"]}
    }
}


@router.post(
    "",
    status_code=201,
    response_model=MadeWebhook,
    openapi_extra={"requestBody": {"content": {"application/json": {"examples": EXAMPLE}}}},
    operation_id="create_webhook_endpoint",
)
def create(request: Request, wanted: NewWebhook, caller: CallerDep) -> Response:
    """A new endpoint. The answer shows its signing secret this once."""
    made = endpoints.create(wanted, caller.team)
    return answer(request, made, status=201, headers={"Location": f"{router.prefix}/{made.id}"}, cache="no-store")


@router.get("", response_model=Page[Webhook], operation_id="list_webhook_endpoints")
def listing(request: Request, caller: CallerDep) -> Response:
    """The endpoints of your team, oldest first."""
    return answer(request, {"items": endpoints.listing(caller.team), "next_cursor": None})


@router.get("/{endpoint_id}", response_model=Webhook, operation_id="get_webhook_endpoint")
def get(request: Request, endpoint_id: str, caller: CallerDep) -> Response:
    """One endpoint, without its secret."""
    return answer(request, endpoints.get(endpoint_id, caller.team))


@router.patch("/{endpoint_id}", response_model=Webhook, operation_id="change_webhook_endpoint")
def change(request: Request, endpoint_id: str, wanted: WebhookChange, caller: CallerDep) -> Response:
    """Another URL, other events, off or on again."""
    return answer(request, endpoints.change(endpoint_id, wanted, caller.team))


@router.delete("/{endpoint_id}", status_code=204, operation_id="delete_webhook_endpoint")
def delete(endpoint_id: str, caller: CallerDep, if_match: IfMatchHeader = None) -> Response:
    """Deletes an endpoint with its deliveries."""
    require_match(if_match, lambda: endpoints.get(endpoint_id, caller.team))
    endpoints.delete(endpoint_id, caller.team)
    return Response(status_code=204)


@router.post("/{endpoint_id}/rotate-secret", response_model=MadeWebhook, operation_id="rotate_webhook_secret")
def rotate(request: Request, endpoint_id: str, caller: CallerDep) -> Response:
    """A new secret; for a day every message is signed with the old one too."""
    return answer(request, endpoints.rotate(endpoint_id, caller.team), cache="no-store")


@router.post("/{endpoint_id}/ping", status_code=202, response_model=Delivery, operation_id="ping_webhook_endpoint")
def ping(request: Request, endpoint_id: str, caller: CallerDep) -> Response:
    """Sends a message of the type webhook.ping."""
    return answer(request, endpoints.ping(endpoint_id, caller.team), status=202)


@router.get("/{endpoint_id}/deliveries", response_model=Page[Delivery], operation_id="list_webhook_deliveries")
def deliveries(
    request: Request, endpoint_id: str, caller: CallerDep, limit: LimitQuery = None, cursor: CursorQuery = None
) -> Response:
    """What was sent and what is still on its way, newest first; kept for 30 days."""
    filters = {"l": "deliveries", "e": endpoint_id}
    place = read_cursor(cursor, filters)
    found, more = endpoints.deliveries(endpoint_id, caller.team, page_limit(limit), place)
    return answer(request, {"items": found, "next_cursor": make_cursor(more, filters) if more else None})


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/replay",
    status_code=202,
    response_model=Delivery,
    operation_id="replay_webhook_delivery",
)
def replay(request: Request, endpoint_id: str, delivery_id: str, caller: CallerDep) -> Response:
    """Sends a message again, under the id it had."""
    return answer(request, endpoints.replay(endpoint_id, delivery_id, caller.team), status=202)
