"""StyleGAN2, Karras et al. 2020, arXiv:1912.04958.

Section 2: modulated convolutions; section 4: skip generator, residual discriminator. Appendix B: logistic loss, Adam 2e-3 with betas
0 and 0.99, R1 every 16 steps and path length every 8, the optimiser's rates adjusted for it, path weight ln 2 / (r^2 (ln r - ln 2)),
half the batch for the path. Eight layers of mapping, latent and style of 512. `width` counts at the full resolution: 64 at 256 px
and 32 at 1024 px are the published networks. R1 gamma 10 at 1024 px, 1 at 256, 0.01 at 32. Any power of two from 8 px on.

On a CPU as its authors train 32 px (arXiv:2006.06676 appendix F: a mapping of two layers, no path length, no mixing), but with gamma 1
and 32 channels at least: a latent moves an image only by scaling channels, and with 8 of them the generator fell to one image
(KID 3 to 5 after 1,500 steps on mnist-5k, 0.95 with these; untrained 2.2). Equalised weights take a rate of 5e-3 at such widths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, Move, Phase, Player, Turn, adam, duel
from models.augment import augmentation
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_latent
from models.style import MIXING, StyleDiscriminator, StyleGenerator
from models.translation import option

TASKS = ("unconditional-image", "class-conditional-image")
DEFAULTS = {
    "batch_size": 32,
    "latent_dim": 512,
    "width": 64,
    "lr_g": 2e-3,
    "lr_d": 2e-3,
    "beta1": 0.0,
    "beta2": 0.99,
    "gradient_penalty": 1.0,
}
ON_CPU = {
    "latent_dim": 128,
    "width": 32,
    "lr_g": 5e-3,
    "lr_d": 5e-3,
    "gradient_penalty": 1.0,
    "options": {"mapping_depth": 2, "path_every": 0, "mixing": 0.0},
}
R1_EVERY, PATH_EVERY = 16, 8
DEPTH = 8
PATH_DECAY = 0.99
"""Of the running mean of path lengths."""


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return style_game(recipe, augmentation(recipe.augment), DEPTH, PATH_EVERY)


def style_game(recipe: Recipe, augment: Callable[[Tensor], Tensor], depth: int, path_every: int) -> Adversary:
    """The game of StyleGAN2 with an augmentation; options `mapping_depth`, `path_every` (0 leaves it out), `r1_every`, `mixing`."""
    depth = int(recipe.options.get("mapping_depth", depth))
    path_every, r1_every = int(recipe.options.get("path_every", path_every)), int(recipe.options.get("r1_every", R1_EVERY))
    size = recipe.resolution, recipe.channels, recipe.latent_dim, recipe.width
    generator = StyleGenerator(*size, depth, recipe.classes, option(recipe, "mixing", MIXING))
    discriminator = StyleDiscriminator(recipe.resolution, recipe.channels, recipe.width, recipe.classes)
    path = PathLength(generator)

    def labels(turn: Turn) -> tuple[Tensor, ...]:
        return (turn.real["label"],) if recipe.classes else ()

    def r1(turn: Turn) -> Tensor:
        of = labels(turn)
        return recipe.gradient_penalty * r1_every * losses.r1(lambda x: discriminator(x, *of), augment(turn.real["image"]))

    def stretch(turn: Turn) -> Tensor:
        n = max(1, recipe.batch_size // 2)
        z = normal_latent(n, recipe.latent_dim, device=turn.real["image"].device)
        return path_every * path(z, *(label[:n] for label in labels(turn)))

    game = duel(
        recipe,
        generator,
        discriminator,
        latent=normal_latent,
        d_loss=losses.logistic_d,
        g_loss=losses.non_saturating_g,
        augment=augment,
        finish=lambda images: images.clamp(-1, 1),
    )
    moves = [*game.phases[0].moves, Move("discriminator", r1, every=r1_every)]
    if path_every:
        moves.append(Move("generator", stretch, every=path_every * recipe.d_steps))
    return replace(
        game,
        networks=game.networks | {"path": path.lengths},
        players={
            "generator": Player(("generator",), _lazy(recipe, recipe.lr_g, path_every)),
            "discriminator": Player(("discriminator",), _lazy(recipe, recipe.lr_d, r1_every)),
        },
        phases=(Phase("adversarial", tuple(moves)),),
    )


class PathLength:
    """How much a small step of the style moves the image, squared around its running mean: arXiv:1912.04958 section 3.2."""

    def __init__(self, generator: StyleGenerator) -> None:
        self.generator, self.lengths = generator, Mean()

    def __call__(self, z: Tensor, *label: Tensor) -> Tensor:
        w = self.generator.mapping(z, *label).float()
        images = self.generator.synthesise(w[:, None].expand(-1, self.generator.layers, -1)).float()
        side = images.shape[-1]
        # Directions of length 1 per pixel: the weight's r^2 is in them.
        (slope,) = torch.autograd.grad((images * torch.randn_like(images)).sum() / side, w, create_graph=True)
        lengths = slope.square().sum(1).sqrt()
        spread: Tensor = (lengths - self.lengths(lengths)).square().mean()
        return spread * (log(2) / (log(side) - log(2)))


class Mean(nn.Module):
    """A running mean that survives a resume."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    @torch.no_grad()
    def forward(self, values: Tensor) -> Tensor:
        return self.mean.lerp_(values.mean(), 1 - PATH_DECAY).clone()


def _lazy(recipe: Recipe, rate: float, every: int) -> Callable[..., torch.optim.Optimizer]:
    """Adam of a player that also moves at every n-th step, its rates adjusted: arXiv:1912.04958 appendix B."""
    c = every / (every + 1) if every else 1.0
    return adam(rate * c, recipe.beta1**c, recipe.beta2**c)
