"""The game over rows of a table that CTGAN brought, arXiv:1907.00503 section 4: every generated row is told a category of a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gumbel_softmax, one_hot

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, players
from models.contract import Recipe
from models.data.table import Table
from models.modes import Coding

TEMPERATURE = 0.2


class Rows(nn.Module):
    """Latent N x k and condition N x c -> what the softmaxes and tangents of a row take; the coding of rows travels with it."""

    def __init__(self, coding: Coding, body: nn.Module) -> None:
        super().__init__()
        self.coding, self.body = coding, body

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


def coding_of(recipe: Recipe, data: Table) -> Coding:
    """Modes of numbers and codes of categories, fitted to the training rows; `options.modes` (10) at most."""
    return Coding(data.columns, data.fields["row"], int(recipe.options.get("modes", 10)))


def game(
    recipe: Recipe,
    data: Table,
    generator: Rows,
    discriminator: nn.Module,
    *,
    pack: int = 1,
    more: Callable[[Tensor, Tensor], Tensor] | None = None,
    coded: Tensor | None = None,
    first: tuple[Move, ...] = (),
    networks: Mapping[str, nn.Module] | None = None,
    movers: Mapping[str, Player] | None = None,
) -> Adversary:
    """Wasserstein losses with a gradient penalty; rows are judged `pack` at a time, with their conditions.

    `more(soft, true)` is added to the generator's loss: generated and real rows as they are coded. `coded` are the
    training rows as the generator's coding has them, where the caller needed them too. `first` are moves of further players
    before those of the two.
    """
    rows, coding = data.fields["row"], generator.coding
    coded = coding.encode(rows) if coded is None else coded  # stays here: a checkpoint holds no rows of the user
    having = coding.having(rows) if coding.conditions else None
    used = recipe.batch_size // pack * pack

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
        (kinds, true), (raw, fake) = asked(turn), fakes(turn)
        loss = losses.linear_g(discriminator(packed(fake, kinds)).float()) + coding.missed(raw, kinds, cross_entropy)
        return loss if more is None else loss + more(torch.cat((fake, told(kinds)), 1), torch.cat((true, told(kinds)), 1))

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        network = networks["generator"]
        assert isinstance(network, Rows)
        device = next(network.parameters()).device
        kinds = network.coding.drawn(n, balanced=False, generator=generator)
        latent = torch.randn(n, recipe.latent_dim, generator=generator)
        raw = network(latent.to(device), told(kinds).to(device))
        noise = -torch.log(-torch.log(torch.rand(raw.shape, generator=generator).clamp(1e-9, 1 - 1e-7)))
        return network.coding.decode(raw, noise.to(device))

    moves = (*first, Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))
    return Adversary(
        networks={"generator": generator, "discriminator": discriminator, **(networks or {})},
        players={**players(recipe), **(movers or {})},
        phases=(Phase("adversarial", moves),),
        sample=sample,
        channels_last=False,
    )
