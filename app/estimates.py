"""Asking what training costs: the one path that API, dashboard and command line share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from app.errors import UnknownSlug, Unprocessable, field_problem
from app.recommend import Advisor
from app.recommend.cost import Pair, Unanswerable, answered
from app.vocabulary import Estimate, EstimateRequest


def estimate(asked: EstimateRequest, advisor: Advisor, ledger: Sequence[Pair] = ()) -> Estimate:
    """The estimate with the answers to its questions. Raises UnknownSlug, which offers the nearest names."""
    try:
        return answered(asked, advisor.costs.predictor, ledger)
    except Unanswerable as error:
        raise UnknownSlug(f"#/{error.field}", error.name, error.known, error.near) from None


def read_request(body: dict[str, Any]) -> EstimateRequest:
    """The request of a mapping. Raises Unprocessable that names each wrong field."""
    try:
        return EstimateRequest.model_validate_json(json.dumps(body))
    except ValidationError as error:
        problems = [field_problem({**e, "loc": ("body", *e["loc"])}) for e in error.errors()]
        raise Unprocessable("the estimate cannot be made", problems) from None
