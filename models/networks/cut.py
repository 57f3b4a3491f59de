"""CUT, Park et al. 2020, arXiv:2007.15651: one generator, which keeps each patch recognisable among the others of its image.

Section 3: the generator's encoder and a two-layer network embed 256 places (`options.patches`) of the pixels, of both halvings and
of the first and fifth block; cross entropy at temperature 0.07 picks an output's own place among those of its input, and likewise
for images of the wanted look, weighted 1 in the mean (`options.nce`). Appendix C.1: generator and discriminator of CycleGAN with
least squares, Adam 2e-4 with beta1 0.5, batch 1. Its halvings blur first, ours do not. Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_init
from models.translation import ResNet, option, patch_discriminator, residual_blocks

TASKS = ("unpaired-image-translation", "style-transfer")
DEFAULTS = {"batch_size": 1, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}
TEMPERATURE = 0.07


class Projector(nn.Module):
    """Two layers for each of the encoder's features, to vectors of length one: section 3.2."""

    def __init__(self, channels: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Sequential(nn.Linear(c, size), nn.ReLU(), nn.Linear(size, size)) for c in channels)

    def forward(self, features: list[Tensor], places: list[Tensor]) -> list[Tensor]:
        """N x places x size, for each feature."""
        picked = [feature.flatten(2)[:, :, place].transpose(1, 2) for feature, place in zip(features, places, strict=True)]
        return [normalize(head(x), dim=-1) for head, x in zip(self.heads, picked, strict=True)]


def build(recipe: Recipe, data: Dataset) -> Adversary:
    blocks, width = residual_blocks(recipe), recipe.width
    there = ResNet(recipe.channels, width, blocks)
    normal_init(there)
    judge = normal_init(patch_discriminator(recipe.resolution, recipe.channels, width))
    layers = (0, 1, 2, 3, 2 + min(5, blocks))
    projector = normal_init(Projector((recipe.channels, 2 * width, 4 * width, 4 * width, 4 * width), 4 * width))
    patches, weight = int(option(recipe, "patches", 256)), option(recipe, "nce", 1.0)

    def encoded(images: Tensor) -> list[Tensor]:
        found = there.encoded(images)
        return [found[layer] for layer in layers]

    def contrast(image: Tensor, made: Tensor) -> Tensor:
        """How badly places of the output are told apart by the same places of its input."""
        features = encoded(made)
        places = [torch.randperm(f[0, 0].numel(), device=image.device)[:patches] for f in features]
        with torch.no_grad():
            keys = projector(encoded(image), places)
        total = image.new_zeros(())
        for query, key in zip(projector(features, places), keys, strict=True):
            alike = query.float() @ key.float().transpose(1, 2) / TEMPERATURE
            right = torch.arange(alike.shape[1], device=image.device).expand(len(alike), -1)
            total = total + cross_entropy(alike, right)
        return total / len(keys)

    def fakes(turn: Turn) -> Tensor:
        def make() -> Tensor:
            with torch.set_grad_enabled("generator" in turn.due):
                images: Tensor = there(turn.real["a"])
                return images.float()

        made: Tensor = turn.once("fakes", make)
        return made

    def discriminate(turn: Turn) -> Tensor:
        return losses.least_squares_d(judge(turn.real["b"]).float(), judge(fakes(turn).detach()).float())

    def generate(turn: Turn) -> Tensor:
        a, b, fake = turn.real["a"], turn.real["b"], fakes(turn)
        fooled = 2 * losses.least_squares_g(judge(fake).float())
        return fooled + weight * (contrast(a, fake) + contrast(b, there(b).float())) / 2

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        images: Tensor = networks["generator"](given["a"])
        return images

    return Adversary(
        networks={"generator": there, "projector": projector, "discriminator": judge},
        players={
            "generator": Player(("generator", "projector"), adam(recipe.lr_g, recipe.beta1, recipe.beta2)),
            "discriminator": Player(("discriminator",), adam(recipe.lr_d, recipe.beta1, recipe.beta2)),
        },
        phases=(Phase("adversarial", (Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))),),
        sample=sample,
    )
