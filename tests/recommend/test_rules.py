"""The rule language: what each test means, and that compiled rules mean the same as the reference, one value at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from app.recommend import TaskError, fit
from app.recommend.describe import describe
from app.recommend.rank import rank
from app.recommend.rules import EFFECTS, fill, holds, paths_of, spoken
from app.vocabulary import Effect, Golden, Rule, Task
from tests.recommend.shipped import advisor, ask, knowledge
from tests.recommend.test_answers import tasks

FACTS: dict[str, Any] = {
    "task.task": "tabular",
    "data.samples": 5000,
    "data.resolution": None,
    "constraints.exclude": ("dcgan", "ctgan"),
    "architecture.tasks": ("tabular", "time-series"),
    "architecture.min_train_samples": 1000,
    "architecture.resolution.max": None,
}
MEANINGS: list[tuple[str, Any, bool]] = [
    ("task.task", "tabular", True),
    ("task.task", "video", False),
    ("task.task", ["video", "tabular"], True),
    ("architecture.tasks", "tabular", True),
    ("architecture.tasks", "task.task", True),
    ("architecture.tasks", {"not": "task.task"}, False),
    ("constraints.exclude", "ctgan", True),
    ("constraints.exclude", ["biggan"], False),
    ("data.samples", {"min": 5000, "max": 5000}, True),
    ("data.samples", {"above": 5000}, False),
    ("data.samples", {"below": 5000}, False),
    ("data.samples", {"min": "architecture.min_train_samples"}, True),
    ("data.samples", {"below": "architecture.resolution.max"}, False),
    ("data.resolution", {"max": 64}, False),
    ("data.resolution", {"not": {"max": 64}}, True),
    ("data.resolution", {"known": False}, True),
    ("data.samples", {"known": True, "not": 7}, True),
    ("data.resolution", "64", False),
]


@pytest.mark.parametrize(("path", "test", "expected"), MEANINGS)
def test_the_meaning_of_a_test(path: str, test: Any, expected: bool) -> None:
    assert holds(test, FACTS[path], FACTS) is expected


@settings(max_examples=25, deadline=None)
@given(tasks)
def test_a_compiled_rule_fires_exactly_where_the_reference_says(body: dict[str, Any]) -> None:
    who = advisor()
    try:
        _, _, facts = describe(Task.model_validate(body), who.rules, knowledge())
    except TaskError:
        return
    rank(facts, who)
    width, seen = len(who.architectures), range(0, len(who.architectures), 11)
    for effect in EFFECTS:
        found = {rule.id: np.broadcast_to(mask, width) for rule, mask in who.rules.firing(effect, facts)}
        for rule in knowledge().rules:
            if getattr(rule.then, effect) is not None:
                expected = [fires(rule.when, facts, index) for index in seen]
                assert found.get(rule.id, np.zeros(width, bool))[seen].tolist() == expected, rule.id


def fires(when: dict[str, Any], facts: dict[str, Any], index: int) -> bool:
    """The reference: every test of a rule on one architecture."""
    costs = {path: own(value, index) for path, value in facts.items() if path.startswith("cost.")}
    here = facts | advisor().rules.columns[index] | costs
    return all(holds(test, here.get(path), here) for path, test in when.items())


def own(value: Any, index: int) -> float | None:
    number = float(value[index])
    return None if np.isnan(number) else number


def test_braces_are_filled_from_the_design_and_the_task() -> None:
    text = "{architecture.name} needs {architecture.min_train_samples} samples, there are {data.samples}; {data.resolution}."
    design = {"architecture.name": "X", "architecture.min_train_samples": 10000}
    assert fill(text, FACTS, design) == "X needs 10,000 samples, there are 5,000; unknown."
    assert paths_of(text) == ("data.samples", "data.resolution")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), ((), "unknown"), (True, "yes"), (70000, "70,000"), (0.00012, "0.00012"), (("a", "b"), "a, b")],
)
def test_a_value_is_spoken(value: object, text: str) -> None:
    assert spoken(value) == text


def test_a_rule_may_speak_of_the_predicted_cost_of_each_architecture() -> None:
    dear = Rule(
        id="too-dear",
        topic="resources",
        when={"cost.gpu_hours": {"above": "budget.gpu_hours"}},
        then=Effect(exclude=True),
        text="{architecture.name} takes {cost.gpu_hours} hours or more.",
        because="a test",
        sources=("arXiv:2006.06676",),
        golden=(Golden(task={"data": {"type": "image"}}),),
    )
    who = fit(replace(knowledge(), rules=(dear, *knowledge().rules)))
    answer = ask({"data": {"type": "image", "resolution": 512, "samples": 70000}, "budget": {"gpu_hours": 1}}, who)
    texts = [e.text for e in answer.excluded if e.rule_id == "too-dear"]
    assert len(set(texts)) > 5
    assert all("[" not in text and "nan" not in text for text in texts)
