"""What a validation races where nobody named it: the best designs that can be trained here, in the time there is."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

from app.errors import AdvisorError
from app.estimates import estimate
from app.recommend import Advisor, TaskError
from app.recommend.describe import as_asked, describe
from app.recommend.rank import rank
from app.validations import fleet
from app.vocabulary import EstimateRequest, Recommendation

TICKED = 2
FEWEST_KIMG = 1.0
"""Thousands of images that a run must be expected to see in its share of the time; with fewer its curves say nothing."""


def ranked(answer: Recommendation, able: Collection[str], advisor: Advisor) -> list[str]:
    """Those of `able` that the answer ranks, best first; where its first lines name too few, the whole ranking is asked for."""
    found = [c.architecture for c in answer.candidates if c.architecture in able]
    if len(found) < TICKED and answer.candidates:
        with contextlib.suppress(TaskError):
            _, _, facts = describe(as_asked(answer), advisor.rules, advisor.knowledge)
            found = [slug for i in rank(facts, advisor).order if (slug := str(advisor.architectures[i].slug)) in able]
    return found


def ticked(runnable: Sequence[str], answer: Recommendation, seconds: float, advisor: Advisor, most: int = TICKED) -> list[str]:
    """The first `most` that get somewhere in the time; on a GPU, or where nothing is known of a CPU, simply the first."""
    workers = [w for w in fleet.workers() if w.state == "live"]
    if any(w.device != "cpu" for w in workers):
        return list(runnable[:most])
    found: list[str] = []
    for slug in runnable:
        if len(found) < most and _kimg(slug, answer, seconds / most, advisor) >= FEWEST_KIMG:
            found.append(slug)
    return found or list(runnable[:most])


def _kimg(slug: str, answer: Recommendation, seconds: float, advisor: Advisor) -> float:
    """Thousands of samples that a CPU is expected to show in the time; infinite where no figure speaks of it."""
    data = answer.task.data
    sizes = {"resolution": data.resolution, "length": data.length}
    try:
        found = estimate(EstimateRequest(architecture=slug, gpu="CPU", **{k: v for k, v in sizes.items() if v}), advisor)
    except AdvisorError:
        return float("inf")
    took = found.seconds_per_kimg.expected
    return seconds / took if took else float("inf")
