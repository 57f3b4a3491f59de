"""TimeGAN, Yoon, Jarrett, van der Schaar, NeurIPS 2019 (no arXiv id; papers.nips.cc c9efe5f26cd17ba6).

Section 4: the game is played in the code of an autoencoder; a supervisor foretells the next code from the last, and is what ties the
generator to the dynamics. Phases of equal share: embedding, supervised, joint. Loss weights as in the authors' code, which says more
than the paper: 10 sqrt of the reconstruction, 100 sqrt of the supervised and 100 of the moments' loss, 0.1 of the supervised one for
the embedding, gamma 1, two updates of the generator for one of the discriminator, which waits while its loss is at or under 0.15.
GRUs of `options.layers` (the supervisor one less), hidden 24, codes and data in 0..1, noise uniform in 0..1 at every step.
`options: {module: lstm}` is the authors' other choice: on a CPU it steps three times as fast, and its series are smooth sooner.
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
ON_CPU = {"batch_size": 32, "options": {"layers": 2, "module": "lstm"}}
MODULES = {"gru": nn.GRU, "lstm": nn.LSTM}
G_STEPS = 2
"""Steps of a joint update of the generator for one of the discriminator."""
ENOUGH = 0.15


class Recurrent(nn.Module):
    """N x T x a -> N x T x b: GRUs or LSTMs, then the same linear layer at every step, in 0..1 unless logits are wanted."""

    def __init__(self, size: int, width: int, out: int, layers: int, module: str, logits: bool = False) -> None:
        super().__init__()
        self.cells = MODULES[module](size, width, layers, batch_first=True)
        self.out = nn.Linear(width, out)
        self.logits = logits
        for name, weight in self.named_parameters():
            nn.init.xavier_uniform_(weight) if weight.ndim > 1 else nn.init.zeros_(weight)
            if name.startswith("cells.bias_ih"):  # gates begin open, as those of TensorFlow's cells do
                nn.init.constant_(weight[: 2 * width] if module == "gru" else weight[width : 2 * width], 1.0)

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.out(self.cells(x)[0])
        return said.float() if self.logits else said.float().sigmoid()


def build(recipe: Recipe, data: Dataset) -> Adversary:
    length, channels = data.fields["series"].shape[1:]
    hidden, layers = recipe.width, int(recipe.options.get("layers", 3))
    if layers < 1:
        raise ValueError(f"recipe.options.layers must be above zero, not {layers}")
    module = recipe.options.get("module", "gru")
    if module not in MODULES:
        raise ValueError(f"recipe.options.module must be gru or lstm, not {module!r}")

    def network(inputs: int, outputs: int, deep: int = layers, *, logits: bool = False) -> Recurrent:
        return Recurrent(inputs, hidden, outputs, deep, module, logits)

    embedder, recovery = network(channels, hidden), network(hidden, channels)
    generator, supervisor = network(recipe.latent_dim, hidden), network(hidden, hidden, max(1, layers - 1))
    discriminator = network(hidden, 1, logits=True)

    def code(turn: Turn) -> Tensor:
        """Of the real batch, with a graph where the embedder moves; the same for every move of a step."""

        def make() -> Tensor:
            with torch.set_grad_enabled(bool(turn.due & {"autoencoder", "embedding"})):
                codes: Tensor = embedder(turn.real["series"])
                return codes

        made: Tensor = turn.once("code", make)
        return made

    def made(turn: Turn) -> tuple[Tensor, Tensor, Tensor]:
        """Codes of the generator, what the supervisor makes of them, and what of the real ones."""

        def make() -> tuple[Tensor, Tensor, Tensor]:
            true = code(turn).detach()
            with torch.set_grad_enabled("generator" in turn.due):
                raw = generator(torch.rand(len(true), length, recipe.latent_dim, device=true.device))
                led, told = supervisor(torch.cat((raw, true))).chunk(2)
                return raw, led, told

        all_: tuple[Tensor, Tensor, Tensor] = turn.once("made", make)
        return all_

    def rebuilt(turn: Turn) -> Tensor:
        return 10 * root((recovery(code(turn)) - turn.real["series"]).square().mean())

    def foretold(told: Tensor, codes: Tensor) -> Tensor:
        return (told[:, :-1] - codes[:, 1:]).square().mean()

    def supervised(turn: Turn) -> Tensor:
        return foretold(supervisor(code(turn)), code(turn))

    def generate(turn: Turn) -> Tensor:
        raw, led, told = made(turn)
        fooled = 2 * losses.non_saturating_g(discriminator(torch.cat((led, raw))))
        return fooled + 100 * root(foretold(told, code(turn).detach())) + 100 * moments(recovery(led), turn.real["series"])

    def embed(turn: Turn) -> Tensor:
        return rebuilt(turn) + 0.1 * supervised(turn)

    def discriminate(turn: Turn) -> Tensor:
        raw, led, _ = made(turn)
        said = discriminator(torch.cat((code(turn), led, raw)).detach()).chunk(3)
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
            Phase("embedding", (Move("autoencoder", rebuilt),), watched=False),
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
