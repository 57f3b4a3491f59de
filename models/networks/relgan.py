"""RelGAN, Nie, Narodytska and Patel 2019, ICLR, openreview:rJedV3R5tm: words drawn softly, so that the discriminator's gradient
reaches the generator.

Section 3.1: a relational memory writes the next word: heads of attention from the memory to itself and the last word, a gate of what
is kept (one slot, two heads; 256 each, here the width). 3.2: words are Gumbel-softmax draws whose inverse temperature grows from 1 to
`options.temperature` (100) as a power of the share of the phase. 3.3: the discriminator embeds a sentence 64 times
(`options.representations`), each through the same convolutions of 2 to 5 words, and the losses (relativistic, logistic) are means over
them. Batch 64, likelihood first at 1e-2, then Adam 1e-4 and five updates of the discriminator to one. Half of the budget each.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, relu, scaled_dot_product_attention, softmax, softplus

from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam, players
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.text import END, Sentences
from models.tokens import draw, likelihood
from models.translation import option

TASKS = ("text",)
DEFAULTS = {
    "batch_size": 64,
    "width": 256,
    "lr_g": 1e-4,
    "lr_d": 1e-4,
    "beta1": 0.9,
    "beta2": 0.999,
    "d_steps": 5,
    "options": {"temperature": 100.0, "representations": 64, "pretraining_rate": 1e-2},
}
ON_CPU = {"width": 32, "d_steps": 2, "options": {"temperature": 100.0, "representations": 16, "pretraining_rate": 1e-2}}
HEADS = 2
EMBEDDING = 32
WINDOWS = (2, 3, 4, 5)
KERNELS = 300
"""At a width of 256."""


class RelationalMemory(nn.Module):
    """p(word | words before it) from one slot of memory; words may be soft, rows of probabilities."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        size = self.size = HEADS * width
        self.start = words
        self.embedding = nn.Embedding(words + 1, EMBEDDING)
        self.enter = nn.Linear(EMBEDDING, size)
        self.attend = nn.Linear(size, 3 * size)
        self.first_norm, self.second_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.inner = nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, size), nn.ReLU())
        self.gate_word, self.gate_memory = nn.Linear(size, 2 * size), nn.Linear(size, 2 * size)
        self.head = nn.Linear(size, words)

    def begin(self, n: int) -> Tensor:
        """Memory N x size before the first word."""
        return one_hot(torch.zeros(n, dtype=torch.long, device=self.head.weight.device), self.size).float()

    def word(self, soft: Tensor) -> Tensor:
        """N x words probabilities -> N x embedding."""
        return soft @ self.embedding.weight[:-1]

    def step(self, word: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the next word after an embedded one, and the memory with it."""
        given = self.enter(word)
        query, key, value = (
            part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in self.attend(torch.stack((memory, given), 1)).chunk(3, 2)
        )
        found = scaled_dot_product_attention(query[:, :, :1], key, value).transpose(1, 2).flatten(1)
        after = self.first_norm(memory + found)
        after = self.second_norm(after + self.inner(after))
        into, keep = (self.gate_word(given) + self.gate_memory(memory.tanh())).chunk(2, 1)
        memory = into.sigmoid() * after.tanh() + (keep + 1).sigmoid() * memory
        return self.head(memory).float(), memory

    def forward(self, tokens: Tensor) -> Tensor:
        """N x L words -> N x L x words logits of each given those before it."""
        before = torch.cat((tokens.new_full((len(tokens), 1), self.start), tokens[:, :-1]), 1)
        memory, said = self.begin(len(tokens)), list[Tensor]()
        for word in self.embedding(before).unbind(1):
            logits, memory = self.step(word, memory)
            said.append(logits)
        return torch.stack(said, 1)

    def soft(self, n: int, length: int, sharpness: float) -> Tensor:
        """n x length x words: Gumbel-softmax draws, each fed to the next."""
        word = self.embedding.weight[-1].expand(n, -1)
        memory, drawn = self.begin(n), list[Tensor]()
        for _ in range(length):
            logits, memory = self.step(word, memory)
            noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-9, 1 - 1e-7)))
            drawn.append(softmax((logits + noise) * sharpness, -1))
            word = self.word(drawn[-1])
        return torch.stack(drawn, 1)

    @torch.no_grad()
    def sample(self, n: int, length: int, generator: torch.Generator | None = None) -> Tensor:
        """n x length words, each drawn given those before it; END from the first END on."""
        word, memory, words = self.embedding.weight[-1].expand(n, -1), self.begin(n), list[Tensor]()
        ended = torch.zeros(n, dtype=torch.bool, device=self.head.weight.device)
        for _ in range(length):
            logits, memory = self.step(word, memory)
            words.append(draw(softmax(logits, -1), generator).masked_fill(ended, END))
            ended = ended | (words[-1] == END)
            word = self.embedding(words[-1])
        return torch.stack(words, 1)


class Discriminator(nn.Module):
    """Sentences N x L x words, soft or one-hot -> N x representations logits."""

    def __init__(self, words: int, length: int, width: int, representations: int) -> None:
        super().__init__()
        each = max(1, 64 // representations)
        self.representations = representations
        self.embed = nn.Linear(words, representations * each, bias=False)
        kernels = max(1, KERNELS * width // 256)
        self.convolutions = nn.ModuleList(nn.Conv1d(each, kernels, size) for size in WINDOWS if size <= length)
        features = kernels * len(self.convolutions)
        self.gate, self.inner = nn.Linear(features, features), nn.Linear(features, features)
        self.head = nn.Sequential(nn.Dropout(0.25), nn.Linear(features, 100), nn.Linear(100, 1))

    def forward(self, sentences: Tensor) -> Tensor:
        n = len(sentences)
        x = self.embed(sentences).unflatten(2, (self.representations, -1)).permute(0, 2, 3, 1).flatten(0, 1)
        x = torch.cat([relu(convolution(x)).amax(2) for convolution in self.convolutions], 1)
        gate = self.gate(x).sigmoid()
        logits: Tensor = self.head(gate * relu(self.inner(x)) + (1 - gate) * x).float()
        return logits.view(n, self.representations)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    assert isinstance(data, Sentences)
    length, words = data.fields["tokens"].shape[1], len(data.vocabulary)
    sharpest = max(1.0, option(recipe, "temperature", 100.0))
    generator = RelationalMemory(words, recipe.width)
    discriminator = Discriminator(words, length, recipe.width, max(1, int(option(recipe, "representations", 64))))

    def fakes(turn: Turn) -> Tensor:
        def make() -> Tensor:
            with torch.set_grad_enabled("generator" in turn.due):
                done = max(0.0, 2 * turn.fraction - 1)  # of the adversarial half
                return generator.soft(len(turn.real["tokens"]), length, sharpest**done)

        made: Tensor = turn.once("fakes", make)
        return made

    def real(turn: Turn) -> Tensor:
        return one_hot(turn.real["tokens"].long(), words).float()

    def discriminate(turn: Turn) -> Tensor:
        return softplus(discriminator(fakes(turn).detach()) - discriminator(real(turn))).mean()

    def generate(turn: Turn) -> Tensor:
        with torch.no_grad():
            against = discriminator(real(turn))
        return softplus(against - discriminator(fakes(turn))).mean()

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        drawn: Tensor = networks["generator"].sample(n, length, generator)  # type: ignore[operator]
        return drawn

    rate = option(recipe, "pretraining_rate", 1e-2)
    return Adversary(
        networks={"generator": generator, "discriminator": discriminator},
        players={"likelihood": Player(("generator",), adam(rate, recipe.beta1, recipe.beta2)), **players(recipe)},
        phases=(
            Phase("likelihood", (Move("likelihood", partial(likelihood, generator)),)),
            Phase("adversarial", (Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))),
        ),
        sample=sample,
        channels_last=False,
    )
