"""The shipped rules hold on the tasks that they name, cover every task and topic, and keep an answer short."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest

from app.knowledge.files import SHIPPED
from app.knowledge.load import load
from app.recommend import fit, recommend
from app.recommend.describe import describe
from app.recommend.rank import rank
from app.recommend.recipe import formula
from app.recommend.rules import EFFECTS, facts_of
from app.vocabulary import Golden, Rule, Task, TaskSlug

KNOWLEDGE = load()
ADVISOR = fit(KNOWLEDGE)
PLACE = {architecture.slug: index for index, architecture in enumerate(ADVISOR.architectures)}
CASES = [pytest.param(rule, case, id=f"{rule.id}-{i}") for rule in KNOWLEDGE.rules for i, case in enumerate(rule.golden)]
TOPICS = [
    "data-preparation",
    "augmentation",
    "normalisation-and-batching",
    "activations-and-depth",
    "losses",
    "learning-rate",
    "batch-normalisation",
    "conditional",
    "sequence",
    "mode-collapse",
    "non-convergence",
    "metrics",
    "resources",
    "medical",
    "art",
    "text",
    "three-d",
    "augmentation-by-gan",
    "detection",
    "small-data",
    "transfer",
    "tabular",
    "time-series",
    "audio",
    "molecules",
    "video",
    "translation",
    "super-resolution",
    "inpainting",
    "anomaly",
    "privacy",
    "licence",
]
ORDINARY: dict[TaskSlug, dict[str, Any]] = {
    TaskSlug.UNCONDITIONAL_IMAGE: {"data": {"type": "image", "resolution": 256, "samples": 10000}},
    TaskSlug.CLASS_CONDITIONAL_IMAGE: {"data": {"type": "image", "resolution": 64, "samples": 50000, "classes": 10}},
} | {
    slug: {"task": slug, "data": {"type": KNOWLEDGE.tasks[slug].data_types[0]}}
    for slug in TaskSlug
    if slug not in (TaskSlug.UNCONDITIONAL_IMAGE, TaskSlug.CLASS_CONDITIONAL_IMAGE)
}


def fires(rule: Rule, case: Golden) -> bool:
    """Whether the rule fires on the case: on its architecture, or on any. `assume` sees the task before its gaps are filled."""
    task = Task.model_validate(case.task)
    facts = facts_of(task) if rule.then.assume else describe(task, ADVISOR.rules, KNOWLEDGE)[2]
    if not rule.then.assume:
        rank(facts, ADVISOR)  # adds what training is predicted to cost
    effect = next(name for name in EFFECTS if getattr(rule.then, name) is not None)
    mask = next((mask for fired, mask in ADVISOR.rules.firing(effect, facts) if fired.id == rule.id), False)
    if isinstance(mask, bool):
        return mask
    return bool(mask[PLACE[case.architecture]] if case.architecture else mask.any())


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_golden_case_holds(rule: Rule, case: Golden) -> None:
    assert fires(rule, case) is case.fires


@pytest.mark.parametrize(("rule", "case"), [case for case in CASES if case.values[1].fires])  # type: ignore[union-attr]
def test_every_value_that_a_sentence_speaks_of_is_known(rule: Rule, case: Golden) -> None:
    facts = describe(Task.model_validate(case.task), ADVISOR.rules, KNOWLEDGE)[2]
    known = facts | ADVISOR.rules.columns[PLACE[case.architecture]] if case.architecture else facts
    for sentence in (rule.text, rule.then.advise or ""):
        for path in re.findall(r"\{([^}]*)\}", sentence):
            if path.startswith("cost."):
                continue  # a rule that fires on a cost knows it: an unknown one fires nothing
            assert known.get(path) is not None or (path.startswith("architecture.") and not case.architecture), path


def test_there_are_rules_on_every_topic_and_at_least_eighty() -> None:
    assert set(TOPICS) <= {rule.topic for rule in KNOWLEDGE.rules}
    assert len(KNOWLEDGE.rules) >= 80


def test_a_rule_lies_in_the_file_of_its_topic() -> None:
    for path in (SHIPPED / "rules").glob("*.yaml"):
        found = {line.split()[1] for line in path.read_text().splitlines() if line.startswith("  topic: ")}
        assert found == {path.stem}


def test_every_task_has_rules_of_its_own() -> None:
    # Rules that merely fill a gap of the task, or exclude, do not count.
    touched: dict[TaskSlug, set[str]] = defaultdict(set)
    for rule in KNOWLEDGE.rules:
        if rule.then.assume is None and rule.then.exclude is None:
            for case in rule.golden:
                if case.fires:
                    task = describe(Task.model_validate(case.task), ADVISOR.rules, KNOWLEDGE)[0].task
                    assert task is not None
                    touched[task].add(rule.id)
    assert {slug: len(touched[slug]) for slug in TaskSlug if len(touched[slug]) < 3} == {}


@pytest.mark.parametrize("slug", list(TaskSlug))
def test_an_ordinary_task_gets_a_handful_of_sentences(slug: TaskSlug) -> None:
    answer = recommend(Task.model_validate(ORDINARY[slug]), ADVISOR)
    assert answer.task.task == slug
    assert 1 <= len(answer.advice) <= 10


def test_a_rule_with_a_bound_on_a_number_shows_where_it_stops() -> None:
    bounded = {"min", "max", "above", "below"}
    for rule in KNOWLEDGE.rules:
        numbers = [
            t for t in rule.when.values() if isinstance(t, dict) and any(isinstance(t.get(b), int | float) for b in bounded)
        ]
        assert not numbers or any(not case.fires for case in rule.golden), rule.id


def test_every_formula_is_arithmetic_on_known_names() -> None:
    names = dict.fromkeys(
        ["resolution", "batch_size", "images_per_pass", "samples", "classes", "channels", "length", "columns"], 64
    )
    for rule in KNOWLEDGE.rules:
        for value in (rule.then.set or {}).values():
            if isinstance(value, str) and value.startswith("="):
                assert formula(value[1:].strip())(names) is not None, rule.id
