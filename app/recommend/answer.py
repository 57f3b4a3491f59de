"""From arrays to the sentences of an answer: candidates with reasons and recipes, and the excluded with their rule."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from app.recommend.cost import estimate
from app.recommend.describe import complete
from app.recommend.flips import changes
from app.recommend.rank import Ranking, rank
from app.recommend.recipe import Draft, draft_of, recipe_of
from app.recommend.rules import Facts, Fired, Mask, fill, spoken
from app.vocabulary import Candidate, Excluded, Flip, Reason, Rule, Task

if TYPE_CHECKING:
    from app.recommend.advisor import Advisor

_CITED = 3
"""Figures named for a flip."""
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
        recipe = recipe_of(
            _draft(index, setting, (*same, *(i for i, m in moving if touches(m, index))), advisor),
            facts,
            room,
            math.exp(costs.log_gb[index]),
        )
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
            text=told(rule, index, facts, advisor),
            source=rule.sources[0],
        )

    return advisor.sentences.of((rule.id, index, *_spoken_of(rule, facts, advisor)), make)


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
    key = (rule.id, hit.tobytes(), *_spoken_of(rule, facts, advisor))
    return advisor.sayings.of(key, lambda: _said_of(rule, hit, facts, advisor))


def _spoken_of(rule: Rule, facts: Facts, advisor: Advisor) -> Iterator[Hashable]:
    """The values of the task that the text of a rule speaks of."""
    values = (facts.get(path) for path in advisor.words[rule.id])
    return (value.tobytes() if isinstance(value, np.ndarray) else value for value in values)


def _said_of(rule: Rule, hit: Mask, facts: Facts, advisor: Advisor) -> tuple[Excluded, ...]:
    return tuple(
        Excluded(
            architecture=advisor.architectures[index].slug,
            rule_id=rule.id,
            text=told(rule, index, facts, advisor),
            source=rule.sources[0],
        )
        for index in np.flatnonzero(hit).tolist()
    )


def flips_of(asked: Facts, facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Flip, ...]:
    """The smallest changes that change rank 1, each applied once more to the request and explained by a rule or by figures."""
    found = (flip_of(*change, asked, facts, ranking, advisor) for change in changes(asked, facts, ranking, advisor))
    return tuple(flip for flip in found if flip is not None)


def flip_of(path: str, value: Any, index: int, asked: Facts, facts: Facts, ranking: Ranking, advisor: Advisor) -> Flip | None:
    """One change, applied to the request; None where it does not put the architecture first after all."""
    changed = asked | {path: value}
    complete(changed, advisor.rules)
    after = rank(changed, advisor)
    if not after.order or after.order[0] != index or after.standing is None:
        return None
    first = ranking.order[0] if ranking.order else None
    rules = [r for r, mask in after.excluding if first is not None and touches(mask, first)]
    rules += [r for r, mask in ranking.excluding if touches(mask, index)]
    instead = f", not {advisor.architectures[first].name}" if first is not None else ""
    now = advisor.architectures[index]
    return Flip(
        pointer="/" + path.replace(".", "/"),
        value=value,
        winner=now.slug,
        text=f"With {path.split('.')[1]} {spoken(value)} instead of {spoken(facts.get(path))}, {now.name} is first{instead}.",
        rule_id=rules[0].id if rules else None,
        benchmark_ids=() if rules else tuple(w.benchmark_id for w in after.standing.task.cites(index).weights[:_CITED]),
    )


def touches(mask: Mask | bool, index: int) -> bool:
    return mask is True or bool(mask[index])  # type: ignore[index]


def told(rule: Rule, index: int, facts: Facts, advisor: Advisor) -> str:
    """The text of a rule about one architecture, its predicted cost among the values."""
    costs = {path: float(facts[path][index]) for path in advisor.words[rule.id] if isinstance(facts.get(path), np.ndarray)}
    return fill(rule.text, facts, advisor.rules.columns[index] | costs if costs else advisor.rules.columns[index])
