"""The answer. recommend() reads like the sentence of this package."""

from __future__ import annotations

import hashlib

import numpy as np

from app.recommend.advisor import Advisor
from app.recommend.candidates import candidates_of
from app.recommend.describe import describe
from app.recommend.flips import flips_of
from app.recommend.rank import FAR, Ranking, rank
from app.recommend.rules import Facts, Mask, facts_of, fill
from app.vocabulary import Advice, Excluded, Recommendation, Rule, Task, TaskSlug


def recommend(task: Task, advisor: Advisor) -> Recommendation:
    """The ranked, cited answer to a task. Pure: the same task and knowledge give the same answer. Raises TaskError alone."""
    described, assumptions, facts = describe(task, advisor.rules, advisor.knowledge)
    ranking = rank(facts, advisor)
    abstained = _abstains(described.task, ranking, advisor)
    return Recommendation(
        id=hashlib.sha256((task.model_dump_json() + advisor.digest).encode()).hexdigest()[:32],
        knowledge=advisor.stamp,
        task=described,
        assumptions=assumptions,
        abstained=abstained is not None,
        abstained_reason=abstained,
        candidates=candidates_of(described, facts, ranking, advisor),
        excluded=excluded_of(facts, ranking, advisor),
        advice=advice_of(facts, ranking, advisor),
        flips=() if abstained else flips_of(facts_of(task), facts, ranking, advisor),
        record=advisor.records.get(facts["task.task"]),
    )


_NAMED = 3
"""Figures named that compare none."""


def _abstains(task: TaskSlug | None, ranking: Ranking, advisor: Advisor) -> str | None:
    if not ranking.order:
        rules = ", ".join(rule.id for rule, _ in ranking.excluding)
        return f"Every architecture is excluded; the rules that do it are {rules}."
    if ranking.standing is None:
        alone = [row.id for row in advisor.knowledge.benchmarks if row.task == task][:_NAMED]
        found = f"the figures that there are compare none: {', '.join(alone)}" if alone else "there is no figure of it"
        return f"No two architectures were measured alike on {task}; {found}."
    if ranking.distance > FAR:
        first = ranking.order[0]
        near = next((w.benchmark_id for w in ranking.standing.task.cites(first).weights), "none")
        return (
            f"No figure is near: {advisor.architectures[first].name}, first in the order, is {ranking.distance:.2f} away "
            f"from what is known, above {FAR}; the nearest figure is {near}."
        )
    return None


def excluded_of(facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Excluded, ...]:
    """Every GAN that is no candidate, with the first rule in file order that says why."""
    out: list[Excluded] = []
    remaining = advisor.gans & ~ranking.left
    for rule, mask in ranking.excluding:
        hit = remaining & mask
        remaining = remaining & ~hit
        out.extend(_excluded(rule, hit, facts, advisor))
    return tuple(out)


def _excluded(rule: Rule, hit: Mask, facts: Facts, advisor: Advisor) -> tuple[Excluded, ...]:
    """What one rule excludes; kept for the next answer, since on one task the same rules say the same of the same designs."""
    key = (rule.id, hit.tobytes(), *advisor.spoken(rule, facts))
    return advisor.sayings.of(key, lambda: _said_of(rule, hit, facts, advisor))


def _said_of(rule: Rule, hit: Mask, facts: Facts, advisor: Advisor) -> tuple[Excluded, ...]:
    return tuple(
        Excluded(
            architecture=advisor.architectures[index].slug,
            rule_id=rule.id,
            text=advisor.told(rule, index, facts),
            source=rule.sources[0],
        )
        for index in np.flatnonzero(hit).tolist()
    )


def advice_of(facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Advice, ...]:
    """The advice of the rules that fire on the task or on a candidate, then the rivals of the task."""
    left = ranking.left
    out = [
        Advice(rule_id=rule.id, benchmark_ids=(), text=fill(rule.then.advise or rule.text, facts), source=rule.sources[0])
        for rule, mask in advisor.rules.firing("advise", facts)
        if mask is True or bool((mask & left).any())
    ]
    return (*out, *(rival.advice for rival in advisor.rivals.get(facts["task.task"], ())))
