"""The advisor: fitted once on the knowledge, asked often. recommend() reads like the sentence of this package."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.recommend.cost import Costs, estimate, fit_costs
from app.recommend.describe import describe
from app.recommend.evidence import Evidence, fit_evidence
from app.recommend.rank import FAR, Ranking, rank
from app.recommend.recipe import published, recipe_of
from app.recommend.rules import Facts, Mask, Rules, fill
from app.vocabulary import (
    Advice,
    Architecture,
    Benchmark,
    Candidate,
    Excluded,
    Kind,
    Knowledge,
    KnowledgeStamp,
    Reason,
    RecipeValue,
    Recommendation,
    Task,
)

_REASONS = 3
"""Figures cited for each candidate."""


@dataclass(frozen=True)
class Advisor:
    """Everything an answer needs, as arrays over `architectures`."""

    knowledge: Knowledge
    digest: str
    architectures: tuple[Architecture, ...]
    gans: Mask
    rules: Rules
    evidence: Evidence
    costs: Costs
    recipes: tuple[dict[str, RecipeValue], ...]


def fit(knowledge: Knowledge, measurements: Sequence[Benchmark] = ()) -> Advisor:
    """An advisor from the knowledge base and a team's own figures: private ones, and measurements of our runs as figures."""
    architectures = tuple(knowledge.architectures[slug] for slug in sorted(knowledge.architectures))
    digest = hashlib.sha256(knowledge.sha256.encode())
    for measured in measurements:
        digest.update(measured.id.encode())
    return Advisor(
        knowledge=knowledge,
        digest=digest.hexdigest() if measurements else knowledge.sha256,
        architectures=architectures,
        gans=np.array([a.kind is Kind.GAN for a in architectures], bool),
        rules=Rules(knowledge.rules, architectures, knowledge.trainable),
        evidence=fit_evidence(knowledge, architectures, measurements),
        costs=fit_costs(knowledge, architectures),
        recipes=tuple(published(a) for a in architectures),
    )


def recommend(task: Task, advisor: Advisor) -> Recommendation:
    """The ranked, cited answer to a task. Pure: the same task and knowledge give the same answer. Raises TaskError alone."""
    described, assumptions, facts = describe(task, advisor.rules, advisor.knowledge)
    ranking = rank(facts, advisor.rules, advisor.evidence, advisor.costs, advisor.gans, described.priorities)
    abstained = _abstains(ranking)
    candidates = tuple(
        _candidate(place + 1, index, described, facts, ranking, advisor)
        for place, index in enumerate(ranking.order[: described.top_k] if ranking.evidence else [])
    )
    return Recommendation.model_construct(
        id=hashlib.sha256((task.model_dump_json() + advisor.digest).encode()).hexdigest()[:32],
        knowledge=KnowledgeStamp.model_construct(version=advisor.knowledge.version, sha256=advisor.knowledge.sha256),
        task=described,
        assumptions=assumptions,
        abstained=abstained is not None,
        abstained_reason=abstained,
        candidates=candidates,
        excluded=_excluded(facts, ranking, advisor),
        advice=_advice(facts, advisor),
        flips=(),
    )


def _abstains(ranking: Ranking) -> str | None:
    if not ranking.order:
        return "Every architecture is excluded by a rule; `excluded` names them."
    if ranking.evidence is None or ranking.distance > FAR:
        return f"No figure is near this task: the distance is {ranking.distance:.2f}, above {FAR}."
    return None


def _candidate(place: int, index: int, task: Task, facts: Facts, ranking: Ranking, advisor: Advisor) -> Candidate:
    architecture = advisor.architectures[index]
    assert ranking.evidence is not None
    quality = advisor.evidence.quality(ranking.evidence, index)
    setting = [rule for rule, mask in advisor.rules.firing("set", facts) if mask is True or mask[index]]  # type: ignore[index]
    return Candidate.model_construct(
        rank=place,
        architecture=architecture.slug,
        name=architecture.name,
        score=round(float(ranking.score[index]), 4),
        quality=quality,
        cost=estimate(advisor.costs, index, task.data.resolution, task.budget, 16),
        reasons=_reasons(index, architecture, facts, ranking, advisor),
        recipe=recipe_of(advisor.recipes[index], setting, facts, None),
        trainable=architecture.slug in advisor.knowledge.trainable,
        licence=architecture.licence,
    )


def _reasons(index: int, architecture: Architecture, facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Reason, ...]:
    reasons = []
    if ranking.evidence is not None:
        for row, weight in ranking.evidence.weights[index][:_REASONS]:
            figure = advisor.evidence.figures[row]
            effect = round(weight * float(advisor.evidence.score[row]), 3)
            reasons.append(
                Reason.model_construct(
                    rule_id=None, benchmark_id=figure.id, effect=effect, text=advisor.evidence.said[row], source=figure.source
                )
            )
    own = facts | advisor.rules.columns[index]
    for rule, mask in ranking.fired:
        if mask is True or mask[index]:  # type: ignore[index]
            reasons.append(
                Reason.model_construct(
                    rule_id=rule.id,
                    benchmark_id=None,
                    effect=rule.then.score if rule.then.score is not None else rule.then.stability,
                    text=fill(rule.text, own),
                    source=rule.sources[0],
                )
            )
    return tuple(reasons)


def _excluded(facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Excluded, ...]:
    return tuple(
        Excluded.model_construct(
            architecture=advisor.architectures[index].slug,
            rule_id=rule.id,
            text=fill(rule.text, facts | advisor.rules.columns[index]),
            source=rule.sources[0],
        )
        for index, rule in sorted(ranking.excluded_by.items())
    )


def _advice(facts: Facts, advisor: Advisor) -> tuple[Advice, ...]:
    return tuple(
        Advice.model_construct(
            rule_id=rule.id, benchmark_ids=(), text=fill(rule.then.advise or rule.text, facts), source=rule.sources[0]
        )
        for rule, _ in advisor.rules.firing("advise", facts)
    )
