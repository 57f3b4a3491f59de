"""SPADE, Park, Liu, Wang and Zhu 2019, arXiv:1903.07291: a label map sets scale and shift of every normalisation, place by place.

Section 3 and appendix A: the label map alone goes in, resized to 1/32 of the side and then, at every size, to the map to be modulated;
seven residual blocks with doublings between; spectral normalisation on both sides. Two discriminators of patches, at the full side
and half of it, judge image and label map together: hinge loss, feature matching and perceptual distance weighted 10 (`options.match`,
`options.perceptual`). Section 4: Adam with betas 0 and 0.9, rates 1e-4 and 4e-4; 93.0 M parameters in the generator for 36 labels.
The colours of label maps become labels; where there are more than 64 colours, the image that is given stands in their place. Without
the encoder of styles; the perceptual distance is that of models/perceptual.py. Any power of two from 8 px on.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, l1_loss, leaky_relu, one_hot
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils._python_dispatch import _disable_current_modes

from models import losses
from models.adversary import Adversary, Batch
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import doublings
from models.perceptual import Content
from models.translation import guided, option

TASKS = ("paired-image-translation",)
DEFAULTS = {"batch_size": 32, "width": 64, "lr_g": 1e-4, "lr_d": 4e-4, "beta1": 0.0, "beta2": 0.9}
ON_CPU = {"width": 4}
HIDDEN = 2
"""Channels between a label map and its scales, in widths."""
SHARES = (16, 16, 16, 8, 4, 2, 1)
"""Channels after each block, in widths."""
DOUBLED = (0, 2, 3, 4, 5)
"""Blocks after which the side doubles; an image of less than 128 px leaves out the last of them."""
MOST_LABELS = 64
FLAT = 0.75
"""Part of the pixels that the labels must cover; the others, blended by resizing, take the nearest."""
RARE = 1e-3
"""Colours of fewer of the pixels are no labels."""
LOOKED_AT = 200


def build(recipe: Recipe, data: Dataset) -> Adversary:
    layout = Layout(_looked_at(data), recipe.channels)
    generator = Generator(recipe.resolution, recipe.channels, layout.channels, recipe.width)
    generator.layout = layout
    discriminator = Discriminator(recipe.resolution, recipe.channels + layout.channels, recipe.width)
    for network in (generator, discriminator):
        initialised(network)
    match, perceptual = option(recipe, "match", 10.0), option(recipe, "perceptual", 10.0)
    content = Content() if perceptual else None

    def judge(batch: Batch, images: Tensor) -> list[list[Tensor]]:
        found: list[list[Tensor]] = discriminator(torch.cat((layout(batch["input"]), images), 1))
        return found

    def d_loss(batch: Batch, made: Tensor) -> Tensor:
        pairs = zip(judge(batch, batch["target"]), judge(batch, made), strict=True)
        return torch.stack([losses.hinge_d(real[-1].float(), fake[-1].float()) for real, fake in pairs]).mean()

    def g_loss(batch: Batch, made: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = judge(batch, batch["target"])
        found = judge(batch, made)
        loss = torch.stack([losses.linear_g(maps[-1].float()) for maps in found]).mean()
        apart = [
            l1_loss(a.float(), b.float())
            for fake, real in zip(found, wanted, strict=True)
            for a, b in zip(fake[:-1], real[:-1], strict=True)
        ]
        loss = loss + match * torch.stack(apart).sum() / len(found)
        return loss if content is None else loss + perceptual * content(made, batch["target"])

    return guided(
        recipe,
        generator,
        discriminator,
        make=lambda network, given: network(given["input"]),
        d_loss=d_loss,
        g_loss=g_loss,
    )


def _looked_at(data: Dataset) -> np.ndarray | None:
    """The palette of the first training inputs: numbers, which a tracer of shapes must not touch."""
    with _disable_current_modes():
        return palette(data.fields["input"][:LOOKED_AT].numpy())


def palette(given: np.ndarray) -> np.ndarray | None:
    """K x C colours in -1..1 of uint8 label maps N x C x H x W, the commonest first; None where they are no label maps."""
    pixels = given.transpose(0, 2, 3, 1).reshape(-1, given.shape[1])
    colours, counts = np.unique(pixels, axis=0, return_counts=True)
    share = counts / counts.sum()
    order = np.argsort(-share, kind="stable")[:MOST_LABELS]
    kept = order[share[order] >= RARE]
    return None if share[kept].sum() < FLAT or len(kept) < 2 else colours[kept].astype(np.float32) / 127.5 - 1


class Layout(nn.Module):
    """Label maps N x C x H x W in -1..1 -> N x K x H x W, 1 where the pixel has the label, by the nearest colour; without colours the
    image itself."""

    colours: Tensor

    def __init__(self, colours: np.ndarray | None, channels: int) -> None:
        super().__init__()
        self.channels = channels if colours is None else len(colours)
        self.register_buffer("colours", torch.zeros(0, channels) if colours is None else torch.from_numpy(colours))

    def forward(self, given: Tensor) -> Tensor:
        if not len(self.colours):
            return given
        apart = (given[:, None] - self.colours[None, :, :, None, None]).square().sum(2)
        return one_hot(apart.argmin(1), self.channels).permute(0, 3, 1, 2).to(given.dtype)


class Generator(nn.Module):
    """What a Layout makes of N x C x S x S -> images N x C x S x S in -1..1."""

    def __init__(self, resolution: int, channels: int, labels: int, width: int) -> None:
        super().__init__()
        self.layout: nn.Module = nn.Identity()
        times = min(5, doublings(resolution))
        self.side = resolution // 2**times
        wide = [width * share for share in (SHARES[0], *SHARES)]
        self.first = nn.Conv2d(labels, wide[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(a, b, labels, HIDDEN * width) for a, b in zip(wide, wide[1:], strict=False))  # noqa: RUF007
        self.doubled = DOUBLED[:times]
        self.image = nn.Conv2d(wide[-1], channels, 3, padding=1)

    def forward(self, given: Tensor) -> Tensor:
        labels: Tensor = self.layout(given)
        x = self.first(interpolate(labels, (self.side, self.side), mode="nearest"))
        for i, block in enumerate(self.blocks):
            x = block(x, labels)
            if i in self.doubled:
                x = interpolate(x, scale_factor=2, mode="nearest")
        return torch.tanh(self.image(leaky_relu(x, 0.2)))


class Modulated(nn.Module):
    """Normalised over the batch, then scaled and shifted by what two convolutions make of the label map: eq. 1."""

    def __init__(self, width: int, labels: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.shared = nn.Sequential(nn.Conv2d(labels, hidden, 3, padding=1), nn.ReLU())
        self.scale, self.shift = (nn.Conv2d(hidden, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        hidden = self.shared(interpolate(labels, x.shape[2:], mode="nearest"))
        modulated: Tensor = self.norm(x) * (1 + self.scale(hidden)) + self.shift(hidden)
        return modulated


class Block(nn.Module):
    """Two modulated convolutions added to what comes in, which is modulated too where the width changes: figure 4."""

    def __init__(self, inputs: int, outputs: int, labels: int, hidden: int) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.norms = nn.ModuleList(Modulated(width, labels, hidden) for width in (inputs, middle))
        self.convs = nn.ModuleList(spectral_norm(nn.Conv2d(a, b, 3, padding=1)) for a, b in ((inputs, middle), (middle, outputs)))
        self.direct = inputs == outputs
        if not self.direct:
            self.norm = Modulated(inputs, labels, hidden)
            self.conv = spectral_norm(nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(leaky_relu(norm(y, labels), 0.2))
        beside: Tensor = x if self.direct else self.conv(self.norm(x, labels))
        return beside + y


class Discriminator(nn.Module):
    """Of each of two scales the maps of all layers, the logits of its patches last."""

    def __init__(self, resolution: int, channels: int, width: int) -> None:
        super().__init__()
        depth = min(3, doublings(resolution))
        self.scales = nn.ModuleList(patches(channels, width, depth) for _ in range(2))

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        found: list[list[Tensor]] = []
        for scale in self.scales:
            maps = [x]
            for layer in cast(nn.ModuleList, scale):
                maps.append(layer(maps[-1]))
            found.append(maps[1:])
            x = avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return found


def patches(channels: int, width: int, halvings: int) -> nn.ModuleList:
    """4x4 convolutions, halving but for the last two; normalised over space in all but the first and the last."""
    layers = [nn.Sequential(nn.Conv2d(channels, width, 4, 2, 2), nn.LeakyReLU(0.2))]
    for i in range(1, halvings + 1):
        wide = width * min(8, 2**i)
        conv = spectral_norm(nn.Conv2d(width * min(8, 2 ** (i - 1)), wide, 4, 2 if i < halvings else 1, 2, bias=False))
        layers.append(nn.Sequential(conv, nn.InstanceNorm2d(wide), nn.LeakyReLU(0.2)))
    return nn.ModuleList((*layers, nn.Sequential(nn.Conv2d(width * min(8, 2**halvings), 1, 4, 1, 2))))


def initialised(network: nn.Module) -> None:
    """Glorot's normal weights with gain 0.02, biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
