"""The evidence model: a figure's standing within its cell is a sum of effects, all Gaussian, all estimated at once.

    y = architecture + family (each on every task, and on this one) + family on this task by this metric
      + year and place in the line of succession (on every task, and on this one)
      + scarcity of samples x (architecture + family + year)                                       <- predicted
      + cell + what one publication did with one architecture, variant, data set or metric + noise <- not predicted

What is not predicted is independent between publications, so the algebra goes block by block and a fit costs the cube of the
number of effects. A prediction is linear in y: the weights of the figures are its explanation. The variances below maximise
the marginal likelihood of the shipped figures (`python -m benchmarks.advisor --likelihood`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

from app.recommend.designs import Design, Question, effects, is_own, nuisances, question_of
from app.recommend.figures import Figures, labels
from app.recommend.linear import Array, Index
from app.vocabulary import Architecture, Benchmark, Dataset

Variances = Mapping[str, float]
Label = tuple[str, tuple[str, ...]]

PRIOR: Variances = {
    "architecture": 0.018,
    "architecture task": 0.01,
    "family": 0.03,
    "family task": 0.072,
    "family task metric": 0.099,
    "year": 0.042,
    "year task": 0.011,
    "line": 0.052,
    "line task": 0.012,
    "architecture scarcity": 0.105,
    "family scarcity": 0.02,
    "year scarcity": 0.026,
}
"""Prior variance of each predicted effect."""
NUISANCE: Variances = {
    "cell": 10.0,
    "architecture": 0.008,
    "family": 0.066,
    "architecture dataset": 0.114,
    "architecture task metric": 0.059,
    "variant": 0.186,
    "variant dataset": 0.034,
    "own": 0.037,
    "noise": 0.151,
}
"""Variance, within one publication, of what another would not repeat; `cell` takes the level out, `own` is flattery."""
TREND = 0.7
"""By how much a new publication finds designs of three years later better, beyond what the effects say. Chosen by backtest over
publications left out: 0.5 to 1.5 do alike, 0 clearly worse. A fit cannot see it: no publication repeats the old comparisons."""
FIGURE_VARIANCE = sum(v for k, v in NUISANCE.items() if k != "cell")
"""By how much one new figure scatters around its prediction, in squared spreads of its cell."""


@dataclass(frozen=True)
class Block:
    """One publication's part of the normal equations, over the effects it touches."""

    columns: Index
    gram: Array
    whitened: Array
    log_det: float
    noise_root: Array


