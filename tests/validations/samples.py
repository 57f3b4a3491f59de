"""A small request, a recommendation to go with it, and reports with planted figures."""

from __future__ import annotations

import random
from typing import Any

from app.vocabulary import (
    Candidate,
    CostEstimate,
    Interval,
    KnowledgeStamp,
    Licence,
    Quality,
    RecipeValue,
    Recommendation,
    Task,
    ValidationRequest,
)

UNKNOWN = Interval(low=None, expected=None, high=None)


def request(**changes: Any) -> ValidationRequest:
    body: dict[str, Any] = {
        "task": {"task": "unconditional-image", "data": {"type": "image", "resolution": 8, "channels": 1, "samples": 1797}},
        "architectures": ["gan"],
        "dataset": "digits",
        "budget": {"max_seconds": 6},
    }
    return ValidationRequest.model_validate_json(_json({**body, **changes}))


def _json(body: dict[str, Any]) -> str:
    import json

    return json.dumps({key: value for key, value in body.items() if value is not None})


def candidate(rank: int, slug: str, trainable: bool = True, **recipe: Any) -> Candidate:
    return Candidate(
        rank=rank,
        architecture=slug,
        name=slug,
        score=1.0 / rank,
        quality=Quality(metric="fid", yardstick="cifar10", expected=None, low=None, high=None, evidence=(), distance=0.0),
        cost=CostEstimate(
            gpu="cpu",
            peak_memory_bytes=UNKNOWN,
            train_seconds=UNKNOWN,
            gpu_hours=UNKNOWN,
            usd=UNKNOWN,
            fits=None,
            basis="none",
            sources=(),
        ),
        reasons=(),
        recipe={name: RecipeValue(value=value, origin="paper", source="arXiv:0000.00000") for name, value in recipe.items()},
        trainable=trainable,
        licence=Licence.PERMISSIVE,
    )


def recommendation(task: Task, *candidates: Candidate) -> Recommendation:
    return Recommendation(
        id="0" * 32,
        knowledge=KnowledgeStamp(version="1", sha256="0" * 64),
        task=task,
        assumptions=(),
        abstained=False,
        abstained_reason=None,
        candidates=candidates,
        excluded=(),
        advice=(),
        flips=(),
    )


def advise(task: Task) -> Recommendation:
    ranked = ("biggan-deep", False), ("dcgan", True), ("sngan", True), ("gan", True)
    return recommendation(task, *(candidate(n, slug, able) for n, (slug, able) in enumerate(ranked, 1)))


def report(true: float, noise: float = 0.01, seed: int = 0, shared: float = 0.05, replicates: int = 100) -> dict[str, Any]:
    """A run's report: a figure measured with an error, and bootstrap replicates with the same spread around it.

    `noise` is the run's own error; `shared` is the error that all runs have in common, as the same reference gives them.
    """
    common, own = random.Random(99), random.Random(seed)
    value = true + common.gauss(0, shared) + own.gauss(0, noise)
    drawn = [value + common.gauss(0, shared) + own.gauss(0, noise) for _ in range(replicates)]
    return {"metric": {"last": {"value": value, "low": min(drawn), "high": max(drawn), "replicates": drawn}}}
