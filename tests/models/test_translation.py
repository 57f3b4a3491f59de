"""Networks that are given an image: sizes, published counts of parameters, and whether they learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from models import translation
from models.game import Game
from tests.models import tiny


def count(build: Callable[[], nn.Module]) -> float:
    """Parameters in millions, without making any."""
    with torch.device("meta"):
        return sum(p.numel() for p in build().parameters()) / 1e6


@pytest.mark.parametrize(
    ("published", "build"),
    [
        (54.414, lambda: translation.UNet(256, 3, 3, 64)),  # pix2pix, as its authors' code prints it
        (2.769, lambda: translation.patch_discriminator(256, 6, 64)),
    ],
)
def test_the_published_setting_has_the_published_parameters(published: float, build: Callable[[], nn.Module]) -> None:
    assert count(build) == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize("architecture", ["pix2pix"])
@pytest.mark.parametrize(("resolution", "channels"), [(16, 3), (64, 1)])
def test_paired_networks_take_other_sizes(architecture: str, resolution: int, channels: int) -> None:
    one = tiny.recipe(architecture, dataset="photo-colours", resolution=resolution, channels=channels, batch_size=2)
    samples = tiny.pictures(tiny.through(tiny.game(one), 1), 2)
    assert samples.shape == (2, channels, resolution, resolution)
    assert samples.abs().max() <= 1


def by_heart(architecture: str, n: int, **fields: object) -> tuple[Game, Callable[[], float]]:
    """A game on n pairs that are also its reference, and the mean absolute error of what it makes of their inputs."""
    one = tiny.recipe(architecture, lr_g=2e-3, lr_d=2e-4, ema_half_life_kimg=0.05, batch_size=n, **fields)
    data = tiny.data(one)
    few = {name: values[:n] for name, values in data.fields.items()}
    game = tiny.game(one, dataclasses.replace(data, fields=few, reference=few))
    real = data.cast(few["target"])
    return game, lambda: (tiny.pictures(game, n) - real).abs().mean().item()


@pytest.mark.parametrize("architecture", ["pix2pix"])
def test_a_paired_network_learns_a_few_pairs_by_heart(architecture: str) -> None:
    game, error = by_heart(architecture, 4, resolution=16)
    before = error()
    tiny.moved(game, 100)
    assert error() < 0.2 * before


def test_the_discriminator_judges_the_pair_and_not_the_output_alone() -> None:
    game = tiny.game(tiny.recipe("pix2pix", options={"threads": 1, "l1": 0.0}))
    first = game.networks["discriminator"][0]
    assert isinstance(first, nn.Conv2d)
    assert first.in_channels == 2


def test_a_skip_carries_the_input_past_the_bottleneck() -> None:
    torch.manual_seed(0)
    network = translation.UNet(16, 1, 1, 8)
    x = torch.randn(1, 1, 16, 16)

    def made(seed: int, image: Tensor) -> Tensor:
        torch.manual_seed(seed)
        out: Tensor = network(image)
        return out

    moved = x.clone()
    moved[..., 3, 3] += 1
    apart = (made(1, x) - made(1, moved)).abs()[0, 0]
    assert apart[2:6, 2:6].mean() > 2 * apart[10:, 10:].mean()
    assert not torch.equal(made(1, x), made(2, x)), "dropout is the network's noise, also while sampling"


def test_an_option_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"options\.l1 must be a number"):
        tiny.game(tiny.recipe("pix2pix", options={"l1": "much"}))
