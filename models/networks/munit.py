"""MUNIT, Huang, Liu, Belongie and Kautz 2018, arXiv:1804.04732: what an image shows apart from how, and many outputs for one input.

Appendix B: a content encoder (two halvings, four residual blocks, instance normalised), a style encoder (halvings, no normalisation,
a mean over space) to 8 numbers, a decoder whose residual blocks are scaled and shifted by a perceptron of the style, and least
squares summed over three scales, the discriminators not normalised (the authors' configurations). Section 4: image L1 weighted
10, content and style L1 weighted 1. Adam 1e-4 with beta1 0.5, batch 1. A sample keeps its content and gets a style from the standard
normal. Fewer halvings of the style and of the discriminators and fewer scales below 64 px; on a CPU two numbers of style and two
blocks, which learn sooner.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, instance_norm, l1_loss, relu

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import doublings
from models.translation import option

TASKS = ("unpaired-image-translation", "style-transfer")
DEFAULTS = {
    "batch_size": 1,
    "width": 64,
    "lr_g": 1e-4,
    "lr_d": 1e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "options": {"style": 8, "blocks": 4},
}
ON_CPU = {"lr_g": 1e-3, "lr_d": 1e-3, "options": {"style": 2, "blocks": 2}}
PERCEPTRON = 256
SCALES = 3


def layer(before: int, after: int, kernel: int, stride: int, *, normed: bool = True) -> list[nn.Module]:
    """Reflected at the edges, convolved, normalised over space unless told otherwise, ReLU."""
    pad = (kernel - stride + 1) // 2
    norm = [nn.InstanceNorm2d(after)] if normed else []
    return [nn.Conv2d(before, after, kernel, stride, pad, padding_mode="reflect"), *norm, nn.ReLU()]


class Residual(nn.Module):
    """Two 3x3 convolutions, each normalised over space, then scaled and shifted by what is given, else not; added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1, padding_mode="reflect") for _ in range(2))

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        y = x
        for i, convolve in enumerate(self.layers):
            y = instance_norm(convolve(y))
            if given is not None:
                scale, shift = given[:, i].chunk(2, 1)
                y = (1 + scale[:, :, None, None]) * y + shift[:, :, None, None]
            y = relu(y) if i == 0 else y
        return x + y


