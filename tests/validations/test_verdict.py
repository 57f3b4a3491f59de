"""Planted figures, and the verdict each must lead to."""

from __future__ import annotations

import random
from typing import Any

import pytest

from app.validations.verdict import compare, judge
from app.vocabulary import Outcome
from tests.validations.samples import report

PLAN: dict[str, Any] = {
    "metric": "kid",
    "direction": "min",
    "threshold": 0.02,
    "confidence": 0.95,
    "runs": [
        {"name": "baseline", "architecture": "pixel-gaussian", "seed_noise": 0.0},
        {"name": "candidate", "architecture": "dcgan", "seed_noise": 0.0},
        {"name": "runner-up", "architecture": "gan", "seed_noise": 0.0},
    ],
}
SEEDS = range(10)


def judged(**reports: dict[str, Any] | None) -> Any:
    return judge(PLAN, {name.replace("_", "-"): body for name, body in reports.items()})


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clearly_better_candidate_is_confirmed_with_numbers_in_the_reason(seed: int) -> None:
    found = judged(
        baseline=report(0.40, 0.02, seed), candidate=report(0.20, 0.02, seed + 100), runner_up=report(0.25, 0.02, seed + 200)
    )
    assert found.outcome is Outcome.CONFIRMED
    assert found.difference.low > found.threshold == 0.02
    assert "dcgan is better than pixel-gaussian by 0." in found.reason and "95 %" in found.reason


@pytest.mark.parametrize("seed", SEEDS)
def test_a_candidate_worse_than_the_baseline_is_overturned(seed: int) -> None:
    found = judged(
        baseline=report(0.20, 0.02, seed), candidate=report(0.40, 0.02, seed + 100), runner_up=report(0.40, 0.02, seed + 200)
    )
    assert found.outcome is Outcome.OVERTURNED
    assert found.difference.high < -found.threshold
    assert "dcgan is worse than pixel-gaussian by 0." in found.reason


def test_a_candidate_that_had_no_time_is_not_overturned() -> None:
    plan = {**PLAN, "least_steps": 100}
    baseline, runner_up = report(0.20, 0.02, 0), report(0.20, 0.02, 2)

    def found(steps: int) -> Any:
        candidate = {**report(0.40, 0.02, 1), "steps": steps}
        return judge(plan, {"baseline": baseline, "candidate": candidate, "runner-up": runner_up})

    assert found(4).outcome is Outcome.INCONCLUSIVE
    assert "had time for 4 steps" in found(4).reason
    assert found(100).outcome is Outcome.OVERTURNED


@pytest.mark.parametrize("seed", SEEDS)
def test_two_equal_runs_are_inconclusive_and_the_detectable_difference_is_said(seed: int) -> None:
    found = judged(
        baseline=report(0.30, 0.02, seed), candidate=report(0.30, 0.02, seed + 100), runner_up=report(0.30, 0.02, seed + 200)
    )
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "the least difference these runs could have shown is 0.0" in found.reason


def test_a_runner_up_that_clearly_wins_overturns_the_ranking() -> None:
    found = judged(baseline=report(0.50, 0.01, 1), candidate=report(0.30, 0.01, 2), runner_up=report(0.10, 0.01, 3))
    assert found.outcome is Outcome.OVERTURNED
    assert found.reason.startswith("gan is better than dcgan by 0.") and "though ranked below it" in found.reason


def test_a_runner_up_that_is_better_by_less_than_counts_changes_nothing() -> None:
    found = judged(baseline=report(0.50, 0.001, 1), candidate=report(0.30, 0.001, 2), runner_up=report(0.29, 0.001, 3))
    assert found.outcome is Outcome.CONFIRMED


def test_a_candidate_that_diverged_is_overturned_without_a_difference() -> None:
    found = judged(baseline=report(0.5), candidate=None, runner_up=report(0.1))
    assert found.outcome is Outcome.OVERTURNED
    assert found.difference.expected is None and "diverged" in found.reason


def test_a_runner_up_that_diverged_does_not_stop_the_verdict() -> None:
    assert judged(baseline=report(0.5, 0.01), candidate=report(0.1, 0.01), runner_up=None).outcome is Outcome.CONFIRMED


def test_a_figure_of_which_more_is_better_is_judged_the_other_way_round() -> None:
    reports = {"baseline": report(0.2, 0.01, 1), "candidate": report(0.8, 0.01, 2)}
    plan = {**PLAN, "direction": "max", "runs": PLAN["runs"][:2]}
    assert judge(plan, reports).outcome is Outcome.CONFIRMED


def test_pairing_finds_a_difference_that_the_spread_they_share_would_hide() -> None:
    better, worse = (report(true, 0.005, seed, shared=0.5)["metric"]["last"] for true, seed in ((0.3, 1), (0.4, 2)))
    found = compare(better, worse, lower_is_better=True, confidence=0.95, seed_noise=(0.0, 0.0))
    assert 0.07 < found.low < found.high < 0.13


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(2000):
        better, worse = (report(true, 0.05, 2 * seed + n, replicates=100)["metric"]["last"] for n, true in enumerate((0.3, 0.4)))
        found = compare(better, worse, lower_is_better=True, confidence=0.95, seed_noise=(0.0, 0.0))
        hits += found.low <= 0.1 <= found.high
    assert 0.93 < hits / 2000 < 0.97


def test_the_noise_between_seeds_widens_the_interval() -> None:
    figures = [report(true)["metric"]["last"] for true in (0.3, 0.4)]
    narrow, wide = (
        compare(*figures, lower_is_better=True, confidence=0.95, seed_noise=(noise, noise)).half for noise in (0.0, 0.1)
    )
    assert wide > narrow + 0.05


def test_figures_on_different_resamples_are_refused() -> None:
    figures = [report(0.3, replicates=n)["metric"]["last"] for n in (100, 50)]
    with pytest.raises(ValueError, match="paired"):
        compare(*figures, lower_is_better=True, confidence=0.95, seed_noise=(0.0, 0.0))


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_equal_recipes_are_hardly_ever_told_apart_when_seeds_alone_differ(first: int) -> None:
    noisy = {**PLAN, "runs": [{**run, "seed_noise": 0.2} for run in PLAN["runs"]]}
    wrong = 0
    for seed in range(first, first + 10):
        dice = random.Random(seed)
        trained = (report(3.0 * dice.gauss(1, 0.2), 0.05, seed + 1000 * n) for n in range(3))
        found = judge(noisy, dict(zip(("baseline", "candidate", "runner-up"), trained, strict=True)))
        wrong += found.outcome is not Outcome.INCONCLUSIVE
    assert wrong <= 3
