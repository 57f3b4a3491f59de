"""StackGAN, Zhang et al. 2017, arXiv:1612.03242: a sketch from the sentence, then the image from sketch and sentence.

Section 3.2: the sentence becomes a normal distribution of 128 numbers (`options.condition`), drawn from for every image, and its
divergence from the standard normal is added (weight 2, as the authors' code has it). Section 3.3: stage I is a DCGAN a quarter of
the size. Section 3.4: stage II halves the sketch twice, joins the sentence, goes through residual blocks and doubles to full size;
stage I no longer moves. Both discriminators see image and sentence, and real images with the wrong caption as generated. Adam 2e-4
with beta1 0.5, batch 64, half of the budget each; the paper's rates fall, here they stay. Its sentences come from a trained encoder,
which no package ships: here the mean of word vectors, learnt within the game. Below 32 px the sketch is 8 px.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, softplus

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.contract import Recipe
from models.data.captions import Captioned
from models.data.dataset import BadData, Dataset
from models.parts import dcgan_discriminator, dcgan_generator, doublings, normal_init, normal_latent
from models.translation import option
from models.words import Words

TASKS = ("text-to-image",)
DEFAULTS = {"batch_size": 64, "latent_dim": 100, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}
DIVERGENCE = 2.0


class Conditioning(nn.Module):
    """Captions -> a draw N x size from the normal distribution that each becomes, and its divergence from the standard one."""

    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.words, self.layer = Words(words, size), nn.Linear(size, 2 * size)

    def forward(self, tokens: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_spread = self.layer(nn.functional.leaky_relu(self.words(tokens), 0.2)).float().chunk(2, 1)
        spread = log_spread.exp()
        divergence: Tensor = 0.5 * (mean.square() + spread.square() - 1 - 2 * log_spread).mean()
        return mean + spread * noise, divergence


class Sketch(nn.Module):
    """Stage I: noise and captions -> small images in -1..1."""

    def __init__(self, recipe: Recipe, side: int, words: int, size: int) -> None:
        super().__init__()
        self.condition = Conditioning(words, size)
        self.body = dcgan_generator(side, recipe.channels, recipe.latent_dim + size, recipe.width)

    def forward(self, latent: Tensor, tokens: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        sentence, divergence = self.condition(tokens, noise)
        images: Tensor = self.body(torch.cat((latent, sentence), 1))
        return images.float(), divergence


class Residual(nn.Module):
    """Two 3x3 convolutions, batch-normalised, added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first = (nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.body = nn.Sequential(*first, nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(x + self.body(x))


class Refined(nn.Module):
    """Stage II: sketches and captions -> images of full size in -1..1. `begun` says whether it has moved."""

    begun: Tensor

    def __init__(self, recipe: Recipe, side: int, words: int, size: int, blocks: int) -> None:
        super().__init__()
        w, halvings = recipe.width, min(2, doublings(side, 4))
        self.condition = Conditioning(words, size)
        down: list[nn.Module] = [nn.Conv2d(recipe.channels, w, 3, 1, 1), nn.ReLU()]
        for i in range(halvings):
            down += [nn.Conv2d(w << i, w << (i + 1), 4, 2, 1, bias=False), nn.BatchNorm2d(w << (i + 1)), nn.ReLU()]
        wide = w << halvings
        self.down = nn.Sequential(*down)
        self.join = nn.Sequential(nn.Conv2d(wide + size, wide, 3, 1, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU())
        self.blocks = nn.Sequential(*(Residual(wide) for _ in range(blocks)))
        up: list[nn.Module] = []
        for _ in range(halvings + (recipe.resolution // side).bit_length() - 1):
            up += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(wide, wide // 2, 3, 1, 1, bias=False),
                nn.BatchNorm2d(wide // 2),
                nn.ReLU(),
            ]
            wide //= 2
        self.up = nn.Sequential(*up, nn.Conv2d(wide, recipe.channels, 3, 1, 1), nn.Tanh())
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))

    def forward(self, sketch: Tensor, tokens: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        sentence, divergence = self.condition(tokens, noise)
        x = self.down(sketch)
        x = self.join(torch.cat((x, sentence[:, :, None, None].expand(-1, -1, *x.shape[2:])), 1))
        images: Tensor = self.up(self.blocks(x))
        return images.float(), divergence


class Discriminator(nn.Module):
    """Images and captions -> logits N x 1."""

    def __init__(self, recipe: Recipe, side: int, words: int, size: int) -> None:
        super().__init__()
        self.words = Words(words, size)
        self.body = dcgan_discriminator(side, recipe.channels, recipe.width)[:-2]
        wide = recipe.width << (doublings(side) - 1)
        mixed = (nn.Conv2d(wide + size, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2))
        self.head = nn.Sequential(*mixed, nn.Conv2d(wide, 1, 4), nn.Flatten())

    def forward(self, image: Tensor, sentence: Tensor) -> Tensor:
        features = self.body(image)
        logits: Tensor = self.head(
            torch.cat((features, sentence[:, :, None, None].expand(-1, -1, *features.shape[2:])), 1)
        ).float()
        return logits


def build(recipe: Recipe, data: Dataset) -> Adversary:
    if not isinstance(data, Captioned):
        raise BadData(f"{recipe.dataset} has no captions")
    words, size = len(data.vocabulary), max(1, int(option(recipe, "condition", 128)))
    side = max(8, recipe.resolution // 4)
    sketch = Sketch(recipe, side, words, size)
    refined = Refined(recipe, side, words, size, max(1, int(option(recipe, "blocks", 4))))
    judges = Discriminator(recipe, side, words, size), Discriminator(recipe, recipe.resolution, words, size)
    for network in (sketch, refined, *judges):
        normal_init(network)

    def draw(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n, device = len(tokens), tokens.device
        return (
            normal_latent(n, recipe.latent_dim, device=device),
            torch.randn(n, size, device=device),
            torch.randn(n, size, device=device),
        )

    def made(turn: Turn, stage: int) -> tuple[Tensor, Tensor]:
        """Images of a stage and the divergence of its sentences."""

        def make() -> tuple[Tensor, Tensor]:
            tokens = turn.real["tokens"]
            latent, *noise = draw(tokens)
            with torch.set_grad_enabled("sketch" in turn.due):
                small, divergence = sketch(latent, tokens, noise[0])
            if stage == 0:
                return small, divergence
            with torch.set_grad_enabled("generator" in turn.due):
                full: tuple[Tensor, Tensor] = refined(small, tokens, noise[1])
                return full

        found: tuple[Tensor, Tensor] = turn.once("made", make)
        return found

    def real(turn: Turn, stage: int) -> Tensor:
        image = turn.real["image"]
        return avg_pool2d(image, recipe.resolution // side) if stage == 0 else image

    def discriminate(turn: Turn, stage: int) -> Tensor:
        judge, tokens, image = judges[stage], turn.real["tokens"], real(turn, stage)
        said = judge.words(tokens)
        other = (tokens.roll(1, 0) != tokens).any(1, keepdim=True)
        wrong = softplus(judge(image, said.roll(1, 0))) * other
        return losses.logistic_d(judge(image, said), judge(made(turn, stage)[0].detach(), said)) + 0.5 * wrong.mean()

    def generate(turn: Turn, stage: int) -> Tensor:
        images, divergence = made(turn, stage)
        return losses.non_saturating_g(judges[stage](images, judges[stage].words(turn.real["tokens"]))) + DIVERGENCE * divergence

    def begin_refining() -> None:
        refined.begun.fill_(True)

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        tokens = given["tokens"]
        latent, *noise = (torch.randn(n, k, generator=generator).to(tokens.device) for k in (recipe.latent_dim, size, size))
        small = networks["sketch"](latent, tokens, noise[0])[0]
        if not refined.begun:
            return interpolate(small, size=(recipe.resolution, recipe.resolution))
        images: Tensor = networks["generator"](small, tokens, noise[1])[0]
        return images

    step_g, step_d = adam(recipe.lr_g, recipe.beta1, recipe.beta2), adam(recipe.lr_d, recipe.beta1, recipe.beta2)
    return Adversary(
        networks={"sketch": sketch, "generator": refined, "sketch_judge": judges[0], "discriminator": judges[1]},
        players={
            "sketch": Player(("sketch",), step_g),
            "sketch_judge": Player(("sketch_judge",), step_d),
            "generator": Player(("generator",), step_g),
            "discriminator": Player(("discriminator",), step_d),
        },
        phases=(
            Phase(
                "sketch",
                (
                    Move("sketch_judge", lambda turn: discriminate(turn, 0)),
                    Move("sketch", lambda turn: generate(turn, 0), every=recipe.d_steps),
                ),
            ),
            Phase(
                "refinement",
                (
                    Move("discriminator", lambda turn: discriminate(turn, 1)),
                    Move("generator", lambda turn: generate(turn, 1), every=recipe.d_steps, then=begin_refining),
                ),
            ),
        ),
        sample=sample,
        averaged=("sketch", "generator"),
    )
