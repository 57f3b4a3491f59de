"""The advisor: fitted once on the knowledge, asked often."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.recommend.cost import Costs, fit_costs
from app.recommend.evidence import Evidence, fit_evidence
from app.recommend.kin import completed
from app.recommend.linear import Array
from app.recommend.memo import Memo
from app.recommend.recipe import Draft, Setting, setting_of
from app.recommend.record import records_of
from app.recommend.rivals import Rival, rivals_of
from app.recommend.rules import Facts, Mask, Rules, fill, paths_of
from app.recommend.sentences import measured_here
from app.recommend.stability import fit_stability
from app.vocabulary import (
    Architecture,
    Benchmark,
    Excluded,
    Kind,
    Knowledge,
    KnowledgeStamp,
    Reason,
    RecipeValue,
    Record,
    Rule,
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
    stability: Array
    costs: Costs
    recipes: tuple[dict[str, RecipeValue], ...]
    rivals: dict[TaskSlug, tuple[Rival, ...]]
    records: dict[TaskSlug, Record]
    measured: dict[tuple[TaskSlug, str], tuple[Reason, ...]]
    """What our own runs say of an architecture on a task."""
    words: dict[str, tuple[str, ...]]
    """Paths of the task that the text of a rule speaks of."""
    sayings: Memo[tuple[object, ...], tuple[Excluded, ...]] = field(
        default_factory=lambda: Memo(2_000), compare=False, repr=False
    )
    """What rules excluded before, by rule, architectures and the values of those paths."""
    sentences: Memo[tuple[object, ...], Reason] = field(default_factory=lambda: Memo(10_000), compare=False, repr=False)
    """Why rules changed scores before, by rule, architecture and the values of those paths."""
    drafts: Memo[tuple[object, ...], Draft] = field(default_factory=lambda: Memo(2_000), compare=False, repr=False)
    """What paper and rules set in recipes before, by architecture and rules."""

    @property
    def stamp(self) -> KnowledgeStamp:
        """Which knowledge and which policies its answers come from."""
        it = self.knowledge
        return KnowledgeStamp(version=it.version, sha256=it.sha256, policies=it.policies or None)

    def told(self, rule: Rule, index: int, facts: Facts) -> str:
        """The text of a rule about one architecture, its predicted cost among the values."""
        costs = {path: float(facts[path][index]) for path in self.words[rule.id] if isinstance(facts.get(path), np.ndarray)}
        return fill(rule.text, facts, self.rules.columns[index] | costs if costs else self.rules.columns[index])

    def spoken(self, rule: Rule, facts: Facts) -> Iterator[Hashable]:
        """The values of the task that the text of a rule speaks of."""
        values = (facts.get(path) for path in self.words[rule.id])
        return (value.tobytes() if isinstance(value, np.ndarray) else value for value in values)


def fit(knowledge: Knowledge, measurements: Sequence[Benchmark] = ()) -> Advisor:
    """An advisor from the knowledge base and a team's own figures: private ones, and measurements of its runs."""
    architectures = tuple(knowledge.architectures[slug] for slug in sorted(knowledge.architectures))
    evidence = fit_evidence(knowledge, architectures, measurements)
    gans = np.array([a.kind is Kind.GAN for a in architectures], bool)
    return Advisor(
        knowledge=knowledge,
        digest=_digest(knowledge, measurements),
        architectures=architectures,
        gans=gans,
        rules=Rules(knowledge.rules, architectures, knowledge.trainable),
        settings={rule.id: setting_of(rule) for rule in knowledge.rules if rule.then.set is not None},
        evidence=evidence,
        stability=fit_stability(knowledge, architectures),
        costs=fit_costs(knowledge, architectures),
        recipes=completed(architectures),
        rivals=rivals_of(evidence.figures, architectures),
        records=records_of(knowledge.backtest),
        measured=measured_here(measurements, knowledge.metrics),
        words={rule.id: paths_of(rule.text) for rule in knowledge.rules},
    )


def under(advisor: Advisor, knowledge: Knowledge) -> Advisor:
    """The advisor with the rules of a knowledge whose figures are its own and come with no measurements: no new fit."""
    return replace(
        advisor,
        knowledge=knowledge,
        digest=_digest(knowledge, ()),
        rules=Rules(knowledge.rules, advisor.architectures, knowledge.trainable),
        settings={rule.id: setting_of(rule) for rule in knowledge.rules if rule.then.set is not None},
        words={rule.id: paths_of(rule.text) for rule in knowledge.rules},
        sayings=Memo(advisor.sayings.most),
        sentences=Memo(advisor.sentences.most),
        drafts=Memo(advisor.drafts.most),
    )


def _digest(knowledge: Knowledge, measurements: Sequence[Benchmark]) -> str:
    digest = hashlib.sha256(knowledge.sha256.encode())
    digest.update(f"{knowledge.backtest.id if knowledge.backtest else ''} {knowledge.policies}".encode())
    for measured in sorted(measurements, key=lambda m: m.id):
        digest.update(f"{measured.id} {measured.value!r}".encode())
    return digest.hexdigest()
