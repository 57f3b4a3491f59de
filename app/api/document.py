"""The OpenAPI document: what the framework knows of each route, and what holds for all of them.

Committed as docs/openapi.json by `gan-advisor openapi --write`, so that a change of the interface is a diff that one reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app import errors
from app.access import needed
from app.api.door import STREAM
from app.api.problems import MEDIA_TYPE
from app.errors import AdvisorError, Problem
from app.vocabulary import WebhookEvent
from app.webhooks.outbox import PING

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
WITH_BODY = ("post", "put", "patch")
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Same key, same body: the first answer again, for at least 24 hours, with `Idempotent-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
SECURITY = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "ga_<id>_<secret>",
        "description": "A key; each operation names the scope that it must have. None is needed where none was ever made.",
    },
    "stream_token": {
        "type": "apiKey",
        "in": "query",
        "name": STREAM,
        "description": "Of POST /v1/stream-tokens, for one minute: an event stream in a browser can send no header.",
    },
}
HEADERS = {
    "X-Request-Id": "The id of this request: yours, or one made here.",
    "Retry-After": "Seconds to wait.",
    "ETag": "Strong tag of the body, for If-None-Match.",
}


def write(app: FastAPI, path: Path = FILE) -> bool:
    """Brings the committed document up to date; False when it was."""
    content = text(app)
    if path.is_file() and path.read_text() == content:
        return False
    path.write_text(content)
    return True


def text(app: FastAPI) -> str:
    """The document as it is committed: sorted and indented, so that diffs are short."""
    return orjson.dumps(document(app), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


def committed() -> dict[str, Any]:
    """The document as it was last written."""
    found: dict[str, Any] = orjson.loads(FILE.read_bytes())
    return found


def document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 with the problem schema and its codes on every route and status."""
    if app.openapi_schema:
        return app.openapi_schema
    made = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
    )
    made["webhooks"] = {str(kind): {"post": _message(kind)} for kind in (*WebhookEvent, PING)}
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(own.pop("$defs", {}))
    schemas["Problem"] = own
    components["headers"] = {name: _header(name) for name in HEADERS}
    components["parameters"] = {"IdempotencyKey": KEY}
    components["securitySchemes"] = SECURITY
    used: set[int] = set()
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            used |= _complete(method, path, operation)
    components["responses"] = {f"Problem{status}": _problem(status) for status in sorted(used)}
    app.openapi_schema = made
    return made


def _complete(method: str, path: str, operation: dict[str, Any]) -> set[int]:
    """Adds to one operation what every route answers; the statuses of its problems."""
    responses = operation["responses"]
    declared = {int(status) for status in responses if status[:1] in "45" and status.isdigit()}
    statuses = (declared | _refusals(method, path, operation)) - ({422} if not _takes_input(method, operation) else set())
    if method == "post" and path.startswith("/v1/"):
        given = [p for p in operation.get("parameters", []) if p.get("name") != KEY["name"]]
        operation["parameters"] = [*given, {"$ref": "#/components/parameters/IdempotencyKey"}]
    for status in [s for s in responses if s[:1] in "45"]:
        del responses[status]
    if method == "get" and "application/json" in responses.get("200", {}).get("content", {}):
        responses.setdefault("304", {"description": "Unchanged since the ETag of If-None-Match."})
        responses["200"].setdefault("headers", {})["ETag"] = {"$ref": "#/components/headers/ETag"}
    for response in responses.values():
        response.setdefault("headers", {})["X-Request-Id"] = {"$ref": "#/components/headers/X-Request-Id"}
    for status in sorted(statuses):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    if (scope := needed(method.upper(), path)) is not None:
        ways: list[dict[str, list[str]]] = [{"key": [str(scope)]}, {}]  # without a key where none was ever made
        if "text/event-stream" in responses.get("200", {}).get("content", {}):
            ways.insert(1, {"stream_token": []})
        operation["security"] = ways
    return statuses


def _refusals(method: str, path: str, operation: dict[str, Any]) -> set[int]:
    found = {405, 429, 431, 500, 503}
    if needed(method.upper(), path) is not None:
        found |= {401, 403}
    if "{" in path:
        found.add(404)
    if path.startswith("/v1/validations/{"):
        found.add(410)
    if method in WITH_BODY:
        found |= {400, 408, 409, 413, 415}
    if method == "delete":
        found.add(409)
    if any(p.get("name") == "If-Match" for p in operation.get("parameters", [])):
        found.add(412)
    return found | {422} if _takes_input(method, operation) else found


def _takes_input(method: str, operation: dict[str, Any]) -> bool:
    return method in WITH_BODY or any(p.get("in") != "path" for p in operation.get("parameters", []))


def _problem(status: int) -> dict[str, Any]:
    kinds = [k for k in _kinds() if k.status == status]
    title, codes = kinds[0].title, [k.code for k in kinds]
    example: dict[str, Any] = {
        "type": f"/problems/{codes[0]}",
        "title": title,
        "status": status,
        "detail": f"{title.lower()}: why",
    }
    example |= {"instance": "0f3c", "code": codes[0], "errors": [], "retryable": any(k.retryable for k in kinds)}
    found: dict[str, Any] = {
        "description": f"{title}. `code`: {', '.join(codes)}.",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }
    if status in (429, 503):
        found["headers"]["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    return found


def _message(kind: str) -> dict[str, Any]:
    """What an endpoint is sent, in the shape and with the headers of Standard Webhooks 1.0."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    parts = {
        "type": {"const": str(kind)},
        "timestamp": {"type": "string", "format": "date-time"},
        "data": {"type": "object", "additionalProperties": True},
    }
    schema = {"type": "object", "required": list(parts), "properties": parts}
    return {
        "operationId": kind.replace(".", "_"),
        "description": "Signed; any 2xx takes it, 410 disables the endpoint, all else is tried again for three days.",
        "parameters": [{"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in names],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"2XX": {"description": "Taken"}},
    }


def _kinds() -> list[type[AdvisorError]]:
    return [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, AdvisorError)]


def _header(name: str) -> dict[str, Any]:
    return {"description": HEADERS[name], "schema": {"type": "integer" if name == "Retry-After" else "string"}}
