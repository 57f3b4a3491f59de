"""Networks that are given an image: sizes, published counts of parameters, and whether they learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from models import translation
from models.baselines.smooth_fill import fill
from models.data import load
from models.data.dataset import BadData
from models.game import Game
from models.networks.esrgan import RrdbNet
from models.networks.lama import LamaNet
from models.networks.srgan import SrResNet
from models.perceptual import Content
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
        (1.55, lambda: SrResNet(3, 64, 16, 4)),
        (16.698, lambda: RrdbNet(3, 64, 23, 4)),
        (27.0, lambda: LamaNet(256, 3, 64, 9)),  # the base model of table 1; 18 blocks are the 51 M of "Big LaMa"
        (51.0, lambda: LamaNet(256, 3, 64, 18)),
    ],
)
def test_the_published_setting_has_the_published_parameters(published: float, build: Callable[[], nn.Module]) -> None:
    assert count(build) == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize("architecture", ["pix2pix", "srgan", "esrgan", "lama"])
@pytest.mark.parametrize(("resolution", "channels"), [(8, 3), (64, 1)])
def test_paired_networks_take_other_sizes(architecture: str, resolution: int, channels: int) -> None:
    one = tiny.recipe(architecture, resolution=resolution, channels=channels, batch_size=2)
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


@pytest.mark.parametrize(("architecture", "part"), [("pix2pix", 0.4), ("srgan", 0.5), ("esrgan", 0.75), ("lama", 0.6)])
def test_a_paired_network_learns_a_few_pairs_by_heart(architecture: str, part: float) -> None:
    game, error = by_heart(architecture, 4, resolution=16)
    before = error()
    tiny.through(game, 50)
    assert error() < part * before


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


def test_the_perceptual_loss_is_zero_for_equal_images_grows_with_blur_and_has_a_gradient() -> None:
    data = tiny.data(tiny.recipe("srgan"))
    real = data.cast(data.reference["target"][:8])
    content = Content()
    blurred = [torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(real, by), 16, mode="bilinear") for by in (2, 4)]
    little, much = (content(image, real).item() for image in blurred)
    assert content(real, real).item() == 0
    assert 0 < little < much
    made = blurred[0].requires_grad_()
    content(made, real).backward()
    assert made.grad is not None and made.grad.abs().sum() > 0


def test_an_inpainted_sample_keeps_every_known_pixel_and_lama_sees_across_the_image() -> None:
    game = tiny.through(tiny.game(tiny.recipe("lama")), 1)
    given = game.dataset.given(0, 6, game.device)
    made = tiny.pictures(game, 6)
    assert torch.equal(made * ~given["mask"], given["input"] * ~given["mask"])
    assert (made != given["input"])[given["mask"].expand_as(made)].float().mean() > 0.9
    network = LamaNet(64, 1, 8, 1).eval()
    x, mask = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    moved = x.clone()
    moved[..., 0, 0] = 1
    assert (network(x, mask) - network(moved, mask)).abs()[0, 0, 32:, 32:].max() > 0, (
        "no convolution of so few layers reaches there"
    )


def test_the_smoothest_filling_of_a_ramp_is_the_ramp() -> None:
    ramp = torch.linspace(-1, 1, 16).expand(1, 1, 16, 16)
    mask = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    mask[..., 4:12, 5:11] = True
    assert torch.allclose(fill(ramp.masked_fill(mask, 0), mask), ramp, atol=1e-3)


def test_only_factors_and_sizes_that_fit_are_taken() -> None:
    data = tiny.data(tiny.recipe("srgan"))
    assert data.fields["input"].shape[-1] * 4 == data.fields["target"].shape[-1]
    eighth = tiny.recipe("srgan", options={"threads": 1, "scale": 8, "blocks": 1})
    assert tiny.pictures(tiny.game(eighth, load(eighth)), 1).shape == (1, 3, 16, 16)
    with pytest.raises(ValueError, match="one of"):
        load(tiny.recipe("srgan", options={"scale": 3}))
    with pytest.raises(ValueError, match="times smaller"):
        load(tiny.recipe("srgan", resolution=8, options={"scale": 8}))
    with pytest.raises(BadData, match="too small for 128 px"):
        load(tiny.recipe("srgan", resolution=128))


def test_holes_cover_what_they_say_and_stay_the_same() -> None:
    data = tiny.data(tiny.recipe("lama"))
    covered = data.fields["mask"].float().mean((1, 2, 3))
    assert 0.1 <= covered.min() <= covered.max() <= 0.5
    assert torch.equal(load(tiny.recipe("lama")).fields["mask"], data.fields["mask"])
    hidden = data.fields["input"][data.fields["mask"].expand_as(data.fields["input"])]
    assert hidden.unique().tolist() == [128]
