"""Projected GAN: what it judges by stays as it is, and every scale has its say."""

from __future__ import annotations

import torch

from models import losses
from models.networks.projected_gan import MIXED, Discriminator
from tests.models import tiny


def test_losses_of_several_discriminators_are_added_whatever_the_number_of_their_logits() -> None:
    real, fake = torch.randn(4, 5), torch.randn(4, 5)
    apart = losses.hinge_d(real[:, :4], fake[:, :4]) + losses.hinge_d(real[:, 4:], fake[:, 4:])
    assert torch.allclose(losses.of_each(losses.hinge_d, [4, 1])(real, fake), apart)
    assert torch.allclose(losses.of_each(losses.linear_g, [4, 1])(fake), -fake[:, :4].mean() - fake[:, 4:].mean())


def test_every_scale_has_its_logits_and_the_image_gets_a_gradient_through_the_features() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator(64, [8 * share for share in MIXED])
    images = torch.rand(2, 3, 16, 16, requires_grad=True)
    logits = discriminator(images)
    assert logits.shape == (2, sum(discriminator.places)) and discriminator.places == [16, 16, 16, 4]
    for column in (0, 16, 32, 48):
        (slope,) = torch.autograd.grad(logits[:, column].sum(), images, retain_graph=True)
        assert slope.abs().sum() > 0


def test_projections_are_fixed_and_kept_and_the_feature_network_is_neither_trained_nor_saved() -> None:
    game = tiny.game(tiny.recipe("projected-gan"))
    project = game.networks["discriminator"].project
    before = {name: value.clone() for name, value in project.state_dict().items()}
    tiny.moved(game, 2)
    assert list(before) == ["across_0", "across_1", "down_1", "across_2", "down_2", "across_3", "down_3"]
    assert all(torch.equal(value, project.state_dict()[name]) for name, value in before.items())
    assert not list(project.parameters())
