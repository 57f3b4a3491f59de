"""FID, precision, recall, density and coverage against closed forms and against other libraries; Inception against its tables."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.neighbors import NearestNeighbors

from models import metrics
from models.data.dataset import BadData
from models.metrics import manifold
from models.metrics.frechet import FidEffLite0, frechet
from models.metrics.inception import WEIGHTS, Inception
from models.metrics.manifold import coverage, density, precision, recall
from tests.models import tiny

CPU = torch.device("cpu")


def features(n: int, seed: int, shift: float = 0.0, dims: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1, (n, dims))


def test_fid_is_the_formula_of_the_paper_with_a_matrix_root() -> None:
    a, b = features(60, 0), features(50, 1, 0.5) @ np.diag(np.linspace(0.5, 2, 8))
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * np.real(sqrtm(cov_a @ cov_b)))
    assert frechet(a, b) == pytest.approx(expected)
    assert frechet(b, a) == pytest.approx(expected)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_fid_of_two_gaussians_is_known_in_closed_form() -> None:
    a, b = features(200_000, 0, dims=3), 2 * features(200_000, 1, dims=3) + 1
    assert frechet(a, b) == pytest.approx(3 * (1 + (2 - 1) ** 2), rel=0.02)


def test_fid_needs_no_more_samples_than_features() -> None:
    """Covariances without full rank: features that repeat themselves change nothing but the scale."""
    a, b = features(20, 0), features(20, 1, 0.3)
    assert frechet(np.tile(a, 5), np.tile(b, 5)) == pytest.approx(5 * frechet(a, b))


def test_fid_of_few_samples_is_biased_upwards_which_is_why_the_number_is_in_its_name() -> None:
    few, many = (np.mean([frechet(features(n, i), features(n, 100 + i)) for i in range(10)]) for n in (30, 300))
    assert few > 5 * many > 0


class Fid250(FidEffLite0):
    name = "fid250_efflite0_112"
    count = 250


def test_fid_on_images_orders_worse_and_worse_sets_within_its_intervals() -> None:
    metric = Fid250(tiny.digits(8, 1), 250, CPU)
    real = metric_images(250, 250)
    noise = torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    good, bad = (metric(iter([images])) for images in (real, real + 0.4 * noise))
    assert metric.floor == pytest.approx(good.value)
    assert good.low <= good.value <= good.high < bad.low <= bad.value
    assert np.mean(good.replicates) == pytest.approx(good.value)


def metric_images(start: int, n: int) -> torch.Tensor:
    data = tiny.digits(8, 1)
    return data.cast(data.fields["image"][start : start + n])


def test_a_figure_of_two_thousand_is_given_of_two_thousand_only() -> None:
    with pytest.raises(ValueError, match="metric_samples must be that"):
        metrics.load("fid2k_efflite0_112", tiny.digits(8, 1), 500, CPU)
    with pytest.raises(BadData, match="needs 2000 training samples"):
        metrics.load("fid2k_efflite0_112", tiny.digits(8, 1), 2000, CPU)
    few = dataclasses.replace(tiny.digits(8, 1), reference={"image": tiny.digits(8, 1).reference["image"][:100]})
    for name in (f"{which}_efflite0_112" for which in manifold.FIGURES):
        with pytest.raises(BadData, match="needs 250 samples, here are 100"):
            metrics.load(name, few, 500, CPU)


def test_all_four_shares_agree_with_the_neighbours_of_another_library() -> None:
    real, fake = features(120, 0), features(90, 1, 0.8)

    def balls(x: np.ndarray, k: int) -> np.ndarray:
        return NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x)[0][:, k]

    apart = np.linalg.norm(fake[:, None] - real, axis=2)
    three, five, fakes = balls(real, 3), balls(real, 5), balls(fake, 3)
    assert 0.1 < precision(fake, real).mean() < 0.95
    assert np.array_equal(precision(fake, real), [any(apart[i] <= three) for i in range(90)])
    assert np.array_equal(recall(fake, real), [any(apart[:, j] <= fakes) for j in range(120)])
    assert np.allclose(density(fake, real), [sum(apart[i] <= five) / 5 for i in range(90)])
    assert np.array_equal(coverage(fake, real), [min(apart[:, j]) <= five[j] for j in range(120)])


def test_density_and_coverage_of_the_real_distribution_are_what_the_paper_derives() -> None:
    """arXiv:2002.09797 section 3.2: density 1 and coverage 1 - (N-1)...(N-k) / (2N-1)...(2N-k) for as many real as fake."""
    n, k = 200, 5
    pairs = [(features(n, 2 * i), features(n, 2 * i + 1)) for i in range(20)]
    expected = 1 - np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)])
    assert np.mean([density(a, b) for a, b in pairs]) == pytest.approx(1, abs=0.04)
    assert np.mean([coverage(a, b) for a, b in pairs]) == pytest.approx(expected, abs=0.01)


def test_precision_falls_outside_and_recall_falls_when_modes_are_missing() -> None:
    real = np.concatenate([features(100, 0), features(100, 1, 8.0)])
    assert precision(features(200, 2, 30.0), real).mean() == recall(features(200, 2, 30.0), real).mean() == 0
    one = features(200, 3)
    assert precision(one, real).mean() > 0.8
    assert 0.3 < recall(one, real).mean() < 0.6
    assert coverage(one, real).mean() < 0.6


def test_each_share_has_an_interval_and_names_the_others() -> None:
    metric = metrics.load("recall_k3_efflite0_112", tiny.digits(8, 1), 250, CPU)
    assert metric is not None
    half = metric(iter([metric_images(250, 125).repeat(2, 1, 1, 1)]))
    assert half.low < half.value < half.high
    assert metric.floor is not None
    assert half.value < metric.floor <= 1
    assert set(half.beside) == {"precision_k3_efflite0_112", "density_k5_efflite0_112", "coverage_k5_efflite0_112"}


def test_inception_has_the_parameters_of_the_published_network() -> None:
    with torch.device("meta"):
        network = Inception()
    whole, auxiliary, classifier = 27_161_264, 3_326_696, 1000 * 2049
    assert sum(p.numel() for p in network.parameters()) == whole - auxiliary - classifier
    assert network.layers.Mixed_7c.outputs == 2048


def test_inception_gives_2048_numbers_and_reads_its_weights_by_their_published_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Inception()
    assert network.of([torch.zeros(1, 1, 32, 32, dtype=torch.uint8)]).shape == (1, 2048)
    names = set(network.layers.state_dict())
    assert {
        "Conv2d_1a_3x3.conv.weight",
        "Mixed_6c.branch7x7dbl_5.bn.running_var",
        "Mixed_7c.branch3x3dbl_3b.conv.weight",
    } <= names
    assert not any(name.startswith(("chains", "pool")) for name in names)
    path = tmp_path / "checkpoints" / WEIGHTS
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match="nothing is downloaded"):
        metrics.load("kid_inception", tiny.digits(8, 1), 250, CPU)
    path.parent.mkdir()
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        metrics.load("kid_inception", tiny.digits(8, 1), 250, CPU)