class Autoencoder(nn.Module):
    """One domain: images -> content N x 4W x H/4 x W/4 and style N x k; both -> images in -1..1."""

    def __init__(self, recipe: Recipe, style: int, blocks: int) -> None:
        super().__init__()
        w, channels = recipe.width, recipe.channels
        self.content = nn.Sequential(
            *layer(channels, w, 7, 1),
            *layer(w, 2 * w, 4, 2),
            *layer(2 * w, 4 * w, 4, 2),
            *(Residual(4 * w) for _ in range(blocks)),
        )
        more = [
            part for _ in range(min(2, doublings(recipe.resolution, 2) - 2)) for part in layer(4 * w, 4 * w, 4, 2, normed=False)
        ]
        self.style = nn.Sequential(
            *layer(channels, w, 7, 1, normed=False),
            *layer(w, 2 * w, 4, 2, normed=False),
            *layer(2 * w, 4 * w, 4, 2, normed=False),
            *more,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4 * w, style),
        )
        wide = PERCEPTRON * w // 64 or 1
        hidden = (nn.Linear(style, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU())
        self.perceptron = nn.Sequential(*hidden, nn.Linear(wide, blocks * 16 * w), nn.Unflatten(1, (blocks, 2, 8 * w)))
        self.blocks = nn.ModuleList(Residual(4 * w) for _ in range(blocks))
        doubled = [
            (nn.Upsample(scale_factor=2), nn.Conv2d(c, c // 2, 5, 1, 2), nn.GroupNorm(1, c // 2), nn.ReLU())
            for c in (4 * w, 2 * w)
        ]
        last = nn.Conv2d(w, channels, 7, 1, 3, padding_mode="reflect")
        self.tail = nn.Sequential(*(part for parts in doubled for part in parts), last, nn.Tanh())
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        given = self.perceptron(style)
        for i, block in enumerate(self.blocks):
            content = block(content, given[:, i])
        images: Tensor = self.tail(content)
        return images


class Scales(nn.Module):
    """Patch logits of an image and of its halves, a tensor for each scale. Not normalised: a mean may be what sets domains apart."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        sizes = [recipe.resolution >> i for i in range(SCALES) if recipe.resolution >> i >= 8]
        self.judges = nn.ModuleList(judge(size, recipe.channels, recipe.width) for size in sizes)

    def forward(self, images: Tensor) -> list[Tensor]:
        said = []
        for i, one in enumerate(self.judges):
            images = avg_pool2d(images, 3, 2, 1, count_include_pad=False) if i else images
            said.append(one(images).float())
        return said


def judge(resolution: int, channels: int, width: int) -> nn.Sequential:
    """Four halving 4x4 convolutions, fewer below 64 px, each twice as wide as the one before, then a logit for each place."""
    layers: list[nn.Module] = []
    for i in range(max(2, min(4, doublings(resolution)))):
        convolve = nn.Conv2d(channels, width << i, 4, 2, 1, padding_mode="reflect")
        layers, channels = [*layers, convolve, nn.LeakyReLU(0.2)], width << i
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 1))


def build(recipe: Recipe, data: Dataset) -> Adversary:
    style, blocks = max(1, int(option(recipe, "style", 8))), max(1, int(option(recipe, "blocks", 4)))
    a, b = (Autoencoder(recipe, style, blocks) for _ in range(2))
    judge_a, judge_b = Scales(recipe), Scales(recipe)
    image_weight, code_weight = option(recipe, "image", 10.0), option(recipe, "code", 1.0)

    def crossed(turn: Turn) -> dict[str, Tensor]:
        """Contents, styles drawn, and the images made of one's content in the other's style."""

        def make() -> dict[str, Tensor]:
            real_a, real_b = turn.real["a"], turn.real["b"]
            with torch.set_grad_enabled("generator" in turn.due):
                drawn_a, drawn_b = (torch.randn(len(real), style, device=real.device) for real in (real_b, real_a))
                content_a, content_b = a.content(real_a), b.content(real_b)
                fakes = {"a": a.decode(content_b, drawn_a).float(), "b": b.decode(content_a, drawn_b).float()}
                return fakes | {"content_a": content_a, "content_b": content_b, "drawn_a": drawn_a, "drawn_b": drawn_b}

        made: dict[str, Tensor] = turn.once("crossed", make)
        return made

    def generate(turn: Turn) -> Tensor:
        made = crossed(turn)
        fooled = 2 * sum(losses.least_squares_g(logits) for logits in (*judge_a(made["a"]), *judge_b(made["b"])))
        again = sum(
            l1_loss(side.decode(made[f"content_{name}"], side.style(turn.real[name])).float(), turn.real[name])
            for name, side in (("a", a), ("b", b))
        )
        codes = l1_loss(b.content(made["b"]), made["content_a"]) + l1_loss(a.content(made["a"]), made["content_b"])
        styles = l1_loss(a.style(made["a"]), made["drawn_a"]) + l1_loss(b.style(made["b"]), made["drawn_b"])
        return fooled + image_weight * again + code_weight * (codes + styles)

    def discriminate(turn: Turn) -> Tensor:
        made = crossed(turn)
        sides = ((judge_a, "a"), (judge_b, "b"))
        said = [zip(side(turn.real[name]), side(made[name].detach()), strict=True) for side, name in sides]
        return torch.stack([losses.least_squares_d(real, fake) for scales in said for real, fake in scales]).sum()

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        here, there = networks["source"], networks["generator"]
        assert isinstance(here, Autoencoder) and isinstance(there, Autoencoder)
        drawn = torch.randn(n, style, generator=generator).to(given["a"].device)
        return there.decode(here.content(given["a"]), drawn)

    return Adversary(
        networks={"source": a, "generator": b, "judge_a": judge_a, "judge_b": judge_b},
        players={
            "generator": Player(("source", "generator"), adam(recipe.lr_g, recipe.beta1, recipe.beta2)),
            "discriminator": Player(("judge_a", "judge_b"), adam(recipe.lr_d, recipe.beta1, recipe.beta2)),
        },
        phases=(Phase("adversarial", (Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))),),
        sample=sample,
        averaged=("source", "generator"),
    )