@dataclass
class Layout:
    """Effects and nuisances of a fixed sequence of figures, of which any subset can be fitted; blocks are kept for reuse."""

    rows: Sequence[Benchmark]
    designs: Mapping[str, Design]
    architectures: Mapping[str, Architecture]
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    prior: Variances = field(default_factory=lambda: PRIOR)
    nuisance: Variances = field(default_factory=lambda: NUISANCE)
    blocks: dict[tuple[int, bytes], Block] = field(default_factory=dict)

    def pair(self, row: Benchmark) -> tuple[Design, Question]:
        """The design of a figure, and what it was measured on."""
        return self.designs[row.architecture], question_of(row, self.datasets)

    @cached_property
    def column(self) -> dict[Label, int]:
        """The effects that figures touch, each with its place."""
        found: dict[Label, int] = {}
        for row in self.rows:
            for term, label, factor in effects(*self.pair(row)):
                if factor:
                    found.setdefault((term, label), len(found))
        return found

    @cached_property
    def variance(self) -> Array:
        """Prior variance of each effect in `column`."""
        return np.array([self.prior[term] for term, _ in self.column])

    @cached_property
    def trend(self) -> NDArray[np.bool_]:
        """Which effects are of year and line: what is expected of any design so recent, whatever its own figures."""
        return np.array([term.startswith(("year", "line")) for term, _ in self.column], bool)

    @cached_property
    def z(self) -> scipy.sparse.csr_matrix:
        """Figures by effects."""
        return self.features([self.pair(row) for row in self.rows])[0]

    @cached_property
    def codes(self) -> dict[str, Index]:
        """Label of each figure in each nuisance but `own`, where -1 is does not apply."""
        names = [nuisances(self.designs[r.architecture], r) for r in self.rows]
        codes = {term: labels(name[term] for name in names)[1] for term in (names[0] if names else {})}
        own = [is_own(r, self.architectures.get(r.architecture)) for r in self.rows]
        return codes | {"own": np.where(own, 0, -1)}

    def features(self, pairs: Sequence[tuple[Design, Question]]) -> tuple[scipy.sparse.csr_matrix, Array]:
        """Rows over the effects for (design, case) pairs, and the variance of effects that no figure touches."""
        rows, columns, values = [], [], []
        unseen = np.zeros(len(pairs))
        for i, (design, case) in enumerate(pairs):
            for term, label, factor in effects(design, case):
                column = self.column.get((term, label))
                if column is None:
                    unseen[i] += self.prior[term] * factor**2
                elif factor:
                    rows.append(i)
                    columns.append(column)
                    values.append(factor)
        return scipy.sparse.csr_matrix((values, (rows, columns)), shape=(len(pairs), len(self.column))), unseen

    def block(self, publication: int, rows: Index, cell: Index) -> Block:
        """The block of one publication, of which only `rows` are known."""
        key = (publication, rows.tobytes())
        if key not in self.blocks:
            noise = self.nuisance["cell"] * _same(cell)
            for term, code in self.codes.items():
                mine = code[rows]
                noise += self.nuisance[term] * (_same(mine) * (mine >= 0))
            noise[np.diag_indices(len(rows))] += self.nuisance["noise"]
            root = scipy.linalg.cholesky(noise, lower=True, check_finite=False)
            part = self.z[rows].tocsc()
            columns = np.flatnonzero(np.diff(part.indptr))
            dense = part[:, columns].toarray()
            whitened = scipy.linalg.cho_solve((root, True), dense, check_finite=False)
            log_det = 2 * float(np.log(np.diag(root)).sum())
            self.blocks[key] = Block(columns, dense.T @ whitened, whitened.T, log_det, root)
        return self.blocks[key]

    def fit(self, figures: Figures) -> Posterior:
        """The posterior of all effects, given those of the figures that have company in their cell."""
        precision = np.diag(1.0 / self.variance)
        right = np.zeros(len(self.column))
        log_det, square = float(np.log(self.variance).sum()), 0.0
        parts: list[tuple[Index, Block]] = []
        order = np.argsort(figures.publication, kind="stable")
        cuts = np.flatnonzero(np.diff(figures.publication[order])) + 1
        for here in np.split(order, cuts) if len(order) else []:
            block = self.block(int(figures.publication[here[0]]), figures.index[here], figures.cell[here])
            y = figures.y[here]
            precision[np.ix_(block.columns, block.columns)] += block.gram
            right[block.columns] += block.whitened @ y
            log_det += block.log_det
            square += float(y @ scipy.linalg.cho_solve((block.noise_root, True), y, check_finite=False))
            parts.append((here, block))
        root = scipy.linalg.cholesky(precision, lower=True, check_finite=False, overwrite_a=True)
        mean = scipy.linalg.cho_solve((root, True), right, check_finite=False)
        log_det += 2 * float(np.log(np.diag(root)).sum())
        likelihood = -0.5 * (square - float(right @ mean) + log_det) - float(np.log(figures.spread).sum())
        return Posterior(self, mean, root, parts, len(figures.rows), likelihood)


@dataclass
class Posterior:
    """The effects given the figures."""

    layout: Layout
    mean: Array
    root: Array
    parts: list[tuple[Index, Block]]
    count: int
    log_likelihood: float

    @cached_property
    def covariance(self) -> Array:
        """Covariance of the effects, (p, p)."""
        inverse, _ = scipy.linalg.lapack.dpotri(self.root, lower=1)
        whole: Array = np.tril(inverse) + np.tril(inverse, -1).T
        return whole

    @cached_property
    def influence(self) -> scipy.sparse.csr_matrix:
        """Effects by figures: what each y adds to the right-hand side of the normal equations."""
        rows = [np.repeat(b.columns, len(here)) for here, b in self.parts]
        columns = [np.tile(here, len(b.columns)) for here, b in self.parts]
        values = [b.whitened.ravel() for _, b in self.parts]
        shape = (len(self.mean), self.count)
        if not self.parts:
            return scipy.sparse.csr_matrix(shape)
        return scipy.sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)

    def predict(self, pairs: Sequence[tuple[Design, Question]]) -> tuple[Array, Array]:
        """Mean (q,) and variance (q,) of the standing of each pair in a new publication, its scatter not counted."""
        phi, unseen = self.layout.features(pairs)
        half = scipy.linalg.solve_triangular(self.root, phi.toarray().T, lower=True, check_finite=False)
        trend = TREND * np.array([design.year for design, _ in pairs])
        return phi @ self.mean + trend, (half**2).sum(axis=0) + unseen


def _same(code: Index) -> Array:
    same: Array = (code[:, None] == code[None, :]).astype(float)
    return same
