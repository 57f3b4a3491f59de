"""What a network file hands to the loop: a game as data. See docs/decisions/0001-a-game-is-data.md.

An Adversary has networks, players (networks with an optimiser) and phases of moves. The loop plays the moves in order and
never asks which architecture it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from models.ada import Ada
from models.contract import Recipe

Batch = Mapping[str, Tensor]
Networks = Mapping[str, nn.Module]
Loss = Callable[["Turn"], Tensor]
Judge = Callable[[Tensor], Tensor]
"""Images -> logits: a discriminator with its labels put in."""
OptimiserOf = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


@dataclass
class Turn:
    """One step as its moves see it: the real batch, how far the run is, and what earlier moves of the step already made."""

    real: Batch
    step: int
    fraction: float
    """Part of the budget spent, 0..1."""
    due: frozenset[str]
    """Players that move in this step."""
    _made: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gave the first time `name` was asked for in this step: generated samples serve both sides."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]


@dataclass(frozen=True)
class Player:
    """Who moves: the networks it may change, and its optimiser."""

    networks: tuple[str, ...]
    optimiser: OptimiserOf


@dataclass(frozen=True)
class Move:
    """`player` lowers `loss` at every n-th step."""

    player: str
    loss: Loss
    every: int = 1
    above: float | None = None
    """The update is skipped while the loss is not above this; reading it costs a wait for the device."""
    then: Callable[[], None] | None = None
    """A change without a gradient after the update: clipping, a lagged copy."""


@dataclass(frozen=True)
class Phase:
    name: str
    moves: tuple[Move, ...]
    share: float = 1.0
    """Part of the budget, relative to the other phases."""
    watched: bool = True
    """Whether samples say how the game goes: not while parts are trained ahead that no sample shows yet."""


class Sampler(Protocol):
    def __call__(self, networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        """n samples in the range of the data, made by the networks (the averaged ones, in evaluation mode) from what is `given`:
        the data set's `conditions`, n of each; empty where nothing is conditioned on."""


@dataclass(frozen=True, kw_only=True)
class Adversary:
    """A whole game. Everything that must survive a resume is a parameter or a buffer of one of the networks."""

    networks: dict[str, nn.Module]
    players: dict[str, Player]
    phases: tuple[Phase, ...]
    """Played in order; empty for a baseline that is fitted by `begin` alone."""
    sample: Sampler
    averaged: tuple[str, ...] = ("generator",)
    """Networks of which a moving average is kept; `sample` gets the average in their place."""
    begin: Callable[[Batch], None] | None = None
    """Called once, before the first move, with up to 10,000 training samples: for what is fitted rather than trained."""
    judge: Callable[[Networks, Batch], Tensor] | None = None
    """Logits of the discriminator for samples as a batch has them; only the watch over a run asks."""
    channels_last: bool = True


def adam(lr: float, beta1: float, beta2: float) -> OptimiserOf:
    """Adam whose whole step is one kernel."""
    return partial(torch.optim.Adam, lr=lr, betas=(beta1, beta2), fused=True)


def players(recipe: Recipe) -> dict[str, Player]:
    """Generator and discriminator with Adam at the recipe's rates."""
    return {
        "generator": Player(("generator",), adam(recipe.lr_g, recipe.beta1, recipe.beta2)),
        "discriminator": Player(("discriminator",), adam(recipe.lr_d, recipe.beta1, recipe.beta2)),
    }


