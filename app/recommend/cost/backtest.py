"""How far off the cost is: every published row is predicted by laws that saw nothing of its publication.

`own` leaves out whole publications: all rows of a repository, at whatever commit, or of a paper. `extra` rows are foreign: they
are only tested on, by laws of the shipped rows less those of the same document. A row counts where its architecture is known
to the laws; `unseen` holds the same scores for rows of architectures that the laws had no row of, predicted by family.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.recommend.cost.cases import Case, Lexicon, document_of, lexicon_of, usable, work_of
from app.recommend.cost.law import Law
from app.recommend.cost.terms import memory_rows, time_rows
from app.recommend.cost.whole import hours_of, whole_trainings
from app.recommend.recipe import FIXED_GB
from app.vocabulary import Cost, Knowledge

Z80, Z90 = 1.2816, 1.6449


@dataclass(frozen=True)
class Score:
    """One figure of a row against its prediction: relative error, inside the 90 % interval, known to the law."""

    row: str
    what: str
    architecture: str
    error: float
    inside: bool
    known: bool


def backtest(knowledge: Knowledge, extra: Sequence[tuple[Cost, str]] | None = None) -> dict[str, Any]:
    """The report `{"own": R, "extra": R or None}`; `extra` are foreign rows and the variant that their name stands for."""
    lexicon = lexicon_of(knowledge)
    shipped = [(row, lexicon.case(row)) for row in usable(knowledge.costs, knowledge.architectures)]
    own = _report(shipped, shipped, work_of) | {"whole_trainings": _whole(knowledge, lexicon)}
    if extra is None:
        return {"own": own, "extra": None}
    tested = [(row, lexicon.case(row, variant)) for row, variant in extra]
    return {"own": own, "extra": _report(tested, shipped, document_of)}


def _whole(knowledge: Knowledge, lexicon: Lexicon) -> dict[str, Any]:
    """How far off the GPU-hours of whole trainings are, as factors, by a law that saw nothing of the publication."""
    rows = hours_of(whole_trainings(knowledge, lexicon))
    by_work: dict[str, list[int]] = defaultdict(list)
    for i, case in enumerate(rows.cases):
        by_work[case.source].append(i)
    logs, inside = [], []
    for members in by_work.values():
        law = rows.fit(np.setdiff1d(np.arange(len(rows.cases)), members))
        families = {rows.cases[i].family for i in law.kept.tolist()}
        for i in (i for i in members if rows.cases[i].family in families):
            mean, sd, _ = law.predict(replace(rows.cases[i], source="", evidence="asked"))
            logs.append(abs(mean - float(rows.y[i])))
            inside.append(logs[-1] <= Z80 * sd)
    median, far = (_round(math.exp(np.quantile(logs, share))) for share in (0.5, 0.9))
    return {"rows": len(logs), "median_factor": median, "p90_factor": far, "coverage80": _round(np.mean(inside))}


Pairs = Sequence[tuple[Cost, Case]]


def _report(tested: Pairs, shipped: Pairs, same: Callable[[str], str]) -> dict[str, Any]:
    """Scores of `tested` rows, each by the laws of the shipped rows of other sources."""
    scores = list(_all(tested, shipped, same))
    known = [score for score in scores if score.known]
    by = {name: _sum([s for s in known if s.architecture == name]) for name in sorted({s.architecture for s in known})}
    rows = len({score.row for score in known})
    return {"rows": rows, **_sum(known), "by_architecture": by, "unseen": _sum([s for s in scores if not s.known])}


def _all(tested: Pairs, shipped: Pairs, same: Callable[[str], str]) -> Iterator[Score]:
    timed = [(row.sec_per_kimg, case) for row, case in shipped if row.sec_per_kimg]
    weighed = [(row.gpu_mem_gb_peak, case) for row, case in shipped if row.gpu_mem_gb_peak]
    time = time_rows([case for _, case in timed], [value for value, _ in timed])
    memory = memory_rows([case for _, case in weighed], [value for value, _ in weighed])
    folds: dict[str, list[tuple[Cost, Case]]] = defaultdict(list)
    for row, case in tested:
        folds[same(row.source)].append((row, case))
    for source, members in folds.items():
        for what, rows in (("time", time), ("memory", memory)):
            law = rows.fit(np.array([i for i, case in enumerate(rows.cases) if same(case.source) != source], np.intp))
            yield from _scores(what, law, members)


def _scores(what: str, law: Law, members: Pairs) -> Iterator[Score]:
    for row, case in members:
        published = row.sec_per_kimg if what == "time" else row.gpu_mem_gb_peak
        if not published:
            continue
        mean, sd, _ = law.predict(case)
        shift, scale = (0.0, 1 / case.gpus) if what == "time" else (FIXED_GB, 1.0)
        low, expected, high = (shift + scale * math.exp(mean + z * sd) for z in (-Z90, 0.0, Z90))
        error, inside = abs(expected / published - 1), low <= published <= high
        yield Score(row.id, what, case.architecture, error, inside, case.architecture in law.architectures)


def foreign(lines: Iterable[Mapping[str, str | None]], knowledge: Knowledge) -> tuple[list[tuple[Cost, str]], dict[str, int]]:
    """Rows of a foreign table, each with the variant its name stands for, and how many lines were left out and why.

    Columns are those of costs.csv; others are ignored. An architecture is known by slug, alias or name.
    """
    lexicon = lexicon_of(knowledge)
    rows: list[tuple[Cost, str]] = []
    left: Counter[str] = Counter()
    for number, line in enumerate(lines):
        field: dict[str, Any] = {k: v.strip() for k, v in line.items() if isinstance(v, str) and v.strip() and k in _COLUMNS}
        named = lexicon.name(field.get("architecture", ""))
        if named is None:
            left["unknown architecture"] += 1
            continue
        empty = {"unit": "image", "source": "", "locator": ""}
        try:
            row = Cost.model_validate({**empty, **field, "architecture": named[0], "id": f"foreign/{number}", "derived": ()})
        except ValueError:
            left["unreadable"] += 1
            continue
        if usable([row], knowledge.architectures):
            rows.append((row, named[1]))
        else:
            left["neither speed nor memory"] += 1
    return rows, dict(left)


_COLUMNS = set(Cost.model_fields) - {"id", "derived"}


def _sum(scores: Sequence[Score]) -> dict[str, Any]:
    """Counts, median and 90th percentile of the relative errors, and the share inside the interval."""
    out: dict[str, Any] = {}
    for what in ("time", "memory"):
        errors = [s.error for s in scores if s.what == what]
        out[f"{what}_rows"] = len(errors)
        out[f"{what}_median_relative_error"] = _round(np.median(errors)) if errors else None
        out[f"{what}_p90_relative_error"] = _round(np.quantile(errors, 0.9)) if errors else None
        inside = [s.inside for s in scores if s.what == what]
        out[f"{what}_coverage90"] = _round(np.mean(inside)) if inside else None
    out["coverage90"] = _round(np.mean([s.inside for s in scores])) if scores else None
    return out


def _round(value: Any) -> float:
    return round(float(value), 4)
