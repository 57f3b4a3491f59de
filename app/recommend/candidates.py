"""The candidates of an answer: what is expected of each, what it costs, why it stands where it stands, and how to train it."""

from __future__ import annotations

import math

from app.recommend.advisor import Advisor
from app.recommend.cost import estimate
from app.recommend.rank import Ranking
from app.recommend.recipe import Draft, draft_of, recipe_of
from app.recommend.rules import Facts, Fired, touches
from app.vocabulary import Candidate, Reason, Rule, Task

_BATCH = 16
"""Images per pass for which memory is predicted where the recipe states no batch: the least that trains passably."""


def candidates_of(task: Task, facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Candidate, ...]:
    """The first `top_k` of the order; none where no figure of the task is known."""
    standing = ranking.standing
    if standing is None or not ranking.order:
        return ()
    place = standing.task.place(facts)
    setting = advisor.rules.firing("set", facts)
    same = tuple(rule.id for rule, _ in setting if rule.id not in advisor.rules.moving)
    moving = [(rule.id, mask) for rule, mask in setting if rule.id in advisor.rules.moving]
    costs = ranking.spent
    room = task.budget.memory_gb or (costs.gpu.memory_gb if costs.gpu else None)
    out = []
    for number, index in enumerate(ranking.order[: task.top_k], start=1):
        architecture = advisor.architectures[index]
        rules = (*same, *(name for name, mask in moving if touches(mask, index)))
        gb = math.exp(costs.log_gb[index]), float(costs.gb_power[index])
        recipe = recipe_of(_draft(index, setting, rules, advisor), facts, room, gb)
        batch = recipe.get("images_per_pass") or recipe.get("batch_size")
        images = batch.value if batch is not None and isinstance(batch.value, int) else _BATCH
        out.append(
            Candidate(
                rank=number,
                architecture=architecture.slug,
                name=architecture.name,
                score=round(float(ranking.score[index]), 4),
                quality=advisor.evidence.quality(standing, place, index),
                cost=estimate(advisor.costs, costs, index, task.budget, images),
                reasons=reasons_of(index, facts, ranking, advisor),
                recipe=recipe,
                trainable=architecture.slug in advisor.knowledge.trainable,
                licence=architecture.licence,
            )
        )
    return tuple(out)


def _draft(index: int, setting: Fired, rules: tuple[str, ...], advisor: Advisor) -> Draft:
    """What the paper and the rules that fire set; kept for the next answer, by the design and the rules that can differ."""

    def make() -> Draft:
        return draft_of(advisor.recipes[index], [advisor.settings[rule.id] for rule, mask in setting if touches(mask, index)])

    return advisor.drafts.of((index, *rules), make)


def reasons_of(index: int, facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Reason, ...]:
    """The figures of greatest weight and the rules that changed the score; `effect` is in spreads of a yardstick."""
    reasons = list(ranking.standing.task.cites(index).reasons) if ranking.standing else []
    cited = {reason.benchmark_id for reason in reasons}
    own = advisor.measured.get((facts["task.task"], advisor.architectures[index].slug), ()) if advisor.measured else ()
    reasons += [reason for reason in own if reason.benchmark_id not in cited]
    reasons += [_reason(rule, index, facts, advisor) for rule, mask in ranking.scoring if touches(mask, index)]
    return tuple(reasons)


def _reason(rule: Rule, index: int, facts: Facts, advisor: Advisor) -> Reason:
    """Why one rule changed the score of an architecture; kept for the next answer, by what it speaks of."""

    def make() -> Reason:
        return Reason(
            rule_id=rule.id,
            benchmark_id=None,
            effect=rule.then.score if rule.then.score is not None else rule.then.stability,
            text=advisor.told(rule, index, facts),
            source=rule.sources[0],
        )

    return advisor.sentences.of((rule.id, index, *advisor.spoken(rule, facts)), make)
