"""Cost alone: what training one architecture takes in memory, time, money and energy."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from app.api.deps import AdvisorDep, CallerDep
from app.api.wire import answer
from app.estimates import estimate
from app.validations import ledger
from app.vocabulary import Estimate, EstimateRequest

router = APIRouter(prefix="/v1/estimates", tags=["estimates"])

EXAMPLE: dict[str, Any] = {
    "smallest": {"value": {"architecture": "stylegan2-ada"}},
    "a published configuration": {
        "value": {"architecture": "stylegan3-t", "resolution": 512, "batch_size": 32, "gpu": "A100 SXM4 40GB", "gpus": 8}
    },
    "inverse questions": {
        "value": {
            "architecture": "stylegan2-ada",
            "resolution": 256,
            "gpu": "RTX 3090",
            "kimg": 5000,
            "budget": {"gpu_hours": 100},
            "questions": ["largest-batch", "largest-resolution", "cheapest-gpu", "more-memory"],
        }
    },
}


@router.post(
    "",
    response_model=Estimate,
    openapi_extra={"requestBody": {"content": {"application/json": {"examples": EXAMPLE}}}},
    operation_id="estimate",
)
def create(request: Request, asked: EstimateRequest, caller: CallerDep, advisor: AdvisorDep) -> Response:
    """Memory, time, money and energy as 90 % intervals, with their parts and the published rows behind them."""
    return answer(request, estimate(asked, advisor, ledger.pairs(caller.team)))
