"""The OpenAPI document: committed, fresh, and with a problem on every route and status."""

from __future__ import annotations

import orjson
from fastapi.testclient import TestClient

from app import errors
from app.api import document
from app.main import create_app
from app.vocabulary import WebhookEvent


def test_the_committed_document_is_that_of_this_version() -> None:
    assert document.FILE.read_text() == document.text(create_app()), "write it anew: `gan-advisor openapi --write`"


def test_it_is_served_with_a_tag(client: TestClient) -> None:
    first = client.get("/openapi.json")
    assert first.json() == orjson.loads(document.FILE.read_bytes())
    assert first.json()["openapi"].startswith("3.1")
    assert client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]}).status_code == 304


def test_every_operation_has_a_name_of_its_own_a_sentence_and_a_problem_for_each_refusal(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    operations = [(path, method, one) for path, methods in found["paths"].items() for method, one in methods.items()]
    names = [one["operationId"] for _, _, one in operations]
    assert len(set(names)) == len(names)
    for path, method, one in operations:
        assert one["description"], path
        refusals = {status for status in one["responses"] if status[0] in "45"}
        assert {"405", "429", "500", "503"} <= refusals, path
        assert path.startswith(("/healthz", "/readyz", "/problems")) or {"401", "403"} <= refusals, path
        assert "{" not in path or "404" in refusals, path
        for status in refusals:
            assert one["responses"][status] == {"$ref": f"#/components/responses/Problem{status}"}, path
        if method == "post" and path.startswith("/v1/"):
            assert {"$ref": "#/components/parameters/IdempotencyKey"} in one["parameters"], path


def test_every_code_that_can_be_met_is_named_in_the_document(client: TestClient) -> None:
    said = " ".join(one["description"] for one in client.get("/openapi.json").json()["components"]["responses"].values())
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.AdvisorError)]
    assert [k.code for k in kinds if k.code not in said] == []


def test_the_messages_that_endpoints_are_sent_are_described(client: TestClient) -> None:
    told = client.get("/openapi.json").json()["webhooks"]
    assert set(told) == {*WebhookEvent, "webhook.ping"}
