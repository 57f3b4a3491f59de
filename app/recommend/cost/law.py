"""A log-linear Gaussian law: y is a sum of effects, each N(mean, sd^2) a priori, plus what one publication would not repeat.

    y = sum of factor x effect  +  publication + publication's configuration + noise of this kind of evidence

Closed form: with k the covariance of a case with the rows and K that of the rows, mean = m + k K^-1 (y - m),
variance = v - k K^-1 k. A prediction is linear in y, so the weights of the rows are its explanation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import scipy

from app.recommend.cost.cases import Case, work_of
from app.recommend.linear import Array, Index

Term = tuple[str, object, float]
"""Name of an effect, its label, the factor it is multiplied by."""
NARROW = 0.6
"""Factor on the variance left of the effects where the architecture has rows of its own: it brings the share of figures inside
the 90 % interval, over publications left out, from 98 % to the 90 % it promises."""
FLOOR = 0.02
"""Standard deviation below which no published figure is exact: two significant digits."""


class Terms(Protocol):
    def __call__(self, case: Case) -> list[Term]: ...


@dataclass(frozen=True)
class Prior:
    """Standard deviations, and means where they are not 0, of the effects; of what one publication repeats; of the noise."""

    effects: Mapping[str, float]
    means: Mapping[str, float]
    publication: Mapping[str, float]
    noise: Mapping[str, float]


class Rows:
    """Published rows as arrays, from which any subset can be fitted."""

    def __init__(self, cases: Sequence[Case], y: Array, terms: Terms, prior: Prior) -> None:
        self.cases, self.y, self.terms, self.prior = cases, y, terms, prior
        self.column: dict[tuple[str, object], int] = {}
        named = [terms(case) for case in cases]
        for row in named:
            for name, label, _ in row:
                self.column.setdefault((name, label), len(self.column))
        self.names = [name for name, _ in self.column]
        self.z = np.zeros((len(cases), len(self.column)))
        for i, row in enumerate(named):
            for name, label, factor in row:
                self.z[i, self.column[name, label]] += factor
        keys = [_publication(case) for case in cases]
        self.same = {name: _same([key.get(name) for key in keys]) for name in prior.publication}
        self.kinds = [case.evidence for case in cases]

    @cached_property
    def variance(self) -> Array:
        """Prior variance of every effect."""
        return np.array([self.prior.effects[name] ** 2 for name in self.names])

    @cached_property
    def expected(self) -> Array:
        """What the prior alone says of every row."""
        means: Array = self.z @ np.array([self.prior.means.get(name, 0.0) for name in self.names])
        return means

    @cached_property
    def reach(self) -> Array:
        """Covariance of every effect with every row, (effects, rows)."""
        reach: Array = self.variance[:, None] * self.z.T
        return reach

    @cached_property
    def covariance(self) -> Array:
        """Of the rows, noise included."""
        noise = [self.prior.noise.get(kind, max(self.prior.noise.values())) ** 2 + FLOOR**2 for kind in self.kinds]
        shared = sum(self.prior.publication[name] ** 2 * same for name, same in self.same.items())
        whole: Array = self.z @ self.reach + np.diag(noise) + shared
        return whole

    @cached_property
    def inverse(self) -> Array:
        """Of the covariance of all rows."""
        inverse: Array = scipy.linalg.inv(self.covariance) if len(self.y) else np.zeros((0, 0))
        return inverse

    def inverse_of(self, kept: Index) -> Array:
        """Of the covariance of the rows kept, from that of all where few are left out."""
        out = np.setdiff1d(np.arange(len(self.y)), kept)
        if 2 * len(out) > len(self.y):
            alone: Array = scipy.linalg.inv(self.covariance[np.ix_(kept, kept)]) if len(kept) else np.zeros((0, 0))
            return alone
        whole, across = self.inverse, self.inverse[np.ix_(kept, out)]
        less: Array = across @ scipy.linalg.solve(whole[np.ix_(out, out)], across.T, assume_a="pos")
        left: Array = whole[np.ix_(kept, kept)] - less
        return left

    def fit(self, kept: Index | None = None) -> Law:
        """The law of all rows, or of those kept."""
        return Law(self, np.arange(len(self.y)) if kept is None else kept)

    def likelihood(self) -> float:
        """Log marginal likelihood of the rows."""
        root = scipy.linalg.cholesky(self.covariance, lower=True)
        rest = scipy.linalg.solve_triangular(root, self.y - self.expected, lower=True)
        return float(-0.5 * rest @ rest - np.log(np.diag(root)).sum())


class Law:
    """The effects given the rows kept."""

    def __init__(self, rows: Rows, kept: Index) -> None:
        self.rows, self.kept = rows, kept
        self.inverse = rows.inverse_of(kept)
        self.rest: Array = (rows.y - rows.expected)[kept]
        self.reach: Array = np.ascontiguousarray(rows.reach[:, kept])

    @cached_property
    def architectures(self) -> frozenset[str]:
        """Those that have rows."""
        return frozenset(self.rows.cases[row].architecture for row in self.kept.tolist())

    @cached_property
    def _publications(self) -> dict[str, dict[object, Index]]:
        """By kind and label, the places of the rows of one publication."""
        found: dict[str, dict[object, list[int]]] = {name: {} for name in self.rows.prior.publication}
        for place, row in enumerate(self.kept.tolist()):
            for name, label in _publication(self.rows.cases[row]).items():
                found[name].setdefault(label, []).append(place)
        return {name: {label: np.array(p, np.intp) for label, p in of.items()} for name, of in found.items()}

    @cached_property
    def effects(self) -> Array:
        """Posterior mean of every effect, less its prior mean."""
        effects: Array = self.reach @ (self.inverse @ self.rest)
        return effects

    @cached_property
    def covariance(self) -> Array:
        """Posterior covariance of the effects."""
        covariance: Array = np.diag(self.rows.variance) - self.reach @ self.inverse @ self.reach.T
        return covariance

    def predict(self, case: Case) -> tuple[float, float, Array]:
        """Mean, standard deviation of one figure, and the weight of every row kept.

        A case with a source belongs to that publication and shares what is known of it; else it is a new one.
        """
        prior, column = self.rows.prior, self.rows.column
        factors: dict[int, float] = {}
        mean = variance = 0.0
        for name, label, factor in self.rows.terms(case):
            mean += prior.means.get(name, 0.0) * factor
            place = column.get((name, label))
            if place is None:
                variance += (prior.effects[name] * factor) ** 2
            elif factor:
                factors[place] = factors.get(place, 0.0) + factor
        places = np.fromiter(factors, np.intp, len(factors))
        by = np.fromiter(factors.values(), float, len(factors))
        known: Array = by @ self.reach[places]
        variance += float(by**2 @ self.rows.variance[places])
        for name, label in _publication(case).items():
            if case.source and (same := self._publications[name].get(label)) is not None:
                known[same] += prior.publication[name] ** 2
            variance += prior.publication[name] ** 2
        noise = prior.noise.get(case.evidence, max(prior.noise.values())) ** 2 + FLOOR**2
        weights: Array = self.inverse @ known
        left = max(variance - float(weights @ known), 0.0) * (NARROW if case.architecture in self.architectures else 1.0)
        return mean + float(weights @ self.rest), float(np.sqrt(left + noise)), weights


def _publication(case: Case) -> dict[str, object]:
    """The labels of what one publication repeats; none for a thread of users, whose noise counts all of it."""
    if "#" in case.source:
        return {}
    work = work_of(case.source)
    return {
        "publication": work,
        "architecture": (work, case.architecture),
        "resolution": (work, case.architecture, case.variant, case.resolution),
        "configuration": (work, case.architecture, case.config, case.resolution),
    }


def _same(labels: Sequence[object]) -> Array:
    codes = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    code = np.array([codes[label] for label in labels])
    there = np.array([label is not None for label in labels])
    same: Array = ((code[:, None] == code[None, :]) & there).astype(float)
    return same
