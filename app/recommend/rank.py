"""The order: quality, cost and stability of every architecture that no rule excludes, weighted by the task's priorities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.recommend.cost import Costs
from app.recommend.evidence import Evidence, TaskEvidence
from app.recommend.linear import Array
from app.recommend.rules import Facts, Mask, Rules
from app.vocabulary import Priorities, Rule

FAR = 0.9
"""Beyond this distance from every figure the advisor abstains."""


@dataclass(frozen=True)
class Ranking:
    """Scores over all architectures and the order of those left, best first."""

    order: list[int]
    score: Array
    quality: Array
    cost: Array
    stability: Array
    excluded_by: dict[int, Rule]
    fired: list[tuple[Rule, Mask | bool]]
    evidence: TaskEvidence | None
    distance: float


def rank(facts: Facts, rules: Rules, evidence: Evidence, costs: Costs, gans: Mask, priorities: Priorities) -> Ranking:
    """Ranks the architectures of mask `gans` on the task of these facts."""
    gpu = costs.gpus.get(facts.get("budget.gpu") or "")
    log_hours, spread = costs.log_hours(facts.get("data.resolution"), gpu)
    log_gb, _ = costs.log_gb_per_image(facts.get("data.resolution"))
    facts["cost.gpu_hours"] = np.exp(log_hours - spread)
    facts["cost.memory_gb"] = np.exp(log_gb) + 1.0

    excluded_by: dict[int, Rule] = {}
    left = gans.copy()
    for rule, mask in rules.firing("exclude", facts):
        for index in np.flatnonzero(left & mask):
            excluded_by[int(index)] = rule
        left &= ~mask if isinstance(mask, np.ndarray) else False

    known = evidence.at(facts)
    quality = np.zeros(len(gans)) if known is None else known.mean.copy()
    stability = np.zeros(len(gans))
    fired = [*rules.firing("score", facts), *rules.firing("stability", facts)]
    for rule, mask in fired:
        quality += mask * (rule.then.score or 0.0)
        stability += mask * (rule.then.stability or 0.0)
    cost = _cheapness(log_hours, left, facts)
    total = priorities.quality + priorities.cost + priorities.stability or 1.0
    score = (priorities.quality * quality + priorities.cost * cost + priorities.stability * stability) / total
    candidates = np.flatnonzero(left)
    order = candidates[np.argsort(-score[candidates], kind="stable")]
    distance = 1.0 if known is None or not len(order) else float(known.distance[order].min())
    return Ranking([int(i) for i in order], score, quality, cost, stability, excluded_by, fired, known, distance)


def _cheapness(log_hours: Array, left: Mask, facts: Facts) -> Array:
    """Minus the log10 of hours over the budget, or over the median candidate without one; clipped to [-1, 1], 0 where unknown."""
    known = left & np.isfinite(log_hours)
    if not known.any():
        return np.zeros(len(left))
    budget = facts.get("budget.gpu_hours")
    reference = np.log(budget) if budget else np.median(log_hours[known])
    cheapness: Array = np.nan_to_num(np.clip((reference - log_hours) / np.log(10.0), -1.0, 1.0))
    return cheapness
