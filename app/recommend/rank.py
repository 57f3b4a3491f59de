"""The order: quality, cost and stability of every architecture that no rule excludes, weighted by the task's priorities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.recommend.cost import Costs
from app.recommend.evidence import Evidence, Standing
from app.recommend.linear import Array
from app.recommend.rules import Facts, Mask, Rules
from app.recommend.yardstick import cautious
from app.vocabulary import Rule

FAR = 0.9
"""Farther than this from every figure the advisor abstains; 1 is a design of which, and of whose family, nothing is known."""


@dataclass(frozen=True)
class Ranking:
    """Scores over all architectures, and the order of those left, best first."""

    order: Sequence[int]
    score: Array
    quality: Array
    cost: Array
    stability: Array
    left: Mask
    excluding: Sequence[tuple[Rule, Mask | bool]]
    fired: Sequence[tuple[Rule, Mask | bool]]
    standing: Standing | None

    @property
    def distance(self) -> float:
        """Of the first in the order from the nearest figures; 1 where there is none."""
        return float(self.standing.distance[self.order[0]]) if self.standing is not None and len(self.order) else 1.0


def rank(facts: Facts, rules: Rules, evidence: Evidence, costs: Costs, steady: Array, gans: Mask) -> Ranking:
    """Ranks the architectures of mask `gans`; `steady` is their stability in the figures. Adds the `cost.*` paths to facts."""
    gpu = costs.gpus.get(facts.get("budget.gpu") or "")
    log_hours, spread = costs.log_hours(facts.get("data.resolution"), gpu)
    if rules.asks_cost:
        log_gb, _ = costs.log_gb_per_image(facts.get("data.resolution"))
        facts["cost.gpu_hours"], facts["cost.memory_gb"] = np.exp(log_hours - spread), np.exp(log_gb) + 1.0

    left = gans.copy()
    excluding = rules.firing("exclude", facts)
    for _, mask in excluding:
        left &= ~mask if isinstance(mask, np.ndarray) else not mask

    standing = evidence.at(facts)
    quality = np.zeros(len(gans)) if standing is None else cautious(standing.mean, standing.variance)
    stability = steady.copy()
    fired = [*rules.firing("score", facts), *rules.firing("stability", facts)]
    for rule, mask in fired:
        quality += mask * (rule.then.score or 0.0)
        stability += mask * (rule.then.stability or 0.0)
    cost = _cheapness(log_hours, left, facts)
    weights = np.array([facts["priorities.quality"], facts["priorities.cost"], facts["priorities.stability"]])
    weights = weights / (weights.sum() or 1.0)
    score = weights[0] * quality + weights[1] * cost + weights[2] * stability
    candidates = np.flatnonzero(left)
    order = candidates[np.argsort(-score[candidates], kind="stable")].tolist()
    return Ranking(order, score, quality, cost, stability, left, excluding, fired, standing)


def _cheapness(log_hours: Array, left: Mask, facts: Facts) -> Array:
    """Powers of ten that the GPU-hours stay below the budget, or the middle candidate without one, in [-1, 1]; 0 where unknown."""
    known = left & np.isfinite(log_hours)
    if not known.any():
        return np.zeros(len(left))
    budget = facts.get("budget.gpu_hours")
    reference = np.log(budget) if budget else np.median(log_hours[known])
    cheapness: Array = np.nan_to_num(np.clip((reference - log_hours) / np.log(10.0), -1.0, 1.0))
    return cheapness
