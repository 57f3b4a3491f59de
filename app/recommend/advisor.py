"""The advisor: fitted once on the knowledge, asked often. recommend() reads like the sentence of this package."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.recommend.advice import Rival, advice_of, rivals_of
from app.recommend.answer import candidates_of, excluded_of
from app.recommend.cost import Costs, fit_costs
from app.recommend.describe import describe
from app.recommend.evidence import Evidence, fit_evidence
from app.recommend.flips import changes, flip
from app.recommend.linear import Array
from app.recommend.rank import FAR, Ranking, rank
from app.recommend.recipe import Setting, published, setting_of
from app.recommend.rules import Facts, Mask, Rules
from app.recommend.sentences import said_of
from app.recommend.stability import fit_stability
from app.vocabulary import (
    Architecture,
    Benchmark,
    Flip,
    Kind,
    Knowledge,
    KnowledgeStamp,
    Recommendation,
    RecipeValue,
    Task,
    TaskSlug,
)


@dataclass(frozen=True)
class Advisor:
    """Everything an answer needs, as arrays over `architectures`."""

    knowledge: Knowledge
    digest: str
    architectures: tuple[Architecture, ...]
    gans: Mask
    rules: Rules
    settings: dict[str, Setting]
    evidence: Evidence
    said: tuple[str, ...]
    stability: Array
    costs: Costs
    recipes: tuple[dict[str, RecipeValue], ...]
    rivals: dict[TaskSlug, tuple[Rival, ...]]


def fit(knowledge: Knowledge, measurements: Sequence[Benchmark] = ()) -> Advisor:
    """An advisor from the knowledge base and a team's own figures: private ones, and measurements of its runs."""
    architectures = tuple(knowledge.architectures[slug] for slug in sorted(knowledge.architectures))
    digest = hashlib.sha256(knowledge.sha256.encode())
    for measured in sorted(measurements, key=lambda m: m.id):
        digest.update(f"{measured.id} {measured.value!r}".encode())
    evidence = fit_evidence(knowledge, architectures, measurements)
    gans = np.array([a.kind is Kind.GAN for a in architectures], bool)
    return Advisor(
        knowledge=knowledge,
        digest=digest.hexdigest() if measurements else knowledge.sha256,
        architectures=architectures,
        gans=gans,
        rules=Rules(knowledge.rules, architectures, knowledge.trainable),
        settings={rule.id: setting_of(rule) for rule in knowledge.rules if rule.then.set is not None},
        evidence=evidence,
        said=said_of(evidence),
        stability=fit_stability(knowledge, architectures),
        costs=fit_costs(knowledge, architectures),
        recipes=tuple(published(a) for a in architectures),
        rivals=rivals_of(evidence.figures, architectures),
    )


def recommend(task: Task, advisor: Advisor) -> Recommendation:
    """The ranked, cited answer to a task. Pure: the same task and knowledge give the same answer. Raises TaskError alone."""
    described, assumptions, facts = describe(task, advisor.rules, advisor.knowledge)
    ranking = _rank(facts, advisor)
    abstained = _abstains(ranking)
    return Recommendation.model_construct(
        id=hashlib.sha256((task.model_dump_json() + advisor.digest).encode()).hexdigest()[:32],
        knowledge=KnowledgeStamp.model_construct(version=advisor.knowledge.version, sha256=advisor.knowledge.sha256),
        task=described,
        assumptions=assumptions,
        abstained=abstained is not None,
        abstained_reason=abstained,
        candidates=candidates_of(described, facts, ranking, advisor),
        excluded=excluded_of(facts, ranking, advisor),
        advice=advice_of(facts, ranking, advisor),
        flips=() if abstained else _flips(facts, ranking, advisor),
    )


def _rank(facts: Facts, advisor: Advisor) -> Ranking:
    return rank(facts, advisor.rules, advisor.evidence, advisor.costs, advisor.stability, advisor.gans)


def _abstains(ranking: Ranking) -> str | None:
    if not ranking.order:
        return "Every architecture is excluded by a rule; `excluded` names them."
    if ranking.distance > FAR:
        return f"No figure is near this task: the distance of the first candidate is {ranking.distance:.2f}, above {FAR}."
    return None


def _flips(facts: Facts, ranking: Ranking, advisor: Advisor) -> tuple[Flip, ...]:
    first = ranking.order[0]

    def winner(changed: Facts) -> int | None:
        other = _rank(changed, advisor)
        return None if _abstains(other) else other.order[0]

    names = advisor.architectures
    return tuple(
        flip(path, value, names[index].slug, names[first].name, names[index].name, None)
        for path, value, index in changes(facts, first, winner)
    )
