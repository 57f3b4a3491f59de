"""PSNR, SSIM and the perceptual distance: against sums by hand, against scikit-image, and on what is known to be worse."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from models import metrics
from models.data.dataset import BadData
from models.metrics.paired import LEAST, LpipsLike, means, psnr, ssim
from tests.models import tiny

CPU = torch.device("cpu")


def noisy() -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    b = np.clip(a.astype(int) + rng.integers(-40, 41, a.shape), 0, 255)
    one, two = (torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1)[None] for x in (a, b))
    return one, two


def test_psnr_and_ssim_are_those_of_scikit_image() -> None:
    # scikit-image 0.25: structural_similarity with gaussian_weights, sigma 1.5, use_sample_covariance False, data_range 255.
    assert psnr(*noisy()).item() == pytest.approx(21.368149, abs=1e-4)
    assert ssim(*noisy()).item() == pytest.approx(0.958239, abs=1e-4)


def test_psnr_and_ssim_of_flat_images_are_those_of_the_formula() -> None:
    a, b = torch.full((1, 1, 16, 16), 100.0), torch.full((1, 1, 16, 16), 110.0)
    assert psnr(a, b).item() == pytest.approx(10 * math.log10(255**2 / 100))
    c1 = (0.01 * 255) ** 2
    assert ssim(a, b).item() == pytest.approx((2 * 100 * 110 + c1) / (100**2 + 110**2 + c1), abs=1e-5)
    assert (psnr(a, a).item(), ssim(a, a).item()) == (60, pytest.approx(1))


def test_the_mean_of_resamples_is_drawn_alike_for_every_run() -> None:
    each = np.random.default_rng(1).normal(3, 1, 400)
    values = means(each)
    assert values.mean() == pytest.approx(each.mean(), abs=0.02)
    assert values.std() == pytest.approx(each.std() / 20, rel=0.25)
    assert np.allclose(means(each + 0.5) - values, 0.5), "the difference of two runs has no noise of resampling"


def test_the_perceptual_distance_grows_with_blur_and_noise_and_is_zero_for_equal_images() -> None:
    data = tiny.data(tiny.recipe("pix2pix", dataset="photo-colours", resolution=32, channels=3))
    metric = LpipsLike(data, LEAST, CPU)
    real = data.cast(data.reference["target"][:LEAST])

    def blurred(by: int) -> Tensor:
        return interpolate(avg_pool2d(real, by), real.shape[-2:], mode="bicubic")

    noise = torch.randn(real.shape, generator=torch.Generator().manual_seed(0))
    found = {name: metric([x]) for name, x in {"same": real, "2": blurred(2), "4": blurred(4), "n": real + noise}.items()}
    assert found["same"].value == pytest.approx(0, abs=1e-6)
    assert found["2"].value < found["4"].value < found["n"].value
    assert found["4"].low < found["4"].value < found["4"].high
    assert found["same"].beside == {"psnr": 60, "ssim": pytest.approx(1)}
    assert set(found["2"].beside) == {"psnr", "ssim"}


def test_below_fifty_pairs_or_eleven_pixels_no_figure_is_given() -> None:
    data = tiny.data(tiny.recipe("pix2pix"))
    few = dataclasses.replace(data, reference={name: values[:49] for name, values in data.reference.items()})
    with pytest.raises(BadData, match="needs 50 pairs"):
        metrics.load("psnr", few, 500, CPU)
    with pytest.raises(BadData, match="11 pixels"):
        metrics.load("ssim", data, 500, CPU)
    with pytest.raises(ValueError, match="is for image-pair"):
        metrics.load("psnr", tiny.digits(8, 1), 500, CPU)


def test_a_wrong_order_of_outputs_is_seen() -> None:
    data = tiny.data(tiny.recipe("pix2pix", resolution=16))
    metric = metrics.load("psnr", data, LEAST, CPU)
    assert metric is not None
    real = data.cast(data.reference["target"][:LEAST])
    parts = list(real.split(30))
    assert metric(parts).value == 60
    assert metric([real.flip(0)]).value < 15
