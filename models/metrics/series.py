"""Can a classifier tell generated series from held-out ones, and do forecasts learnt from generated ones serve for real ones?

The two scores of TimeGAN (NeurIPS 2019, section 5), with extremely randomised trees of scikit-learn in place of its networks: these
are trained to their end in a second, so that the figure does not depend on how long.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.metrics.measured import Measured

LEAST = 100
"""Of either side: the standard error of an accuracy is then 0.035."""
MOST = 5000
TREES = 100
LAGS = 8
"""Steps that a forecast sees."""
PLACES = 4
"""Forecasts of one window."""
REPLICATES = 100


class _Scored:
    name: str
    direction = "min"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        whole = dataset.reference["series"].numpy()
        self.samples = min(samples, len(whole), MOST)
        if self.samples < LEAST:
            raise BadData(f"{self.name} needs {LEAST} held-out windows, here are {self.samples}; `metric: none` trains without")
        self._real = whole[np.linspace(0, len(whole) - 1, self.samples).round().astype(int)]
        seen = dataset.fields["series"][: self.samples].numpy() if dataset.reference_held_out else whole[:0]
        self.floor = self.measured(seen)[0] if len(seen) >= LEAST else None

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        fake = np.concatenate([batch.float().cpu().numpy() for batch in batches])
        value, replicates = self.measured(fake)
        return Measured.of(value, replicates, self.beside(fake))

    def measured(self, fake: np.ndarray) -> tuple[float, np.ndarray]:
        raise NotImplementedError

    def beside(self, fake: np.ndarray) -> dict[str, float]:
        return {}


class Discriminative(_Scored):
    """|accuracy - 0.5| of trees that tell generated from held-out windows: 0 is best, 0.5 the worst.

    Each half of both is judged by trees grown on the other half; halves of the real ones are stretches of time, or series, so that
    windows which overlap are never on both sides. Windows are resampled one by one, so where they overlap the interval is too narrow.
    It says who is near the real ones; a generator that is far from them, or half trained, gets 0.5 whatever it makes. Beside: the
    predictive score. Raises BadData below 100 windows.
    """

    name = "discriminative_trees"

    def measured(self, fake: np.ndarray) -> tuple[float, np.ndarray]:
        told = _told(fake, self._real)
        rng = np.random.default_rng(0)
        shares = [rng.multinomial(len(x), np.full(len(x), 1 / len(x)), size=REPLICATES) @ x / len(x) for x in told]
        replicates: np.ndarray = abs((shares[0] + shares[1]) / 2 - 0.5)
        return _off(told), replicates

    def beside(self, fake: np.ndarray) -> dict[str, float]:
        return {Predictive.name: float(_errors(fake, self._real).mean())}


class Predictive(_Scored):
    """Mean absolute error of the next step in held-out windows, forecast by trees grown on generated ones alone (train on synthetic,
    test on real), as a share of the range of the data. It grows with every departure: noise, wrong dynamics, levels and modes that
    are missing, and does not end where a classifier is sure. Beside: the discriminative score. Raises BadData below 100 windows."""

    name = "predictive_trees_mae"

    def measured(self, fake: np.ndarray) -> tuple[float, np.ndarray]:
        errors = _errors(fake, self._real)
        draws = np.random.default_rng(0).multinomial(len(errors), np.full(len(errors), 1 / len(errors)), size=REPLICATES)
        return float(errors.mean()), draws @ errors / len(errors)

    def beside(self, fake: np.ndarray) -> dict[str, float]:
        return {Discriminative.name: _off(_told(fake, self._real))}


def described(series: np.ndarray) -> np.ndarray:
    """N x T x C -> N x features: the values, their steps, and of each channel mean, deviation, least, greatest and mean step."""
    steps = np.diff(series, axis=1)
    of = (series.mean(1), series.std(1), series.min(1), series.max(1), abs(steps).mean(1))
    return np.concatenate((series.reshape(len(series), -1), steps.reshape(len(series), -1), *of), 1)


def _told(fake: np.ndarray, real: np.ndarray) -> list[np.ndarray]:
    """Of each real and each generated window whether it was told rightly, 0 or 1."""
    halves = np.array_split(described(real), 2), np.array_split(described(fake), 2)
    right: list[list[np.ndarray]] = [[], []]
    for here in (0, 1):
        trees = ExtraTreesClassifier(TREES, min_samples_leaf=2, n_jobs=1, random_state=0)
        trees.fit(np.concatenate([half[here] for half in halves]), _labels(*(half[here] for half in halves)))
        for each, half, label in zip(right, halves, (1, 0), strict=True):
            each.append(trees.predict(half[1 - here]) == label)
    return [np.concatenate(each).astype(float) for each in right]


def _off(told: list[np.ndarray]) -> float:
    """|accuracy - 0.5|, real and generated ones counting the same."""
    return abs(float(told[0].mean() + told[1].mean()) / 2 - 0.5)


def _labels(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    return np.concatenate((np.ones(len(real)), np.zeros(len(fake))))


def _errors(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Mean absolute error in each real window."""
    trees = ExtraTreesRegressor(TREES // 2, min_samples_leaf=3, n_jobs=1, random_state=0)
    given, wanted = _forecasts(fake)
    trees.fit(given, wanted[:, 0] if wanted.shape[1] == 1 else wanted)
    given, wanted = _forecasts(real)
    off = abs(trees.predict(given).reshape(wanted.shape) - wanted).mean(1)
    errors: np.ndarray = off.reshape(PLACES, len(real)).mean(0)
    return errors


def _forecasts(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last steps before PLACES places of each window, and the step there; place by place."""
    length = series.shape[1]
    lags = min(LAGS, length - 1)
    places = np.linspace(lags, length - 1, PLACES).round().astype(int)
    given = np.concatenate([series[:, at - lags : at].reshape(len(series), -1) for at in places])
    return given, np.concatenate([series[:, at] for at in places])
