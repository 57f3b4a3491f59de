"""The blocks of style generators against the formulas of their papers; published sizes; augmentation that adapts."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import conv2d

from models.ada import Ada
from models.augment import augmentation
from models.contract import Recipe
from models.networks import progan, r3gan
from models.networks.stylegan2 import PathLength
from models.style import Blur, EqualLinear, StyledConv, StyleDiscriminator, StyleGenerator, minibatch_deviation
from tests.models import tiny


def count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(
    ("resolution", "width", "generator", "discriminator"),
    [(1024, 32, 30_370_060, 29_012_513), (256, 64, 24_767_458, 24_001_089)],
)
def test_stylegan2_has_the_parameters_that_its_authors_print(
    resolution: int, width: int, generator: int, discriminator: int
) -> None:
    with torch.device("meta"):
        assert count(StyleGenerator(resolution, 3, 512, width, 8)) == generator
        assert count(StyleDiscriminator(resolution, 3, width)) == discriminator


def test_progan_at_1024_px_has_23_1_million_parameters_on_each_side_and_r3gan_at_256_px_has_23_0() -> None:
    """arXiv:1710.10196 table 2; app/knowledge/architectures/r3gan.yaml."""
    one = Recipe(architecture="", dataset="", resolution=1024, width=16, latent_dim=512)
    two = Recipe(architecture="", dataset="", resolution=256, width=96, latent_dim=64)
    with torch.device("meta"):
        assert [round(count(side(one)) / 1e6, 1) for side in (progan.Generator, progan.Discriminator)] == [23.1, 23.1]
        for side in (r3gan.Generator, r3gan.Discriminator):
            assert count(side(two)) / 1e6 == pytest.approx(23.0, rel=0.02)


def test_scaling_activations_equals_modulating_and_demodulating_the_weights_of_each_sample() -> None:
    torch.manual_seed(0)
    layer, x, w = StyledConv(5, 6, 4), torch.randn(3, 5, 8, 8), torch.randn(3, 4)
    for i in range(3):
        weight = layer.weight / math.sqrt(45) * layer.affine(w)[i, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected = math.sqrt(2) * torch.nn.functional.leaky_relu(conv2d(x[i : i + 1], weight, padding=1), 0.2)
        assert torch.allclose(layer(x, w)[i : i + 1], expected, atol=1e-5)


def test_demodulation_keeps_the_scale_of_activations_whatever_the_style() -> None:
    torch.manual_seed(0)
    x, w = torch.randn(4, 64, 8, 8), torch.zeros(4, 8)
    assert StyledConv(64, 64, 8)(x, w).square().mean().item() == pytest.approx(1, rel=0.2)
    layer = StyledConv(64, 64, 8, up=True)
    one = layer(x, w)
    layer.affine.bias.data.fill_(50.0)
    assert torch.allclose(layer(x, w), one, atol=1e-4), "a style that is larger everywhere changes nothing"


def test_a_blur_keeps_a_flat_image_flat_and_leaves_nothing_of_a_checkerboard() -> None:
    flat, board = torch.ones(1, 2, 12, 12), torch.ones(1, 2, 12, 12)
    board[..., ::2, 1::2] = board[..., 1::2, ::2] = -1
    inside = (..., slice(2, -2), slice(2, -2))
    assert torch.allclose(Blur()(flat, 2)[inside], torch.ones(()))
    assert Blur()(board, 2)[inside].abs().max() < 1e-6


def test_an_equalised_layer_gives_unit_variance_at_any_rate() -> None:
    torch.manual_seed(0)
    x = torch.randn(2000, 256)
    for rate in (1.0, 0.01):
        assert EqualLinear(256, 64, rate=rate)(x).var().item() == pytest.approx(1, rel=0.1)


def test_minibatch_deviation_sees_a_batch_of_copies() -> None:
    varied = torch.randn(8, 3, 4, 4)
    assert minibatch_deviation(varied)[:, -1].min() > 0.5
    assert minibatch_deviation(varied[:1].expand(8, -1, -1, -1))[:, -1].max() < 1e-3
    assert torch.equal(minibatch_deviation(varied)[:, :3], varied)


def test_path_length_is_the_norm_of_the_gradient_by_the_style() -> None:
    """Of a generator that is linear in its style the squared length is known: the mean over pixels of squared weights."""

    class Linear(StyleGenerator):
        def synthesise(self, styles: torch.Tensor) -> torch.Tensor:
            return (styles[:, 0] @ slopes).view(-1, 1, 8, 8)

    torch.manual_seed(0)
    slopes = torch.randn(4, 64)
    path = PathLength(Linear(8, 1, 4, 4, 2))
    for _ in range(600):
        path(torch.randn(64, 4))
    expected = math.sqrt(slopes.square().sum() / 64)
    assert path.lengths.mean.item() == pytest.approx(expected, rel=0.1)


def test_styles_are_mixed_in_training_only() -> None:
    torch.manual_seed(0)
    generator, seen = StyleGenerator(8, 1, 4, 8, 2), []
    generator.synthesise = lambda styles: seen.append(styles) or styles  # type: ignore[method-assign,func-returns-value]
    generator(torch.randn(200, 4))
    generator.eval()(torch.randn(200, 4))
    mixed, plain = ((styles != styles[:, :1]).any(2).any(1).float().mean() for styles in seen)
    assert plain == 0
    assert mixed == pytest.approx(0.9, abs=0.08)


# ------------------------------------------------------------------ augmentation


def ada() -> Ada:
    found = augmentation(["ada"])
    assert isinstance(found, Ada)
    return found


@pytest.mark.parametrize("channels", [1, 3])
def test_at_strength_zero_nothing_but_a_soft_resampling_happens_and_at_one_every_image_changes(channels: int) -> None:
    torch.manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.randn(16, channels, 4, 4), size=(32, 32), mode="bilinear")
    augment = ada()
    assert (augment(smooth) - smooth).abs().mean() < 0.02
    augment.strength.fill_(1.0)
    assert (augment(smooth) - smooth).abs().mean((1, 2, 3)).min() > 0.1


def test_the_strength_rises_while_the_discriminator_is_sure_of_training_images_and_falls_when_it_is_not() -> None:
    augment = Ada(lambda x: x, kimg=1.0)
    for _ in range(8):
        augment.watch(torch.ones(50, 1))
        augment.adapt()
    assert augment.strength.item() == pytest.approx(0.4)
    for _ in range(4):
        augment.watch(torch.tensor([1.0, -1.0]).repeat(25)[:, None])
        augment.adapt()
    assert augment.strength.item() == pytest.approx(0.2)
    for _ in range(40):
        augment.watch(-torch.ones(50, 1))
        augment.adapt()
    assert augment.strength.item() == 0


@pytest.mark.parametrize("architecture", ["dcgan", "r3gan"])
def test_any_image_network_may_be_augmented_adaptively(architecture: str) -> None:
    game = tiny.moved(tiny.game(tiny.recipe(architecture, augment=("flip", "ada"))), 3)
    assert game.networks["augmentation"].updates == 3
    assert game.networks["augmentation"].seen == 48


def test_colours_turn_around_grey_and_grey_stays_grey() -> None:
    torch.manual_seed(0)
    augment = ada()
    augment.strength.fill_(1.0)
    grey = torch.rand(8, 1, 4, 4).expand(-1, 3, -1, -1) - 0.5
    changed = augment._recoloured(grey)
    assert torch.allclose(changed, changed.mean(1, keepdim=True).expand_as(changed), atol=1e-5)


# ------------------------------------------------------------------ growing


def test_a_level_that_is_faded_in_begins_as_the_one_before_and_an_average_knows_how_far_it_is() -> None:
    game = tiny.game(tiny.recipe("progan", resolution=16, ema_half_life_kimg=0.0))
    assert [phase.name for phase in game.adversary.phases] == ["4 px", "fading in 8 px", "8 px", "fading in 16 px", "16 px"]
    generator = game.networks["generator"]
    z = torch.randn(4, 8)
    generator.grow(0, 1.0)
    before = generator(z)
    generator.grow(1, 0.0)
    assert torch.allclose(generator(z), before)
    generator.grow(1, 1.0)
    assert not torch.allclose(generator(z), before)
    game.phase = 3
    game.play(sum(phase.share for phase in game.adversary.phases[:3]) / 6 + 1 / 12)
    assert game.average["generator"].stage == (2, 0.5)
    body, rest = game.state()
    other = tiny.game(game.recipe)
    other.load(body, rest)
    assert torch.equal(tiny.pictures(other, 4), tiny.pictures(game, 4))
