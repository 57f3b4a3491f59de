"""CTGAN, Xu, Skoularidou, Cuesta-Infante and Veeramachaneni 2019, arXiv:1907.00503.

Section 4.2: a number is one of at most ten modes of its column, found by a variational Gaussian mixture, and its place in that mode.
4.3: a step takes one category of one column, by the logarithm of its frequency, and real rows that have it; the generator, told so,
pays cross entropy when its rows have another. 4.4: two residual layers of 256 with BatchNorm, a critic of 256, 256 with dropout that
judges packs of ten rows, WGAN-GP with a weight of 10, batch 500, Adam 2e-4. Gumbel-softmax at temperature 0.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gumbel_softmax, one_hot

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Turn, players
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.table import Table
from models.modes import Coding

TASKS = ("tabular",)
DEFAULTS = {
    "batch_size": 500,
    "latent_dim": 128,
    "width": 256,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.9,
    "gradient_penalty": 10.0,
    "ema_half_life_kimg": 0.0,
    "options": {"pack": 10, "modes": 10},
}
ON_CPU = {"batch_size": 250, "lr_g": 1e-3, "lr_d": 1e-3}
TEMPERATURE = 0.2


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.body(x), x), 1)


class Generator(nn.Module):
    """Latent and condition -> what the softmaxes and tangents of a row take; the coding of rows travels with it."""

    def __init__(self, latent_dim: int, coding: Coding, width: int) -> None:
        super().__init__()
        self.coding = coding
        inputs = latent_dim + coding.conditions
        self.body = nn.Sequential(
            Residual(inputs, width), Residual(inputs + width, width), nn.Linear(inputs + 2 * width, coding.size)
        )

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        raw: Tensor = self.body(torch.cat((latent, condition), 1)).float()
        return raw

    def soft(self, raw: Tensor) -> Tensor:
        """A row as a real one is coded, with a gradient."""
        parts = [
            gumbel_softmax(part, tau=TEMPERATURE) if kinds else part.tanh()
            for part, kinds in zip(torch.split(raw, self.coding.sizes, 1), self.coding.choices, strict=True)
        ]
        return torch.cat(parts, 1)


def critic(inputs: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (inputs, width):
        layers += [nn.Linear(size, width), nn.LeakyReLU(0.2), nn.Dropout(0.5)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Table)
    rows = data.fields["row"]
    coding = Coding(data.columns, rows, int(recipe.options.get("modes", 10)))
    coded = coding.encode(rows)  # stays here: a checkpoint holds no rows of the user
    having = coding.having(rows) if coding.conditions else None
    pack = min(int(recipe.options.get("pack", 10)), recipe.batch_size)
    used = recipe.batch_size // pack * pack
    generator = Generator(recipe.latent_dim, coding, recipe.width)
    discriminator = critic(pack * (coding.size + coding.conditions), recipe.width)

    def asked(turn: Turn) -> tuple[Tensor, Tensor]:
        """Which category each row of the step shall have, and real rows that have it."""

        def make() -> tuple[Tensor, Tensor]:
            device = turn.real["row"].device
            if having is None:
                return torch.zeros(used, dtype=torch.long, device=device), coded[torch.randint(len(rows), (used,))].to(device)
            kinds = coding.drawn(used, balanced=True)
            return kinds.to(device), coded[having(kinds)].to(device)

        made: tuple[Tensor, Tensor] = turn.once("asked", make)
        return made

    def told(kinds: Tensor) -> Tensor:
        return one_hot(kinds, coding.conditions).float() if coding.conditions else kinds.new_zeros(len(kinds), 0).float()

    def fakes(turn: Turn) -> tuple[Tensor, Tensor]:
        def make() -> tuple[Tensor, Tensor]:
            kinds, _ = asked(turn)
            with torch.set_grad_enabled("generator" in turn.due):
                raw = generator(torch.randn(used, recipe.latent_dim, device=kinds.device), told(kinds))
                return raw, generator.soft(raw)

        made: tuple[Tensor, Tensor] = turn.once("fakes", make)
        return made

    def packed(x: Tensor, kinds: Tensor) -> Tensor:
        return torch.cat((x, told(kinds)), 1).view(used // pack, -1)

    def discriminate(turn: Turn) -> Tensor:
        kinds, true = asked(turn)
        real, fake = packed(true, kinds), packed(fakes(turn)[1].detach(), kinds)
        slope = losses.gradient_penalty(discriminator, real, fake)
        return losses.wasserstein_d(discriminator(real).float(), discriminator(fake).float()) + recipe.gradient_penalty * slope

    def generate(turn: Turn) -> Tensor:
        kinds, (raw, fake) = asked(turn)[0], fakes(turn)
        loss = losses.linear_g(discriminator(packed(fake, kinds)).float())
        return loss + coding.missed(raw, kinds, cross_entropy)

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        network = networks["generator"]
        assert isinstance(network, Generator)
        device = next(network.parameters()).device
        kinds = network.coding.drawn(n, balanced=False, generator=generator)
        latent = torch.randn(n, recipe.latent_dim, generator=generator)
        raw = network(latent.to(device), told(kinds).to(device))
        noise = -torch.log(-torch.log(torch.rand(raw.shape, generator=generator).clamp(1e-9, 1 - 1e-7)))
        return network.coding.decode(raw, noise.to(device))

    return Adversary(
        networks={"generator": generator, "discriminator": discriminator},
        players=players(recipe),
        phases=(Phase("adversarial", (Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))),),
        sample=sample,
        channels_last=False,
    )
