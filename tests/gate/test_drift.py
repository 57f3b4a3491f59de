"""What a check finds: each class of drift brought about, and the exit code it ends in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.gate.commands import _decide
from app.gate.drift import compare
from app.gate.task import read
from app.gate.words import COUNT, Drift, Finding, Kind, Report, RunnerUp, Stamp, Validated
from tests.gate.decided import TASK, TODAY, advisor, forged, locked, report, written


def failed(found: Report) -> set[str]:
    return {f.check for f in found.findings if f.state == "failed"}


def test_nothing_changed_is_the_same(tmp_path: Path) -> None:
    path = written(tmp_path)
    found = report(locked(path), path)
    assert (found.drift, found.code(COUNT), failed(found)) == (Drift.SAME, 0, set())
    assert found.first == found.architecture


def test_evidence_that_moved_without_moving_the_decision_is_the_same_and_said(tmp_path: Path) -> None:
    path = written(tmp_path)
    found = report(forged(locked(path), evidence=Stamp(version="2026.01", sha256="0" * 64)), path)
    assert (found.drift, found.code(COUNT)) == (Drift.SAME, 0)
    assert any("2026.01" in f.text for f in found.findings)


def test_another_first_choice_has_overtaken(tmp_path: Path) -> None:
    path = written(tmp_path)
    lock = locked(path)
    assert lock.choice is not None
    second = lock.choice.model_copy(update={"architecture": lock.runners_up[0].slug})
    found = report(forged(lock, choice=second), path)
    assert (found.drift, found.code(COUNT)) == (Drift.OVERTAKEN, 2)
    assert found.first == lock.choice.architecture
    assert "place 2" in found.findings[0].text


def test_a_choice_that_a_rule_now_excludes_is_invalidated_and_the_rule_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    lock = locked(path)
    assert lock.choice is not None
    found = report(forged(lock, choice=lock.choice.model_copy(update={"architecture": "ctgan"})), path)
    assert (found.drift, found.code(COUNT)) == (Drift.INVALIDATED, 2)
    assert found.findings[0].rule_id == "other-data-type" or found.findings[0].rule_id == "other-task"


def test_a_choice_that_the_team_itself_excludes_breaks_the_policy(tmp_path: Path) -> None:
    path = written(tmp_path)
    lock = locked(path)
    assert lock.choice is not None
    path = written(tmp_path, {**TASK, "constraints": {"exclude": [lock.choice.architecture]}})
    found = report(lock, path)
    assert (found.drift, found.code(COUNT)) == (Drift.INVALIDATED, 3)
    assert (found.findings[0].rule_id, found.findings[0].pointer) == ("excluded-by-the-task", "/constraints/exclude")


def test_a_lead_that_has_shrunk_is_said_and_fails_where_it_is_asked_to(tmp_path: Path) -> None:
    path = written(tmp_path)
    lock = locked(path)
    was = RunnerUp(slug=lock.runners_up[0].slug, margin=lock.runners_up[0].margin * 3)
    found = report(forged(lock, runners_up=(was, *lock.runners_up[1:])), path)
    assert (found.drift, found.code(COUNT), found.code(frozenset({Kind.MARGIN}))) == (Drift.MARGIN_SHRUNK, 0, 2)
    assert report(forged(lock, runners_up=(was,)), written(tmp_path, margin=0.1)).drift == Drift.SAME


def test_a_recipe_that_differs_is_said_and_fails_where_it_is_asked_to(tmp_path: Path) -> None:
    path = written(tmp_path)
    lock = locked(path)
    found = report(forged(lock, recipe={**lock.recipe, "batch_size": 7}), path)
    assert failed(found) == {"decision.recipe"}
    assert (found.code(COUNT), found.code(frozenset({Kind.RECIPE}))) == (0, 2)


def test_a_lock_past_its_day_is_stale(tmp_path: Path) -> None:
    path = written(tmp_path, recheck_days=30)
    lock = locked(path)
    assert report(lock, path, TODAY + timedelta(days=30)).code(COUNT) == 0
    late = report(lock, path, TODAY + timedelta(days=31))
    assert (late.drift, late.code(COUNT)) == (Drift.STALE, 5)


def test_a_task_changed_after_its_lock_is_stale_though_the_choice_stands(tmp_path: Path) -> None:
    lock = locked(written(tmp_path))
    path = written(tmp_path, {**TASK, "data": {**TASK["data"], "samples": 5001}})
    found = report(lock, path)
    assert (found.drift, found.code(COUNT)) == (Drift.STALE, 5)
    assert "/data/samples" in next(f.text for f in found.findings if f.check == "lock.task")


def test_an_abstention_that_ends_has_overtaken(tmp_path: Path) -> None:
    path = written(tmp_path)
    found = report(forged(locked(path), choice=None, runners_up=(), abstained_reason="No figure is near."), path)
    assert (found.drift, found.code(COUNT)) == (Drift.OVERTAKEN, 2)


@pytest.mark.parametrize(
    ("policy", "check"),
    [
        ({"deny": ["lightweight-gan"]}, "policy.deny"),
        ({"allow": ["ctgan"]}, "policy.allow"),
        ({"max_memory_gb": 0.1}, "fit.memory"),
        ({"max_gpu_hours": 0.01}, "fit.hours"),
        ({"max_usd": 0.001}, "fit.usd"),
    ],
)
def test_each_limit_of_the_policy_can_be_broken(tmp_path: Path, policy: dict[str, Any], check: str) -> None:
    plain = written(tmp_path)
    lock = locked(plain)
    assert lock.choice is not None
    if "deny" in policy:
        policy = {"deny": [lock.choice.architecture]}
    found = report(lock, written(tmp_path, **policy))
    assert failed(found) == {check}
    assert found.code(COUNT) == 3


def test_a_licence_that_does_not_allow_what_is_asked_breaks_the_policy(tmp_path: Path) -> None:
    path = written(tmp_path, licence="permissive")
    lock = locked(path)
    assert lock.choice is not None
    it = advisor().knowledge
    closed = next(s for s, a in it.architectures.items() if a.licence == "non-commercial" and s not in it.trainable)
    choice = lock.choice.model_copy(update={"architecture": closed})
    found = report(forged(lock, choice=choice), path)
    assert "policy.licence" in failed(found)
    assert found.code(COUNT) == 3


def test_the_high_end_of_an_interval_can_be_held(tmp_path: Path) -> None:
    lock = locked(written(tmp_path))
    middle = lock.estimates["gpu_hours"].mid
    assert middle is not None
    limit = middle * 1.01
    assert report(lock, written(tmp_path, max_gpu_hours=limit)).code(COUNT) == 0
    assert report(lock, written(tmp_path, max_gpu_hours=limit, hold="high")).code(COUNT) == 3


def test_an_unknown_figure_neither_holds_nor_breaks_a_limit(tmp_path: Path) -> None:
    lock = locked(written(tmp_path))
    assert lock.choice is not None
    ruled_out = forged(lock, choice=lock.choice.model_copy(update={"architecture": "ctgan"}))
    found = report(ruled_out, written(tmp_path, max_usd=1))
    assert next(f.state for f in found.findings if f.check == "fit.usd") == "unknown"


@pytest.mark.parametrize(("verdict", "code"), [("confirmed", 0), ("inconclusive", 0), ("overturned", 4)])
def test_a_validation_that_overturned_the_choice_fails(tmp_path: Path, verdict: Any, code: int) -> None:
    path = written(tmp_path)
    lock = locked(path)
    assert lock.choice is not None
    one = Validated(id="v1", architecture=lock.choice.architecture, verdict=verdict, hardware="CPU", result_sha256="0" * 64)
    assert report(forged(lock, validations=(one,)), path).code(COUNT) == code
    other = one.model_copy(update={"architecture": "ctgan"})
    assert report(forged(lock, validations=(other,)), path).code(COUNT) == 0


def test_the_gravest_kind_that_counts_is_the_exit_code() -> None:
    found = Report(Drift.SAME, "a", "a", tuple(Finding(k, k, "failed", k) for k in reversed(Kind)))
    assert found.code(COUNT) == 3
    assert found.code(frozenset({Kind.DRIFT, Kind.STALE})) == 2
    assert found.code(frozenset({Kind.STALE})) == 5
    assert found.code(frozenset()) == 0


def test_a_choice_that_fell_far_behind_was_overtaken_not_invalidated(tmp_path: Path) -> None:
    path = written(tmp_path)
    lock = locked(path)
    assert lock.choice is not None
    asked = read(path)
    answer, by = _decide(asked.task, ())
    second = lock.choice.model_copy(update={"architecture": answer.candidates[1].architecture})
    short = answer.model_copy(update={"candidates": answer.candidates[:1]})
    found = compare(forged(lock, choice=second), asked, short, by, TODAY)
    assert (found.drift, found.code(COUNT)) == (Drift.OVERTAKEN, 2)
