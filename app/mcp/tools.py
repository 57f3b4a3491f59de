"""The tools. Each is one call of the client, so keys, teams, limits and errors are those of the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from app.client import AsyncClient, ServiceError
from app.vocabulary import Constraints, Data, Estimate, EstimateRequest, Limits, Priorities, TaskSlug, Validation, WhyNot

INSTRUCTIONS = """Which GAN for given data. `recommend` ranks published architectures for a task; every sentence cites a rule or a
figure, and an answer may abstain, which is to be passed on. `explain` says why an architecture is not first. `estimate` tells memory,
time and money. `validate` trains the first choices beside a baseline, which takes minutes and a worker; `validation` looks at it."""

Connect = Callable[[Context[Any, Any]], AsyncClient]
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
TRAINS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)


def server(connect: Connect) -> MCPServer[Any]:
    """The tools over whatever service `connect` leads to."""
    tools: MCPServer[Any] = MCPServer(
        "gan-advisor", instructions=INSTRUCTIONS, version=version("gan-advisor"), log_level="WARNING"
    )

    @tools.tool(annotations=READS)
    async def recommend(
        ctx: Context[Any, Any],
        data: Data,
        task: TaskSlug | None = None,
        budget: Limits = Limits(),  # noqa: B008 - frozen
        constraints: Constraints = Constraints(),  # noqa: B008
        priorities: Priorities = Priorities(),  # noqa: B008
        top_k: int = 3,
    ) -> dict[str, Any]:
        """Ranks GAN architectures for a task. Only data.type is needed; what is missing is assumed and said in `assumptions`."""
        body = {
            "task": task,
            "data": data,
            "budget": budget,
            "constraints": constraints,
            "priorities": priorities,
            "top_k": top_k,
        }
        with _told():
            async with connect(ctx) as client:
                found = await client.recommend(body)
        return {**found.model_dump(mode="json", exclude={"excluded"}), "excluded_count": len(found.excluded)}

    @tools.tool(annotations=READS)
    async def explain(ctx: Context[Any, Any], recommendation_id: str, architecture: str) -> WhyNot:
        """Why an architecture is not the first of an answer: excluded by which rule and what would lift it, or behind in which part."""
        with _told():
            async with connect(ctx) as client:
                return await client.why_not(recommendation_id, architecture)

    @tools.tool(annotations=READS)
    async def estimate(ctx: Context[Any, Any], request: EstimateRequest) -> Estimate:
        """What training one architecture takes in memory, time, money and energy, as 90 % intervals."""
        with _told():
            async with connect(ctx) as client:
                return await client.estimate(request)

    @tools.tool(annotations=TRAINS)
    async def validate(
        ctx: Context[Any, Any],
        recommendation_id: str,
        dataset: str,
        max_seconds: float = 120.0,
        architectures: list[str] | None = None,
        idempotency_key: str | None = None,
    ) -> Validation:
        """Queues a training race of an answer's first choices, or of `architectures`, beside a baseline. Look at it by `validation`."""
        body = {"recommendation_id": recommendation_id, "dataset": dataset, "budget": {"max_seconds": max_seconds}}
        with _told():
            async with connect(ctx) as client:
                more = {"architectures": architectures} if architectures else {}
                return await client.validate(body | more, idempotency_key=idempotency_key)

    @tools.tool(annotations=READS)
    async def validation(ctx: Context[Any, Any], validation_id: str) -> Validation:
        """How far a validation is; once `done`, `report.verdict` says confirmed, overturned or inconclusive, and why."""
        with _told():
            async with connect(ctx) as client:
                return await client.validation(validation_id)

    return tools


@contextmanager
def _told() -> Iterator[None]:
    """A refusal of the service as the tool's error, with the fields at fault."""
    try:
        yield
    except ServiceError as error:
        fields = "".join(f"\n{p.pointer}: {p.detail}{f' (allowed: {p.allowed})' if p.allowed else ''}" for p in error.errors)
        raise ToolError(f"{error.code}: {error.detail}{fields}") from None