def duel(
    recipe: Recipe,
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    latent: Callable[..., Tensor],
    d_loss: Callable[[Tensor, Tensor], Tensor],
    g_loss: Callable[..., Tensor],
    paired: bool = False,
    penalty: Callable[[Judge, Tensor, Tensor], Tensor] | None = None,
    d_more: Callable[[Tensor, Tensor, Batch], Tensor] | None = None,
    g_more: Callable[[Tensor, Batch], Tensor] | None = None,
    augment: Callable[[Tensor], Tensor] = lambda images: images,
    real: Callable[[Batch], Tensor] = lambda batch: batch["image"],
    finish: Callable[[Tensor], Tensor] = lambda samples: samples,
    clip: float | None = None,
    d_above: float | None = None,
    joint: bool = False,
    channels_last: bool = True,
) -> Adversary:
    """The two-player game of most GANs, on images unless `real` says what else a batch is judged by.

    With `recipe.classes` the networks are called with the label as second argument, and a sample gets the label it is given.
    `d_loss(real_logits, fake_logits)` and `g_loss(fake_logits)` are means over the batch; `penalty(judge, real, fake)` is
    added to the first, weighted already; `clip` bounds every weight of the discriminator after its update, which is left out
    where its loss is not above `d_above`. `joint` judges real and fake in one pass, which is faster and wrong where a layer
    mixes the batch. `finish` makes a sample in the range of the data of what the generator gives, where they differ.
    `paired` gives `g_loss` the logits of the real batch as second argument. An `augment` that adapts is one of the networks.
    Where `d_more(real, fake, given)` or `g_more(fake, given)` adds a loss of its own, the first column of what the discriminator
    says is the logit and they get the others, with the `latent` of the fakes, and the `label`, as given.
    A step makes one batch of fakes: the discriminator judges it without a graph, the generator, when it is due, with one.
    """

    adaptive = {"augmentation": augment} if isinstance(augment, Ada) else {}

    def labels(batch: Batch) -> tuple[Tensor, ...]:
        return (batch["label"],) if recipe.classes else ()

    def given(turn: Turn) -> Batch:
        judged = real(turn.real)
        source: Tensor = turn.once("latent", lambda: latent(len(judged), recipe.latent_dim, device=judged.device))
        return {"latent": source} | ({"label": turn.real["label"]} if recipe.classes else {})

    def fakes(turn: Turn) -> Tensor:
        def make() -> Tensor:
            with torch.set_grad_enabled("generator" in turn.due):
                images: Tensor = generator(given(turn)["latent"], *labels(turn.real))
                return images.float()  # as real ones are, also under bf16

        made: Tensor = turn.once("fakes", make)
        return made

    def logit(said: Tensor) -> Tensor:
        return said if d_more is None and g_more is None else said[:, :1]

    def discriminate(turn: Turn) -> Tensor:
        true, fake = augment(real(turn.real)), augment(fakes(turn).detach())
        of = labels(turn.real)
        if joint:
            said = discriminator(torch.cat((true, fake)), *(torch.cat((label, label)) for label in of)).float().chunk(2)
        else:
            said = discriminator(true, *of).float(), discriminator(fake, *of).float()
        for each in adaptive.values():
            each.watch(logit(said[0]))
        loss = d_loss(logit(said[0]), logit(said[1]))
        if d_more is not None:
            loss = loss + d_more(said[0][:, 1:], said[1][:, 1:], given(turn))
        return loss if penalty is None else loss + penalty(lambda images: logit(discriminator(images, *of)), true, fake)

    def generate(turn: Turn) -> Tensor:
        of, against = labels(turn.real), list[Tensor]()
        if paired:
            with torch.no_grad():
                against.append(logit(discriminator(augment(real(turn.real)), *of).float()))
        said = discriminator(augment(fakes(turn)), *of).float()
        loss = g_loss(logit(said), *against)
        return loss if g_more is None else loss + g_more(said[:, 1:], given(turn))

    @torch.no_grad()
    def after() -> None:
        for weight in discriminator.parameters() if clip is not None else ():
            weight.clamp_(-clip, clip)  # type: ignore[operator]
        for each in adaptive.values():
            each.adapt()

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        device = next(networks["generator"].parameters()).device
        images: Tensor = networks["generator"](latent(n, recipe.latent_dim, generator=generator).to(device), *labels(given))
        return finish(images)

    def judge(networks: Networks, batch: Batch) -> Tensor:
        return logit(networks["discriminator"](real(batch), *labels(batch)))

    moves = (
        Move("discriminator", discriminate, above=d_above, then=after),
        Move("generator", generate, every=recipe.d_steps),
    )
    return Adversary(
        networks={"generator": generator, "discriminator": discriminator, **adaptive},
        players=players(recipe),
        phases=(Phase("adversarial", moves),),
        sample=sample,
        judge=judge,
        channels_last=channels_last,
    )
