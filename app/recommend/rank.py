"""The order: quality, cost and stability of every architecture that no rule excludes, weighted by the task's priorities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from app.recommend.cost import Costs, Spent
from app.recommend.evidence import Evidence, Standing
from app.recommend.linear import Array
from app.recommend.rules import Compiled, Facts, Fired, Mask, Rules, fired

FAR = 0.9
"""Farther than this from every figure the advisor abstains; 1 is a design of which, and of whose family, nothing is known."""


class Fitted(Protocol):
    """What ranking needs of the advisor; arrays over all architectures. `stability` is as the figures have it."""

    @property
    def rules(self) -> Rules: ...
    @property
    def evidence(self) -> Evidence: ...
    @property
    def costs(self) -> Costs: ...
    @property
    def stability(self) -> Array: ...
    @property
    def gans(self) -> Mask: ...


@dataclass(frozen=True)
class Ranking:
    """Scores over all architectures, and the order of those left, best first."""

    order: Sequence[int]
    score: Array
    left: Mask
    excluding: Fired
    scoring: Fired
    standing: Standing | None
    spent: Spent

    @property
    def distance(self) -> float:
        """Of the first in the order from the nearest figures; 1 where there is none."""
        return self.standing.distance(self.order[0]) if self.standing is not None and len(self.order) else 1.0


def rank(facts: Facts, fitted: Fitted) -> Ranking:
    """Ranks the GANs on the task of these facts. Adds the `cost.*` paths to the facts where a rule asks for them."""
    rules, task = fitted.rules, facts["task.task"]
    spent = _spent(facts, fitted)
    excluding = fired(rules.of("exclude", task), facts)
    known = rules.scoring(task)
    sometimes = fired(known.sometimes, facts)
    left = _remove(fitted.gans.copy(), excluding)
    standing = fitted.evidence.at(facts)
    bonus, steady = _add(known.bonus, fitted.stability + known.steady, sometimes)
    score = _score(facts, left, standing, bonus, steady, spent)
    candidates = np.flatnonzero(left)
    order = candidates[np.argsort(-score[candidates], kind="stable")].tolist()
    return Ranking(order, score, left, excluding, [*known.always, *sometimes], standing, spent)


class Probe:
    """Rank 1 of a task as one number of it varies; whatever does not depend on that number is worked out once."""

    def __init__(self, facts: Facts, path: str, base: Ranking, fitted: Fitted) -> None:
        self.facts, self.path, self.base, self.fitted = dict(facts), path, base, fitted
        looks = {path, *(_PREDICTED if path in _COSTLY else _SHARED if path == _HOURS else ())}
        rules, task = fitted.rules, facts["task.task"]
        still: dict[bool, list[Compiled]] = {True: [], False: []}
        for one in rules.of("exclude", task):
            still[looks.isdisjoint(one.paths)].append(one)
        self.left, self.excluding = _remove(fitted.gans.copy(), fired(still[True], facts)), still[False]
        known = rules.scoring(task)
        still = {True: [], False: []}
        for one in known.sometimes:
            still[looks.isdisjoint(one.paths)].append(one)
        self.bonus, self.steady = _add(known.bonus, fitted.stability + known.steady, fired(still[True], facts))
        self.scoring = still[False]
        self.idle = not self.excluding and not self.scoring and path not in (*_COSTLY, "data.samples", _HOURS)

    def first(self, value: Any) -> int | None:
        """The architecture ranked first with this value; None where the advisor abstains."""
        facts = self.facts
        facts[self.path] = value
        spent = self.base.spent
        if self.path in _COSTLY:
            spent = _spent(facts, self.fitted)
        elif self.path == _HOURS:
            _predict(facts, spent, self.fitted)
        left, bonus, steady = self.left, self.bonus, self.steady
        if self.excluding:
            left = _remove(left.copy(), fired(self.excluding, facts))
        if self.scoring:
            bonus, steady = _add(bonus, steady, fired(self.scoring, facts))
        standing = self.fitted.evidence.at(facts) if self.path == "data.samples" else self.base.standing
        if standing is None or not left.any():
            return None
        score = _score(facts, left, standing, bonus, steady, spent)
        best = int(np.where(left, score, -np.inf).argmax())
        return best if standing.distance(best) <= FAR else None


_COSTLY, _HOURS = ("data.resolution", "budget.gpu"), "budget.gpu_hours"
_SHARED = ("cost.budget_share",)
_PREDICTED = ("cost.gpu_hours", "cost.least_gpu_hours", "cost.memory_gb", *_SHARED)


def _spent(facts: Facts, fitted: Fitted) -> Spent:
    spent = fitted.costs.at(facts.get("data.resolution"), facts.get("budget.gpu"))
    _predict(facts, spent, fitted)
    return spent


def _predict(facts: Facts, spent: Spent, fitted: Fitted) -> None:
    """Puts what training is predicted to take among the facts, where a rule asks for it."""
    if fitted.rules.asks_cost:
        share = (facts.get(_HOURS) or math.nan) / spent.hours
        facts.update(zip(_PREDICTED, (spent.hours, spent.least_hours, spent.least_gb, share), strict=True))


def _remove(left: Mask, excluding: Fired) -> Mask:
    for _, mask in excluding:
        left &= ~mask if isinstance(mask, np.ndarray) else not mask
    return left


def _add(bonus: Array, steady: Array, scoring: Fired) -> tuple[Array, Array]:
    for rule, mask in scoring:
        if rule.then.score is not None:
            bonus = bonus + mask * rule.then.score
        else:
            steady = steady + mask * (rule.then.stability or 0.0)
    return bonus, steady


def _score(facts: Facts, left: Mask, standing: Standing | None, bonus: Array, steady: Array, spent: Spent) -> Array:
    """The weighted mean of quality, cheapness and stability."""
    quality = bonus if standing is None else bonus + _quality(standing, left)
    weights = weights_of(facts)
    score: Array = weights[0] * quality + weights[1] * _cheapness(spent, left, facts) + weights[2] * steady
    return score


def weights_of(facts: Facts) -> tuple[float, float, float]:
    """The shares of quality, cost and stability in the score."""
    parts = facts["priorities.quality"], facts["priorities.cost"], facts["priorities.stability"]
    total = sum(parts) or 1.0
    return parts[0] / total, parts[1] / total, parts[2] / total


def parts_of(facts: Facts, ranking: Ranking, fitted: Fitted) -> tuple[Array, Array, Array]:
    """Quality, cheapness and stability of every architecture, which weights_of adds up to the score."""
    nothing = np.zeros(len(ranking.left))
    bonus, steady = _add(nothing, fitted.stability, ranking.scoring)
    quality = bonus if ranking.standing is None else bonus + _quality(ranking.standing, ranking.left)
    return quality, _cheapness(ranking.spent, ranking.left, facts), steady


def _quality(standing: Standing, left: Mask) -> Array:
    """The cautious standing; a design that no figure of its own is near to counts less than the least that has one at all."""
    quality, near = standing.cautious, standing.near & (standing.distances <= FAR)
    least = np.where(left & standing.shown, quality, np.inf).min()
    capped: Array = np.where(near, quality, np.minimum(quality, least - _LESS))
    return capped


def _cheapness(spent: Spent, left: Mask, facts: Facts) -> Array:
    """Powers of ten that the GPU-hours stay below the budget, or below the middle candidate without one."""
    budget = facts.get(_HOURS)
    if budget:
        return spent.cheapness(math.log(budget))
    here = np.sort(spent.log_hours[left & spent.known])
    return spent.cheapness(float(here[len(here) // 2])) if len(here) else np.zeros(len(left))


_LESS = 1e-3
