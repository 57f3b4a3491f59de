"""Figures against arithmetic done by hand, and against sets that are known to be worse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from models.metrics.kid import KidEffLite0, kid, replicates
from tests.models import tiny

CPU = torch.device("cpu")


def features(n: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (n, 8))


def test_kid_is_the_unbiased_mean_over_pairs() -> None:
    a, b = features(5, 0), features(4, 1)

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / 8 + 1) ** 3)

    within_a = np.mean([k(a[i], a[j]) for i in range(5) for j in range(5) if i != j])
    within_b = np.mean([k(b[i], b[j]) for i in range(4) for j in range(4) if i != j])
    across = np.mean([k(x, y) for x in a for y in b])
    assert kid(a, b) == pytest.approx(within_a + within_b - 2 * across)


def test_kid_of_one_distribution_is_zero_on_average_and_grows_with_the_shift() -> None:
    same = [kid(features(100, i), features(100, 1000 + i)) for i in range(40)]
    assert abs(np.mean(same)) < 2.5 * np.std(same) / len(same) ** 0.5
    assert kid(features(300, 0, 0.5), features(300, 1)) > kid(features(300, 0, 0.2), features(300, 1)) > 0


def test_replicates_surround_the_figure_and_pair_between_runs() -> None:
    real = features(300, 0)
    good, bad = features(300, 1, 0.25), features(300, 2, 0.35)
    one, two = replicates(good, real), replicates(bad, real)
    assert np.quantile(one, 0.025) < kid(good, real) < np.quantile(one, 0.975)
    assert np.array_equal(one, replicates(good, real))
    # The reference is resampled alike for both, so its noise cancels in the difference.
    assert (two - one).std() < np.hypot(one.std(), two.std())


def test_kid_on_images_orders_worse_and_worse_sets() -> None:
    data = tiny.digits(16, 1)
    metric = KidEffLite0(dataclasses.replace(data, reference={"image": data.reference["image"][:250]}), 250, CPU)
    real = data.cast(data.fields["image"][:250])
    noisy = torch.randn(real.shape, generator=torch.Generator().manual_seed(0))

    def batches(images: Tensor) -> Iterator[Tensor]:
        yield from images.split(100)

    figures = [metric(batches(images)) for images in (real, real + 0.3 * noisy, real + noisy)]
    assert [figure.value for figure in figures] == sorted(figure.value for figure in figures)
    assert metric.floor is not None
    assert figures[0].value == pytest.approx(metric.floor)
    assert figures[0].high < figures[1].low < figures[1].high < figures[2].low
    assert figures[0].beside["recall_k3_efflite0_112"] > 0.5 > figures[2].beside["recall_k3_efflite0_112"]
