"""Losses, augmentations and layers against their definitions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models import losses
from models.augment import AUGMENTATIONS, augmentation
from models.parts import doublings, spectral


def images(n: int = 6, channels: int = 3) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(n, channels, 16, 16) * 2 - 1


def test_losses_agree_with_their_formulas() -> None:
    real, fake = torch.tensor([[0.3], [2.0]]), torch.tensor([[-0.5], [1.5]])
    d = torch.sigmoid
    assert losses.logistic_d(real, fake) == pytest.approx(float(-(d(real).log().mean() + (1 - d(fake)).log().mean())))
    assert losses.non_saturating_g(fake) == pytest.approx(float(-d(fake).log().mean()))
    assert losses.minimax_g(fake) == pytest.approx(float((1 - d(fake)).log().mean()))
    assert losses.hinge_d(real, fake) == pytest.approx((0.7 + 0) / 2 + (0.5 + 2.5) / 2)
    assert losses.wasserstein_d(real, fake) == pytest.approx(0.5 - 1.15)
    assert losses.linear_g(fake) == pytest.approx(-0.5)


def test_penalties_of_a_linear_critic_are_known() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(48, 1, bias=False))
    nn.init.constant_(critic[1].weight, 0.5)  # a slope of 0.5 sqrt(48) everywhere
    real, fake = torch.rand(4, 3, 4, 4), torch.rand(4, 3, 4, 4)
    assert losses.gradient_penalty(critic, real, fake).item() == pytest.approx((0.5 * 48**0.5 - 1) ** 2, rel=1e-5)
    assert losses.r1(critic, real).item() == pytest.approx(0.5 * 0.25 * 48, rel=1e-5)


def test_a_critic_that_is_flat_at_a_sample_still_has_a_gradient_of_its_penalty() -> None:
    flat = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    nn.init.constant_(flat[0].bias, -100.0)  # type: ignore[arg-type]
    penalty = losses.gradient_penalty(flat, torch.rand(5, 3), torch.rand(5, 3))
    penalty.backward()
    assert penalty.item() == 1.0 and all(p.grad is None or p.grad.isfinite().all() for p in flat.parameters())


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_augmentations_keep_the_shape_change_the_image_and_pass_gradients(name: str) -> None:
    x = images(32).requires_grad_()
    y = augmentation((name,))(x)
    assert y.shape == x.shape
    assert not torch.equal(x, y)
    (slope,) = torch.autograd.grad(y.square().sum(), x)
    assert slope.abs().sum() > 0


def test_a_translation_moves_the_whole_image_by_at_most_an_eighth() -> None:
    x = torch.zeros(50, 1, 16, 16)
    x[:, :, 8, 8] = 1
    y = augmentation(("translation",))(x)
    places = y.flatten(1).argmax(1)
    offsets = torch.stack([places // 16 - 8, places % 16 - 8])
    assert torch.equal(y.sum((1, 2, 3)), torch.ones(50))
    assert offsets.abs().max() == 2
    assert len(offsets.unique(dim=1).T) > 10


def test_spectral_normalisation_bounds_the_slope() -> None:
    torch.manual_seed(0)
    layer = spectral(nn.Sequential(nn.Linear(20, 30, bias=False)))[0]
    for _ in range(20):
        layer(torch.randn(2, 20))
    assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("resolution", [4, 12, 33, 0])
def test_a_resolution_that_does_not_double_from_four_is_refused(resolution: int) -> None:
    with pytest.raises(ValueError, match=r"recipe\.resolution"):
        doublings(resolution)
