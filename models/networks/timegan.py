"""TimeGAN, Yoon, Jarrett, van der Schaar, NeurIPS 2019 (no arXiv id; papers.nips.cc c9efe5f26cd17ba6).

Section 4: the game is played in the code of an autoencoder; a supervisor foretells the next code from the last, and is what ties the
generator to the dynamics. Phases of equal share: embedding, supervised, joint. Loss weights as in the authors' code, which says more
than the paper: 10 sqrt of the reconstruction, 100 sqrt of the supervised and 100 of the moments' loss, 0.1 of the supervised one for
the embedding, gamma 1, two updates of the generator for one of the discriminator, which waits while its loss is at or under 0.15.
GRUs of `options.layers` (the supervisor one less), hidden 24, codes and data in 0..1, noise uniform in 0..1 at every step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("time-series",)
DEFAULTS = {
    "batch_size": 128,
    "latent_dim": 6,
    "width": 24,
    "lr_g": 1e-3,
    "lr_d": 1e-3,
    "beta1": 0.9,
    "beta2": 0.999,
    "ema_half_life_kimg": 0.0,
    "options": {"layers": 3},
}
ON_CPU = {"batch_size": 32, "options": {"layers": 2}}
G_STEPS = 2
"""Steps of a joint update of the generator for one of the discriminator."""
ENOUGH = 0.15


class Recurrent(nn.Module):
    """N x T x a -> N x T x b: GRUs, then the same linear layer at every step, in 0..1 unless logits are wanted."""

    def __init__(self, size: int, width: int, out: int, layers: int, logits: bool = False) -> None:
        super().__init__()
        self.gru = nn.GRU(size, width, layers, batch_first=True)
        self.out = nn.Linear(width, out)
        self.logits = logits
        for name, weight in self.named_parameters():
            nn.init.xavier_uniform_(weight) if weight.ndim > 1 else nn.init.zeros_(weight)
            if name.startswith("gru.bias_ih"):
                nn.init.constant_(weight[: 2 * width], 1.0)  # gates begin open, as TensorFlow's GRU cells do

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.out(self.gru(x)[0])
        return said.float() if self.logits else said.float().sigmoid()


def build(recipe: Recipe, data: Dataset) -> Adversary:
    length, channels = data.fields["series"].shape[1:]
    hidden, layers = recipe.width, int(recipe.options.get("layers", 3))
    if layers < 1:
        raise ValueError(f"recipe.options.layers must be above zero, not {layers}")
    embedder, recovery = Recurrent(channels, hidden, hidden, layers), Recurrent(hidden, hidden, channels, layers)
    generator, supervisor = (
        Recurrent(recipe.latent_dim, hidden, hidden, layers),
        Recurrent(hidden, hidden, hidden, max(1, layers - 1)),
    )
    discriminator = Recurrent(hidden, hidden, 1, layers, logits=True)

    def code(turn: Turn) -> Tensor:
        made: Tensor = turn.once("code", lambda: embedder(turn.real["series"]))
        return made

    def made(turn: Turn) -> tuple[Tensor, Tensor]:
        """Codes of the generator, and what the supervisor makes of them."""

        def make() -> tuple[Tensor, Tensor]:
            n, device = len(turn.real["series"]), turn.real["series"].device
            with torch.set_grad_enabled("generator" in turn.due):
                raw = generator(torch.rand(n, length, recipe.latent_dim, device=device))
                return raw, supervisor(raw)

        both: tuple[Tensor, Tensor] = turn.once("made", make)
        return both

    def reconstruction(turn: Turn) -> Tensor:
        off: Tensor = recovery(code(turn)) - turn.real["series"]
        return 10 * root(off.square().mean())

    def foretold(codes: Tensor) -> Tensor:
        off: Tensor = supervisor(codes)[:, :-1] - codes[:, 1:]
        return off.square().mean()

    def supervised(turn: Turn) -> Tensor:
        return foretold(code(turn).detach())

    def generate(turn: Turn) -> Tensor:
        raw, led = made(turn)
        fooled = losses.non_saturating_g(discriminator(led)) + losses.non_saturating_g(discriminator(raw))
        return fooled + 100 * root(supervised(turn)) + 100 * moments(recovery(led), turn.real["series"])

    def embed(turn: Turn) -> Tensor:
        codes = embedder(turn.real["series"])
        loss = 10 * root((recovery(codes) - turn.real["series"]).square().mean())
        return loss + 0.1 * foretold(codes)

    def discriminate(turn: Turn) -> Tensor:
        with torch.no_grad():
            true = embedder(turn.real["series"])
        raw, led = (codes.detach() for codes in made(turn))
        said = discriminator(torch.cat((true, led, raw))).chunk(3)
        return losses.logistic_d(said[0], said[1]) + nn.functional.softplus(said[2]).mean()

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        device = next(networks["generator"].parameters()).device
        noise = torch.rand(n, length, recipe.latent_dim, generator=generator).to(device)
        series: Tensor = networks["recovery"](networks["supervisor"](networks["generator"](noise)))
        return series

    def judge(networks: Networks, batch: Batch) -> Tensor:
        logits: Tensor = networks["discriminator"](networks["embedder"](batch["series"]))
        return logits.mean((1, 2))

    step = adam(recipe.lr_g, recipe.beta1, recipe.beta2)
    return Adversary(
        networks={
            "embedder": embedder,
            "recovery": recovery,
            "generator": generator,
            "supervisor": supervisor,
            "discriminator": discriminator,
        },
        players={
            "autoencoder": Player(("embedder", "recovery"), step),
            "supervised": Player(("supervisor",), step),
            "generator": Player(("generator", "supervisor"), step),
            "embedding": Player(("embedder", "recovery"), step),
            "discriminator": Player(("discriminator",), adam(recipe.lr_d, recipe.beta1, recipe.beta2)),
        },
        phases=(
            Phase("embedding", (Move("autoencoder", reconstruction),), watched=False),
            Phase("supervised", (Move("supervised", supervised),), watched=False),
            Phase(
                "joint",
                (
                    Move("generator", generate, every=recipe.d_steps),
                    Move("embedding", embed),
                    Move("discriminator", discriminate, every=G_STEPS, above=ENOUGH),
                ),
            ),
        ),
        sample=sample,
        averaged=("generator", "supervisor", "recovery"),
        judge=judge,
        channels_last=False,
    )


def root(value: Tensor) -> Tensor:
    """Square root with a slope at 0."""
    return (value + 1e-12).sqrt()


def moments(fake: Tensor, real: Tensor) -> Tensor:
    """How far mean and deviation over the batch are apart, at each step and channel."""
    mean = (fake.mean(0) - real.mean(0)).abs().mean()
    spread = ((fake.var(0, correction=0) + 1e-6).sqrt() - (real.var(0, correction=0) + 1e-6).sqrt()).abs().mean()
    return mean + spread
