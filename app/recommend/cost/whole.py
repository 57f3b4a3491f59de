"""Whole trainings as published: GPU-hours of every row and figure that states them, and the law fitted to these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.recommend.cost.cases import Case, Lexicon, work_of
from app.recommend.cost.law import Law, Rows
from app.recommend.cost.terms import hours_rows
from app.vocabulary import Architecture, Knowledge


@dataclass(frozen=True)
class Whole:
    """The law of whole trainings, and its sources by design and by family."""

    law: Law
    by_slug: Mapping[str, tuple[str, ...]]
    by_family: Mapping[str, tuple[str, ...]]

    def sources(self, card: Architecture) -> tuple[str, ...]:
        """Those of a design, else of its family; none where nobody has published how long either takes."""
        return self.by_slug.get(card.slug) or self.by_family.get(card.family, ())

    def log_hours(self, case: Case) -> tuple[float, float]:
        """Natural log of the GPU-hours in a new publication, and the standard deviation of a figure."""
        mean, sd, _ = self.law.predict(replace(case, source="", evidence="asked"))
        return mean, sd


def fit_whole(knowledge: Knowledge, lexicon: Lexicon) -> Whole:
    """The law over every training of a known design whose hours are stated, or follow from its speed and length."""
    found = whole_trainings(knowledge, lexicon)
    by_slug: dict[str, dict[str, None]] = defaultdict(dict)
    by_family: dict[str, dict[str, None]] = defaultdict(dict)
    for case, _ in found:
        by_slug[case.architecture][case.source] = by_family[case.family][case.source] = None
    return Whole(hours_of(found).fit(), {k: tuple(v) for k, v in by_slug.items()}, {k: tuple(v) for k, v in by_family.items()})


def hours_of(found: Sequence[tuple[Case, float]]) -> Rows:
    """Trainings as rows of their law; all that one repository or paper says is one publication."""
    return hours_rows([replace(case, source=work_of(case.source)) for case, _ in found], [hours for _, hours in found])


def whole_trainings(knowledge: Knowledge, lexicon: Lexicon) -> list[tuple[Case, float]]:
    """Every such training: its case, and the hours of all GPUs together."""
    found = []
    for row in knowledge.costs:
        total = row.gpu_hours_total or (row.wall_hours_total and row.wall_hours_total * (row.gpus or 1))
        if not total and row.sec_per_kimg and row.train_kimg_total:
            total = row.sec_per_kimg * row.train_kimg_total * (row.gpus or 1) / 3600
        if total and row.architecture in knowledge.architectures:
            found.append((replace(lexicon.case(row), evidence="published"), total))
    for figure in knowledge.benchmarks:
        card = knowledge.architectures.get(figure.architecture)
        if figure.gpu_hours and card:
            case = lexicon.of(card, resolution=figure.resolution)
            gpu = lexicon.gpu(figure.gpu_type)
            case = replace(case, gpu=gpu, gpu_name=figure.gpu_type or "", source=figure.source, evidence="published")
            found.append((case, figure.gpu_hours))
    return found
