"""A flip is the smallest change of one field that changes rank 1: applied it does, just short of it it does not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from app.vocabulary import Flip
from tests.recommend.shipped import ask

BODIES: list[dict[str, Any]] = [
    {"data": {"type": "image", "resolution": 256, "samples": 5000}, "budget": {"gpu_hours": 60.0, "memory_gb": 24.0}},
    {"data": {"type": "image", "resolution": 64}, "budget": {"gpu_hours": 2.0}},
    {"data": {"type": "image", "resolution": 1024, "samples": 70000}, "constraints": {"licence": "commercial"}},
    {"data": {"type": "image", "pairing": "unpaired", "resolution": 256, "samples": 2000}},
    {"data": {"type": "tabular", "samples": 20000, "columns": 12}},
    {"data": {"type": "time-series", "length": 24, "samples": 3000}},
    {"data": {"type": "text", "samples": 10000}},
    {"data": {"type": "video"}},
]


def put(body: dict[str, Any], pointer: str, value: object) -> dict[str, Any]:
    """The body with a value at a JSON pointer."""
    changed = copy.deepcopy(body)
    *path, last = pointer.strip("/").split("/")
    place = changed
    for step in path:
        place = place.setdefault(step, {})
    place[last] = value
    return changed


@pytest.mark.parametrize("body", BODIES)
def test_a_flip_changes_the_winner_when_it_is_applied(body: dict[str, Any]) -> None:
    answer = ask(body)
    for flip in answer.flips:
        assert ask(put(body, flip.pointer, flip.value)).candidates[0].architecture == flip.winner
        assert flip.winner != answer.candidates[0].architecture


def test_most_tasks_have_a_flip() -> None:
    assert sum(bool(ask(body).flips) for body in BODIES) >= len(BODIES) - 2


@pytest.mark.parametrize("body", BODIES)
def test_an_eighth_short_of_a_flip_of_samples_or_hours_the_winner_stays(body: dict[str, Any]) -> None:
    answer = ask(body)
    for flip in answer.flips:
        if flip.pointer in ("/data/samples", "/budget/gpu_hours"):
            before = ask(put(body, flip.pointer, short_of(flip, body, answer.task.data.samples)))
            assert before.candidates[0].architecture == answer.candidates[0].architecture, flip


def short_of(flip: Flip, body: dict[str, Any], samples: int | None) -> float:
    """A value an eighth of the way, on a log scale within one power of two, back to what the task has."""
    now = samples if flip.pointer == "/data/samples" else body["budget"]["gpu_hours"]
    assert now is not None
    towards = 1.125 if now > flip.value else 1 / 1.125
    short = flip.value * towards
    short = min(short, now) if now > flip.value else max(short, now)
    return round(short) if flip.pointer == "/data/samples" else float(short)


def test_a_field_that_changes_nothing_has_no_flip() -> None:
    include = {"include": ["ctgan"]}
    assert ask({"data": {"type": "tabular"}, "constraints": include}).flips == ()


def test_no_smaller_budget_speaks_for_a_costlier_design() -> None:
    seen = 0
    for samples, hours in ((500, 10), (1000, 48), (5000, 200), (50_000, 200)):
        data = {"type": "image", "resolution": 256, "samples": samples}
        answer = ask({"data": data, "budget": {"gpu_hours": hours}, "top_k": 20})
        cost = {c.architecture: c.cost.gpu_hours.expected for c in answer.candidates}
        for flip in answer.flips:
            now, then = cost[answer.candidates[0].architecture], cost.get(flip.winner)
            if flip.pointer == "/budget/gpu_hours" and now and then:
                assert flip.value > hours or then <= now, flip.text
                seen += 1
    assert seen
