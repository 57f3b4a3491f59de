"""From the runs' figures to a verdict, by the rule written down in the plan. Pure.

Each run measures its metric on the same reference subsets, so replicate k of two runs differ by the generators alone. The
mean of the paired differences, with Student's interval, is what is held against the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from app.vocabulary import Interval, Outcome, Verdict


@dataclass(frozen=True)
class Difference:
    """How much better the first is than the second, in units of the metric; `detectable` is the least that would have shown."""

    expected: float
    low: float
    high: float
    detectable: float


def compare(better: Sequence[float], worse: Sequence[float], *, lower_is_better: bool, confidence: float) -> Difference:
    """The paired difference, above 0 where the first is better. Raises ValueError unless both hold the same two or more replicates."""
    if len(better) != len(worse) or len(better) < 2:
        raise ValueError(f"replicates must be paired, not {len(better)} and {len(worse)}")
    sign = 1.0 if lower_is_better else -1.0
    gain = sign * (np.asarray(worse, float) - np.asarray(better, float))
    half = float(stdtrit(len(gain) - 1, 0.5 + confidence / 2) * gain.std(ddof=1) / math.sqrt(len(gain)))
    mean = float(gain.mean())
    return Difference(mean, mean - half, mean + half, half)


def judge(plan: Mapping[str, Any], reports: Mapping[str, Mapping[str, Any] | None]) -> Verdict:
    """The verdict on the plan's candidate. A report of None is a run that diverged. Raises ValueError without a baseline."""
    runs = {run["name"]: run["architecture"] for run in plan["runs"]}
    candidate, baseline = runs["candidate"], runs["baseline"]
    metric, threshold = plan["metric"], float(plan["threshold"])

    def verdict(outcome: Outcome, reason: str, gain: Difference | None) -> Verdict:
        shown = Interval(low=None, expected=None, high=None)
        if gain is not None:
            shown = Interval(low=gain.low, expected=gain.expected, high=gain.high)
        parts = {"metric": metric, "candidate": candidate, "baseline": baseline, "threshold": threshold}
        return Verdict(outcome=outcome, reason=reason, difference=shown, **parts)

    def against(one: str, other: str) -> Difference:
        return compare(
            _replicates(reports[one]),
            _replicates(reports[other]),
            lower_is_better=plan["direction"] == "min",
            confidence=plan["confidence"],
        )

    if reports.get("baseline") is None:
        raise ValueError("the baseline has no figure, so nothing can be judged")
    if reports.get("candidate") is None:
        return verdict(Outcome.OVERTURNED, f"{candidate} diverged; {baseline} did not.", None)
    gain = against("candidate", "baseline")
    percent = f"{100 * plan['confidence']:.0f} %"
    said = f"{candidate} is better than {baseline} by {_in(gain, percent)} in {metric}"
    if gain.high < -threshold:
        return verdict(Outcome.OVERTURNED, f"{baseline} beats {candidate}: {said}, all of it below -{threshold:.3g}.", gain)
    for name, architecture in runs.items():
        if name in ("candidate", "baseline") or reports.get(name) is None:
            continue
        lead = against(name, "candidate")
        if lead.low > threshold:
            rival = f"{architecture}, ranked below it, beats {candidate} by {_in(lead, percent)} in {metric}"
            return verdict(Outcome.OVERTURNED, f"{rival}, more than the {threshold:.3g} that counts.", gain)
    if gain.low > threshold:
        return verdict(Outcome.CONFIRMED, f"{said}, more than the {threshold:.3g} that counts.", gain)
    least = f"the least difference these runs could have shown is {threshold + gain.detectable:.3g}"
    return verdict(Outcome.INCONCLUSIVE, f"{said}; {threshold:.3g} counts, and {least}.", gain)


def _replicates(report: Mapping[str, Any] | None) -> list[float]:
    assert report is not None
    return [float(value) for value in report["metric"]["last"]["replicates"]]


def _in(difference: Difference, percent: str) -> str:
    return f"{difference.expected:.3g} ({percent}: {difference.low:.3g} to {difference.high:.3g})"
