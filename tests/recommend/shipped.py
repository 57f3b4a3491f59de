"""The shipped knowledge and the advisor fitted to it, once for all tests of this room."""

from __future__ import annotations

from functools import cache
from typing import Any

from app.knowledge.load import load
from app.recommend import Advisor, fit, recommend
from app.vocabulary import Knowledge, Recommendation, Task


@cache
def knowledge() -> Knowledge:
    return load()


@cache
def advisor() -> Advisor:
    return fit(knowledge())


def ask(body: dict[str, Any], who: Advisor | None = None) -> Recommendation:
    return recommend(Task.model_validate(body), who or advisor())
