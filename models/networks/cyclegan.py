"""CycleGAN, Zhu et al. 2017, arXiv:1703.10593: two generators that undo each other, without pairs.

Section 4: least squares, cycle L1 weighted 10 (`options.cycle`), the discriminators' loss halved and judged on 50 images of the
past (`options.pool`), Adam 2e-4 with beta1 0.5, batch 1. Section 5.2: identity L1 weighted 5 (`options.identity`). Appendix 7.2: six
residual blocks, nine from 256 px on (`options.blocks`): 11.4 M parameters in a generator, 28.3 M in all. The paper's rates fall in
the second half of a run, here they stay. Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import normal_init
from models.translation import ResNet, option, patch_discriminator, residual_blocks

TASKS = ("unpaired-image-translation", "style-transfer")
DEFAULTS = {"batch_size": 1, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}


class Pool(nn.Module):
    """Generated images of the past: section 4. It has no parameters; its images are part of the state of the game."""

    images: Tensor
    filled: Tensor

    def __init__(self, size: int, channels: int, resolution: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, channels, resolution, resolution))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def swap(self, fresh: Tensor) -> Tensor:
        """Each fresh image, or with probability one half one of the pool, in whose place it is kept. The first ones fill the pool."""
        n, size = len(fresh), len(self.images)
        full = self.filled >= size
        place = torch.where(
            full, torch.randperm(size, device=fresh.device)[:n], (self.filled + torch.arange(n, device=fresh.device)) % size
        )
        old = full & (torch.rand(n, device=fresh.device) < 0.5)
        before = self.images[place]
        self.images[place] = torch.where((old | ~full).view(-1, 1, 1, 1), fresh, before)
        self.filled += n
        return torch.where(old.view(-1, 1, 1, 1), before, fresh)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    size, blocks = (recipe.channels, recipe.width), residual_blocks(recipe)
    kept = max(int(option(recipe, "pool", 50)), recipe.batch_size)
    there, back = normal_init(ResNet(*size, blocks)), normal_init(ResNet(*size, blocks))
    judge_a, judge_b = (normal_init(patch_discriminator(recipe.resolution, *size)) for _ in range(2))
    pool_a, pool_b = (Pool(kept, recipe.channels, recipe.resolution) for _ in range(2))
    cycle, identity = option(recipe, "cycle", 10.0), option(recipe, "identity", 5.0)

    def fakes(turn: Turn) -> tuple[Tensor, Tensor]:
        """Fake a and fake b, made once a step."""

        def make() -> tuple[Tensor, Tensor]:
            with torch.set_grad_enabled("generator" in turn.due):
                return back(turn.real["b"]).float(), there(turn.real["a"]).float()

        made: tuple[Tensor, Tensor] = turn.once("fakes", make)
        return made

    def generate(turn: Turn) -> Tensor:
        a, b = turn.real["a"], turn.real["b"]
        fake_a, fake_b = fakes(turn)
        fooled = 2 * (losses.least_squares_g(judge_b(fake_b).float()) + losses.least_squares_g(judge_a(fake_a).float()))
        loss: Tensor = fooled + cycle * (l1_loss(back(fake_b), a) + l1_loss(there(fake_a), b))
        return loss + identity * (l1_loss(there(b), b) + l1_loss(back(a), a)) if identity else loss

    def discriminate(turn: Turn) -> Tensor:
        fake_a, fake_b = fakes(turn)
        loss_a = losses.least_squares_d(judge_a(turn.real["a"]).float(), judge_a(pool_a.swap(fake_a.detach())).float())
        loss_b = losses.least_squares_d(judge_b(turn.real["b"]).float(), judge_b(pool_b.swap(fake_b.detach())).float())
        return loss_a + loss_b

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        images: Tensor = networks["generator"](given["a"])
        return images

    return Adversary(
        networks={"generator": there, "back": back, "judge_a": judge_a, "judge_b": judge_b, "pool_a": pool_a, "pool_b": pool_b},
        players={
            "generator": Player(("generator", "back"), adam(recipe.lr_g, recipe.beta1, recipe.beta2)),
            "discriminator": Player(("judge_a", "judge_b"), adam(recipe.lr_d, recipe.beta1, recipe.beta2)),
        },
        phases=(Phase("adversarial", (Move("generator", generate, every=recipe.d_steps), Move("discriminator", discriminate))),),
        sample=sample,
    )
