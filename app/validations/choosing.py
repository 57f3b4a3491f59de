"""What a validation races where nobody named it: the best designs that can be trained here, in the time there is."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

from app.recommend import Advisor, TaskError
from app.recommend.cost.predict import cpu_seconds
from app.recommend.describe import as_asked, describe
from app.recommend.rank import rank
from app.validations import fleet
from app.vocabulary import Recommendation

TICKED = 2
FEWEST_KIMG = 3.0
"""Thousands of images that a run must be expected to see in its share of the time: after some 200 steps of 16 the quickest learners can
be told from themselves untrained (docs/networks/learning.csv)."""


def ranked(answer: Recommendation, able: Collection[str], advisor: Advisor) -> list[str]:
    """Those of `able` that the answer ranks, best first; where its first lines name too few, the whole ranking is asked for."""
    found = [c.architecture for c in answer.candidates if c.architecture in able]
    if len(found) < TICKED and answer.candidates:
        with contextlib.suppress(TaskError):
            _, _, facts = describe(as_asked(answer), advisor.rules, advisor.knowledge)
            found = [slug for i in rank(facts, advisor).order if (slug := str(advisor.architectures[i].slug)) in able]
    return found


def ticked(runnable: Sequence[str], seconds: float, advisor: Advisor, most: int = TICKED) -> list[str]:
    """The first `most` that get somewhere in the time; on a GPU, or where nothing is known of a CPU, simply the first."""
    workers = [w for w in fleet.workers() if w.state == "live"]
    if any(w.device != "cpu" for w in workers):
        return list(runnable[:most])
    found: list[str] = []
    for slug in runnable:
        if len(found) < most and _kimg(slug, seconds / most, advisor) >= FEWEST_KIMG:
            found.append(slug)
    return found or list(runnable[:most])


def _kimg(slug: str, seconds: float, advisor: Advisor) -> float:
    """Thousands of samples that the network as a CPU trains it is expected to see in the time; infinite where none was traced."""
    traced = next((p for p in advisor.knowledge.profiles if p.architecture == slug and p.recipe == "cpu"), None)
    return seconds / cpu_seconds(traced) * traced.batch_size / 1000 if traced else float("inf")
