"""Building blocks of StyleGAN2 and of whatever trains with an equalised learning rate, each once.

Written from arXiv:1710.10196 (equalised rate, minibatch deviation), arXiv:1812.04948 (mapping, noise, mixing) and arXiv:1912.04958
(modulation, skip generator, residual discriminator). Leaky ReLUs with slope 0.2 are positively homogeneous, so their gain of the
square root of 2 is put into the small factors before them and costs no pass over the activations.
"""

from __future__ import annotations

from itertools import pairwise
from math import gcd, sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, leaky_relu, linear, one_hot

from models.parts import doublings

MOST = 512
"""Channels at most, arXiv:1710.10196 table 2."""
MIXING = 0.9
"""Share of training samples made from two latents, arXiv:1812.04948 section 3.1."""
GAIN = sqrt(2)


def channels(recipe_resolution: int, at: int, width: int) -> int:
    """Channels at a side of `at`: `width` at the full one, doubled at each halving, 512 at most."""
    return min(width * recipe_resolution // at, MOST)


def leaky(x: Tensor) -> Tensor:
    """In place."""
    return leaky_relu(x, 0.2, inplace=True)


def normalised(x: Tensor) -> Tensor:
    """Each vector over dimension 1 scaled to a mean square of 1, arXiv:1710.10196 section 4.2."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def minibatch_deviation(x: Tensor, group: int = 4) -> Tensor:
    """NxCxHxW with one more channel: the standard deviation within groups of `group` samples, averaged over features and places."""
    size = gcd(len(x), group)
    groups = x.float().reshape(size, -1, *x.shape[1:])
    deviation = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    plane = deviation.to(x.dtype).repeat(size).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
    return torch.cat((x, plane), 1)


class EqualLinear(nn.Module):
    """Weights N(0, 1), scaled at run time by what He's initialisation would take; `rate` multiplies the learning rate."""

    def __init__(self, inputs: int, outputs: int, *, bias: float = 0.0, rate: float = 1.0, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.scale, self.shift = gain * rate / sqrt(inputs), gain * rate

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * self.scale, self.bias * self.shift)


class EqualConv(nn.Module):
    """The same for a convolution that keeps the side, or halves it after a low-pass filter."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        *,
        gain: float = 1.0,
        bias: bool = True,
        down: bool = False,
        pad: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale, self.shift = gain / sqrt(inputs * kernel**2), gain
        self.padding = kernel // 2 if pad else 0
        self.blur = Blur() if down else None

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight * self.scale, None if self.bias is None else self.bias * self.shift
        if self.blur is None:
            return conv2d(x, weight, bias, padding=self.padding)
        if self.padding:
            return conv2d(self.blur(x, 2), weight, bias, stride=2)
        return conv2d(self.blur(x, 1, stride=2), weight, bias)


class Blur(nn.Module):
    """The filter [1, 3, 3, 1] along both sides as one depthwise convolution: arXiv:1912.04958 appendix B, from arXiv:1904.11486."""

    kernel: Tensor

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", (gain * line[:, None] * line).view(1, 1, 4, 4), persistent=False)

    def forward(self, x: Tensor, padding: int, stride: int = 1) -> Tensor:
        count = x.shape[1]
        return conv2d(x, self.kernel.expand(count, 1, 4, 4), None, stride, padding, groups=count)


class StyledConv(nn.Module):
    """3x3 convolution with modulated and demodulated weights, noise, bias, leaky ReLU: arXiv:1912.04958 section 2.2.

    The style scales the input and the demodulation the output, which equals scaling the weights of each sample (eq. 1 and 3) and
    keeps one convolution for the whole batch.
    """

    def __init__(self, inputs: int, outputs: int, style: int, *, up: bool = False) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.strength = nn.Parameter(torch.zeros(()))
        self.scale = 1 / sqrt(9 * inputs)
        self.blur = Blur(4.0) if up else None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style, weight = self.affine(w), self.weight * self.scale
        norms = (linear(style.square(), weight.square().sum((2, 3))) + 1e-8).rsqrt()
        x = x * style[:, :, None, None].to(x.dtype)
        up = self.blur
        x = up(conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1) if up else conv2d(x, weight, padding=1)
        noise = torch.randn(len(x), 1, *x.shape[2:], device=x.device, dtype=x.dtype) * (GAIN * self.strength)
        x = torch.addcmul(noise, x, (GAIN * norms)[:, :, None, None].to(x.dtype))
        return leaky(x + (GAIN * self.bias).view(-1, 1, 1).to(x.dtype))


class ToImage(nn.Module):
    """1x1 convolution with modulated weights: a small matrix for each sample."""

    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.affine = EqualLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = 1 / sqrt(inputs)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        weight = self.weight * self.scale * self.affine(w)[:, None]
        places = x.permute(0, 2, 3, 1).flatten(1, 2)
        image: Tensor = (places @ weight.transpose(1, 2)).unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)
        return image + self.bias.view(-1, 1, 1)


class Mapping(nn.Module):
    """Latent and label -> style: arXiv:1812.04948 section 2, rate 0.01; the label as in arXiv:2006.06676 appendix F."""

    def __init__(self, latent: int, depth: int, classes: int = 0) -> None:
        super().__init__()
        self.classes = classes
        self.embed = EqualLinear(classes, latent) if classes else None
        inputs = [latent * (2 if classes else 1), *[latent] * (depth - 1)]
        self.layers = nn.ModuleList(EqualLinear(n, latent, rate=0.01, gain=GAIN) for n in inputs)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = normalised(z)
        if self.embed is not None and label is not None:
            x = torch.cat((x, normalised(self.embed(one_hot(label, self.classes).to(x.dtype)))), 1)
        for layer in self.layers:
            x = leaky(layer(x))
        return x


class StyleGenerator(nn.Module):
    """Mapping and skip generator of arXiv:1912.04958 figure 7b: the image is a sum of those of all resolutions."""

    def __init__(
        self, resolution: int, image: int, latent: int, width: int, depth: int, classes: int = 0, mixing: float = MIXING
    ) -> None:
        super().__init__()
        self.mapping, self.mixing = Mapping(latent, depth, classes), mixing
        sides = [4 * 2**i for i in range(doublings(resolution) + 1)]
        wide = [channels(resolution, side, width) for side in sides]
        self.layers = 2 * len(sides)
        self.constant = nn.Parameter(torch.randn(1, wide[0], 4, 4))
        self.first = StyledConv(wide[0], wide[0], latent)
        self.grow = nn.ModuleList(StyledConv(a, b, latent, up=True) for a, b in pairwise(wide))
        self.convs = nn.ModuleList(StyledConv(n, n, latent) for n in wide[1:])
        self.images = nn.ModuleList(ToImage(n, image, latent) for n in wide)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        styles: Tensor = self.mapping(z, label)[:, None].expand(-1, self.layers, -1)
        if self.training:
            other = self.mapping(torch.randn_like(z), label)[:, None]
            cut = torch.randint(1, self.layers, (len(z), 1), device=z.device)
            mixed = torch.rand(len(z), 1, device=z.device) < self.mixing
            late = (torch.arange(self.layers, device=z.device) >= cut) & mixed
            styles = torch.where(late[:, :, None], other, styles)
        return self.synthesise(styles)

    def synthesise(self, styles: Tensor) -> Tensor:
        """One style for each layer, N x layers x latent, to images."""
        w = styles.unbind(1)
        x = self.first(self.constant.expand(len(styles), -1, -1, -1), w[0])
        image: Tensor = self.images[0](x, w[1])
        for i, (grow, conv, to_image) in enumerate(zip(self.grow, self.convs, self.images[1:], strict=True)):
            x = conv(grow(x, w[2 * i + 1]), w[2 * i + 2])
            # Bilinear doubling is the filter [1, 3, 3, 1] with its edge repeated.
            image = interpolate(image, scale_factor=2, mode="bilinear") + to_image(x, w[2 * i + 3])
        return image


class ResidualBlock(nn.Module):
    """Two convolutions that halve the side, beside a 1x1 one: arXiv:1912.04958 figure 7c."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualConv(inputs, inputs, 3, gain=GAIN)
        # Both branches are divided by the square root of 2: it cancels the gain of the second and is put into the skip.
        self.second = EqualConv(inputs, outputs, 3, down=True)
        self.skip = EqualConv(inputs, outputs, 1, gain=1 / GAIN, bias=False, down=True, pad=False)

    def forward(self, x: Tensor) -> Tensor:
        straight: Tensor = self.skip(x)
        return straight + leaky(self.second(leaky(self.first(x))))


class StyleDiscriminator(nn.Module):
    """Residual discriminator with one channel of minibatch deviation; a label is projected as in arXiv:1802.05637."""

    def __init__(self, resolution: int, image: int, width: int, classes: int = 0) -> None:
        super().__init__()
        sides = [resolution // 2**i for i in range(doublings(resolution) + 1)]
        wide = [channels(resolution, side, width) for side in sides]
        self.classes = classes
        self.first = EqualConv(image, wide[0], 1, gain=GAIN)
        self.blocks = nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(wide))
        self.last = EqualConv(wide[-1] + 1, wide[-1], 3, gain=GAIN)
        self.dense = EqualLinear(wide[-1] * 16, wide[-1], gain=GAIN)
        self.out = EqualLinear(wide[-1], wide[-1] if classes else 1)
        self.embed = EqualLinear(classes, wide[-1]) if classes else None

    def forward(self, images: Tensor, label: Tensor | None = None) -> Tensor:
        x = leaky(self.first(images))
        for block in self.blocks:
            x = block(x)
        x = leaky(self.last(minibatch_deviation(x)))
        said: Tensor = self.out(leaky(self.dense(x.flatten(1))))
        if self.embed is None or label is None:
            return said
        return (said * normalised(self.embed(one_hot(label, self.classes).to(x.dtype)))).sum(1, keepdim=True) / sqrt(
            said.shape[1]
        )
