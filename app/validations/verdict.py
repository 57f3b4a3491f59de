"""From the runs' figures to a verdict, by the rule written down in the plan. Pure.

Two things blur a difference of two runs. The samples: each run measures its metric on the same bootstrap resamples, so the
spread of the paired differences is their standard error. And the seed: the same recipe trained again gives another figure,
which one run cannot show; its size relative to the figure is stated in the plan (`seed_noise`), where it was measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from app.vocabulary import Interval, Outcome, Verdict

Figure = Mapping[str, Any]
"""`metric.last` of a run's report: value and replicates."""


@dataclass(frozen=True)
class Difference:
    """How much better one figure is than another, in units of the metric; `half` is half the width of its interval."""

    expected: float
    half: float

    @property
    def low(self) -> float:
        return self.expected - self.half

    @property
    def high(self) -> float:
        return self.expected + self.half


def compare(
    one: Figure, other: Figure, *, lower_is_better: bool, confidence: float, seed_noise: tuple[float, float]
) -> Difference:
    """How much better `one` is, above 0 where it is. Raises ValueError unless both hold the same two or more replicates."""
    own, others = np.asarray(one["replicates"], float), np.asarray(other["replicates"], float)
    if own.shape != others.shape or own.size < 2:
        raise ValueError(f"replicates must be paired, not {own.size} and {others.size}")
    sign = 1.0 if lower_is_better else -1.0
    samples = float((others - own).std(ddof=1))
    seeds = math.hypot(seed_noise[0] * one["value"], seed_noise[1] * other["value"])
    return Difference(sign * (other["value"] - one["value"]), float(ndtri(0.5 + confidence / 2)) * math.hypot(samples, seeds))


def judge(plan: Mapping[str, Any], reports: Mapping[str, Mapping[str, Any] | None]) -> Verdict:
    """The verdict on the plan's candidate. A report of None is a run that diverged. Raises ValueError without a baseline."""
    planned = {run["name"]: run for run in plan["runs"]}
    runs = {name: run["architecture"] for name, run in planned.items()}
    candidate, baseline = runs["candidate"], runs["baseline"]
    metric, threshold = plan["metric"], float(plan["threshold"])

    def verdict(outcome: Outcome, reason: str, gain: Difference | None) -> Verdict:
        shown = Interval(low=None, expected=None, high=None)
        if gain is not None:
            shown = Interval(low=gain.low, expected=gain.expected, high=gain.high)
        parts = {"metric": metric, "candidate": candidate, "baseline": baseline, "threshold": threshold}
        return Verdict(outcome=outcome, reason=reason, difference=shown, **parts)

    def against(one: str, other: str) -> Difference:
        figures = (_last(reports[one]), _last(reports[other]))
        noise = (planned[one]["seed_noise"], planned[other]["seed_noise"])
        lower = plan["direction"] == "min"
        return compare(*figures, lower_is_better=lower, confidence=plan["confidence"], seed_noise=noise)

    if reports.get("baseline") is None:
        raise ValueError("the baseline has no figure, so nothing can be judged")
    trained = reports.get("candidate")
    if trained is None:
        return verdict(Outcome.OVERTURNED, f"{candidate} diverged; {baseline} did not.", None)
    gain = against("candidate", "baseline")
    said = _said(candidate, baseline, gain, plan)

    def overturned(reason: str) -> Verdict:
        steps, least = trained.get("steps"), plan.get("least_steps", 0)
        if steps is not None and steps < least:
            why = f"{candidate} had time for {steps} steps, and a verdict against it needs {least}: give it more."
            return verdict(Outcome.INCONCLUSIVE, f"{reason} But {why}", gain)
        return verdict(Outcome.OVERTURNED, reason, gain)

    if gain.high < -threshold:
        return overturned(f"{said}, more than the {threshold:.3g} that counts.")
    for name, architecture in runs.items():
        if name in ("candidate", "baseline") or reports.get(name) is None:
            continue
        lead = against(name, "candidate")
        if lead.low > threshold:
            beaten = _said(architecture, candidate, lead, plan)
            return overturned(f"{beaten}, though ranked below it; {threshold:.3g} counts.")
    if gain.low > threshold:
        return verdict(Outcome.CONFIRMED, f"{said}, more than the {threshold:.3g} that counts.", gain)
    least = f"the least difference these runs could have shown is {threshold + gain.half:.3g}"
    return verdict(Outcome.INCONCLUSIVE, f"{said}; {threshold:.3g} counts, and {least}.", gain)


def _said(one: str, other: str, gain: Difference, plan: Mapping[str, Any]) -> str:
    """`dcgan is better than pixel-gaussian by 0.30 (95 %: 0.25 to 0.35) in kid`."""
    word, sign = ("better", 1) if gain.expected >= 0 else ("worse", -1)
    low, high = sorted((sign * gain.low, sign * gain.high))
    interval = f"{100 * plan['confidence']:.0f} %: {low:.3g} to {high:.3g}"
    return f"{one} is {word} than {other} by {sign * gain.expected:.3g} ({interval}) in {plan['metric']}"


def _last(report: Mapping[str, Any] | None) -> Figure:
    assert report is not None
    return dict(report["metric"]["last"])
