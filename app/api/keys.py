"""The keys of a team, for those who may admin it, and the tokens by which a browser opens an event stream."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app import keys
from app.access import Key
from app.api.deps import CallerDep
from app.api.wire import Page, answer
from app.errors import Forbidden
from app.vocabulary import ApiKey, MadeKey, NewKey

router = APIRouter(prefix="/v1", tags=["access"])


class StreamToken(BaseModel):
    """Goes into the address of an event stream as `stream_token`, since a browser can set no header there."""

    token: str | None = Field(description="Null where no key is needed.")
    expires_in_seconds: float


@router.get("/keys", response_model=Page[ApiKey], operation_id="list_keys")
def listing(request: Request, caller: CallerDep) -> Response:
    """The keys of your team, oldest first; none shows its secret."""
    return answer(request, {"items": keys.listing(_team(caller)), "next_cursor": None})


@router.post("/keys", status_code=201, response_model=MadeKey, operation_id="create_key")
def create(request: Request, wanted: NewKey, caller: CallerDep) -> Response:
    """A new key of your team. The answer shows its secret this once."""
    made = keys.create(_team(caller), wanted.name, wanted.scopes, wanted.expires_in_days)
    return answer(request, made, status=201, headers={"Location": f"/v1/keys/{made.id}"}, cache="no-store")


@router.delete("/keys/{key_id}", status_code=204, operation_id="revoke_key")
def revoke(key_id: str, caller: CallerDep) -> Response:
    """Ends a key within a second, and the sessions and streams that it opened."""
    keys.revoke(key_id, _team(caller))
    return Response(status_code=204)


@router.post("/stream-tokens", status_code=201, response_model=StreamToken, operation_id="create_stream_token")
def stream_token(request: Request, caller: CallerDep) -> Response:
    """A token of one minute that opens event streams: `/v1/validations/{id}/events?stream_token=...`."""
    token = keys.issue(caller.id, "stream", keys.STREAM_SECONDS) if caller.id else None
    made = StreamToken(token=token, expires_in_seconds=keys.STREAM_SECONDS)
    return answer(request, made, status=201, cache="no-store")


def _team(caller: Key) -> str:
    if caller.team is None:
        raise Forbidden("no key was ever made; make the first with `gan-advisor keys create --team NAME`")
    return caller.team
