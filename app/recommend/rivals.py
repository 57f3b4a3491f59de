"""Methods that are no GANs and whose figures are better than those of every GAN they were measured with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.recommend.figures import Figures
from app.vocabulary import Advice, Architecture, Kind, TaskSlug

_NAMED, _FIGURES = 5, 3
"""Methods named for one task, and figures cited for each."""
_LEAST = 2
"""Yardsticks on which a method must be compared before it is named."""


@dataclass(frozen=True)
class Rival:
    """A method that is no GAN: on how many yardsticks of a task it meets GANs and on how many it beats all, by which figures."""

    name: str
    wins: int
    met: int
    figures: tuple[str, ...]
    source: str

    @property
    def share(self) -> float:
        """Of the yardsticks won, as if one more were won and one more lost: few say less than many."""
        return (self.wins + 1) / (self.met + 2)

    @cached_property
    def advice(self) -> Advice:
        """What an answer says of it."""
        text = f"{self.name} is not a GAN and beats every GAN it is measured with on {self.wins} of {self.met} yardsticks."
        return Advice(rule_id=None, benchmark_ids=self.figures, text=text, source=self.source)


def rivals_of(figures: Figures, architectures: Sequence[Architecture]) -> dict[TaskSlug, tuple[Rival, ...]]:
    """For every task the methods that beat every GAN on more than half of the yardsticks they share with one, the surest first."""
    cards = {a.slug: a for a in architectures}
    met: dict[tuple[TaskSlug, str], list[tuple[bool, int]]] = defaultdict(list)
    order = np.argsort(figures.cell, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(figures.cell[order])) + 1):
        best: dict[str, int] = {}
        for i in members:
            slug = figures.rows[i].architecture
            if slug in cards and (slug not in best or figures.x[i] > figures.x[best[slug]]):
                best[slug] = int(i)
        gans = [figures.x[i] for slug, i in best.items() if cards[slug].kind is Kind.GAN]
        for slug, i in best.items():
            if gans and cards[slug].kind is Kind.REFERENCE:
                met[figures.rows[i].task, slug].append((bool(figures.x[i] > max(gans)), i))
    found: dict[TaskSlug, list[Rival]] = defaultdict(list)
    for (task, slug), results in met.items():
        won = [i for win, i in results if win]
        if len(results) >= _LEAST and 2 * len(won) > len(results):
            ids = tuple(figures.rows[i].id for i in won[:_FIGURES])
            found[task].append(Rival(cards[slug].name, len(won), len(results), ids, figures.rows[won[0]].source))
    return {task: tuple(sorted(rivals, key=lambda r: (-r.share, r.name))[:_NAMED]) for task, rivals in found.items()}
