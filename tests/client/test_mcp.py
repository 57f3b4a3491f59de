"""The tools as an agent uses them: the SDK's own client, against /mcp and against the command."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from app.access import Scope
from app.keys import create


@pytest.fixture
def service(client: TestClient) -> TestClient:
    return client


TOOLS = {"recommend", "explain", "estimate", "validate", "validation"}
IMAGES = {"data": {"type": "image", "resolution": 64, "samples": 5000}, "budget": {"gpu_hours": 20}, "top_k": 2}


def over_http(service: TestClient, use: Callable[[Client], Awaitable[Any]], **headers: str) -> Any:
    """What `use` makes of a client of /mcp."""

    async def main() -> Any:
        transport = httpx2.ASGITransport(app=service.app)
        async with (
            httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as http,
            Client(streamable_http_client("http://localhost/mcp", http_client=http)) as client,
        ):
            return await use(client)

    return asyncio.run(main())


async def told(client: Client, tool: str, arguments: dict[str, Any]) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


def test_the_tools_are_named_described_and_typed(service: TestClient) -> None:
    async def use(client: Client) -> Any:
        return (await client.list_tools()).tools

    found = over_http(service, use)
    assert {tool.name for tool in found} == TOOLS
    assert all(tool.description and tool.output_schema for tool in found)
    (recommend,) = [tool for tool in found if tool.name == "recommend"]
    assert recommend.input_schema["required"] == ["data"]
    assert "ctx" not in recommend.input_schema["properties"]
    assert {tool.name for tool in found if tool.annotations.read_only_hint} == TOOLS - {"validate"}


def test_an_agent_goes_from_a_task_to_its_answer_the_why_and_the_cost(service: TestClient) -> None:
    async def use(client: Client) -> None:
        answer = await told(client, "recommend", IMAGES)
        assert len(answer["candidates"]) == 2
        assert answer["excluded_count"] > 50
        assert answer["assumptions"]
        first = answer["candidates"][0]["architecture"]
        assert service.get(f"/v1/recommendations/{answer['id']}").json()["candidates"][0]["architecture"] == first
        why = await told(client, "explain", {"recommendation_id": answer["id"], "architecture": "ctgan"})
        assert why["status"] == "excluded"
        cost = await told(client, "estimate", {"request": {"architecture": first, "gpu": "RTX 3090"}})
        assert cost["gpu"] == "RTX 3090"

    over_http(service, use)


def test_a_validation_is_queued_once_and_looked_at(service: TestClient) -> None:
    async def use(client: Client) -> None:
        answer = await told(client, "recommend", {"data": {"type": "image", "resolution": 32, "channels": 1}})
        wanted = {"recommendation_id": answer["id"], "dataset": "mnist-5k", "architectures": ["dcgan"], "idempotency_key": "once"}
        made = await told(client, "validate", wanted)
        again = await told(client, "validate", wanted)
        assert made["id"] == again["id"]
        assert (await told(client, "validation", {"validation_id": made["id"]}))["status"] == "queued"

    over_http(service, use)


def test_a_refusal_names_the_field_and_what_is_allowed(service: TestClient) -> None:
    async def use(client: Client) -> None:
        wrong = await client.call_tool("recommend", {"data": {"type": "image"}, "constraints": {"exclude": ["dcgann"]}})
        assert wrong.is_error
        assert "#/constraints/exclude/0" in wrong.content[0].text  # type: ignore[union-attr]
        assert "dcgan" in wrong.content[0].text  # type: ignore[union-attr]
        nothing = await client.call_tool("validation", {"validation_id": "none"})
        assert nothing.is_error and "not_found" in nothing.content[0].text  # type: ignore[union-attr]

    over_http(service, use)


def test_the_key_of_the_caller_is_that_of_its_calls(service: TestClient) -> None:
    reader = create("red", scopes=[Scope.READ]).key
    asker = create("red", scopes=[Scope.READ, Scope.RECOMMEND]).key

    async def use(client: Client) -> Any:
        return await client.call_tool("recommend", IMAGES)

    assert service.post("/mcp", json={}).status_code == 401
    refused = over_http(service, use, Authorization=f"Bearer {reader}")
    assert refused.is_error and "forbidden" in refused.content[0].text
    assert not over_http(service, use, Authorization=f"Bearer {asker}").is_error


def test_the_command_serves_the_same_tools_over_its_input_and_output(tmp_path: Path) -> None:
    env = {**os.environ, "GAN_ADVISOR_DATA_DIR": str(tmp_path)}
    nobody = ["-m", "app.cli", "mcp", "--server", "http://127.0.0.1:9"]

    async def main() -> None:
        async with Client(StdioServerParameters(command=sys.executable, args=nobody, env=env)) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            refused = await client.call_tool("recommend", IMAGES)
            assert refused.is_error and "unreachable" in refused.content[0].text  # type: ignore[union-attr]

    asyncio.run(main())
