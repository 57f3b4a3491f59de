"""StyleGAN2 as one would write it from the paper: per-sample weights in grouped convolutions, one pass for each operation, Adam as it
comes. The peer of benchmarks/training.py; same layers and regularisers at the same steps as ours."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import log, sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, interpolate, leaky_relu, linear, softplus

from models.contract import Recipe
from models.data.dataset import Dataset
from models.style import channels


class Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0) -> None:
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.randn(outputs, inputs) / rate),
            nn.Parameter(torch.full((outputs,), bias / rate)),
        )
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight * (self.rate / sqrt(self.weight.shape[1])), self.bias * self.rate)


def act(x: Tensor) -> Tensor:
    return leaky_relu(x, 0.2) * sqrt(2)


def blur(x: Tensor, padding: int, stride: int = 1, gain: float = 1.0) -> Tensor:
    line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = (gain * line[:, None] * line).expand(x.shape[1], 1, 4, 4)
    return conv2d(x, kernel, None, stride, padding, groups=x.shape[1])


class Modulated(nn.Module):
    def __init__(self, inputs: int, outputs: int, style: int, kernel: int = 3, up: bool = False, demodulate: bool = True) -> None:
        super().__init__()
        self.affine, self.up, self.demodulate = Dense(style, inputs, 1.0), up, demodulate
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(1, outputs, 1, 1))
        self.strength = nn.Parameter(torch.zeros(())) if demodulate else None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        n, outputs, inputs, k = len(x), *self.weight.shape[1:4]
        weight = self.weight / sqrt(inputs * k * k) * self.affine(w).view(n, 1, inputs, 1, 1)
        if self.demodulate:
            weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        x = x.reshape(1, n * inputs, *x.shape[2:])
        if self.up:
            x = conv_transpose2d(x, weight.transpose(1, 2).reshape(n * inputs, outputs, k, k), stride=2, groups=n)
            x = blur(x.view(n, outputs, *x.shape[2:]), 1, gain=4.0)
        else:
            x = conv2d(x, weight.view(n * outputs, inputs, k, k), padding=k // 2, groups=n)
            x = x.view(n, outputs, *x.shape[2:])
        if self.strength is None:
            return x + self.bias
        return act(x + self.strength * torch.randn(n, 1, *x.shape[2:]) + self.bias)


class Generator(nn.Module):
    def __init__(self, recipe: Recipe, depth: int) -> None:
        super().__init__()
        wide = [channels(recipe.resolution, 4 * 2**i, recipe.width) for i in range((recipe.resolution // 4).bit_length())]
        size = recipe.latent_dim
        self.mapping = nn.ModuleList(Dense(size, size, rate=0.01) for _ in range(depth))
        self.constant = nn.Parameter(torch.randn(1, wide[0], 4, 4))
        self.convs = nn.ModuleList([Modulated(wide[0], wide[0], size)])
        for a, b in pairwise(wide):
            self.convs += [Modulated(a, b, size, up=True), Modulated(b, b, size)]
        self.images = nn.ModuleList(Modulated(n, recipe.channels, size, 1, demodulate=False) for n in wide)
        self.layers = 2 * len(wide)

    def styles(self, z: Tensor) -> Tensor:
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.mapping:
            x = act(layer(x))
        return x

    def synthesise(self, w: Tensor) -> Tensor:
        x = self.convs[0](self.constant.expand(len(w), -1, -1, -1), w[:, 0])
        image: Tensor = self.images[0](x, w[:, 1])
        for i, to_image in enumerate(self.images[1:]):
            x = self.convs[2 * i + 2](self.convs[2 * i + 1](x, w[:, 2 * i + 1]), w[:, 2 * i + 2])
            image = interpolate(image, scale_factor=2, mode="bilinear") + to_image(x, w[:, 2 * i + 3])
        return image

    def forward(self, z: Tensor) -> Tensor:
        first, second = self.styles(z), self.styles(torch.randn_like(z))
        cut = torch.randint(1, self.layers, (len(z), 1, 1))
        late = (torch.arange(self.layers)[None, :, None] >= cut) & (torch.rand(len(z), 1, 1) < 0.9)
        return self.synthesise(torch.where(late, second[:, None], first[:, None]))


class Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, down: bool = False, bias: bool = True) -> None:
        super().__init__()
        self.weight, self.down = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel)), down
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        k = self.weight.shape[2]
        weight = self.weight / sqrt(self.weight.shape[1] * k * k)
        if self.down:
            return conv2d(blur(x, 2 if k == 3 else 1), weight, self.bias, stride=2)
        return conv2d(x, weight, self.bias, padding=k // 2)


class Discriminator(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        wide = [channels(recipe.resolution, 4 * 2**i, recipe.width) for i in range((recipe.resolution // 4).bit_length())][::-1]
        self.first = Conv(recipe.channels, wide[0], 1)
        self.blocks = nn.ModuleList(
            nn.ModuleList([Conv(a, a, 3), Conv(a, b, 3, down=True), Conv(a, b, 1, down=True, bias=False)])
            for a, b in pairwise(wide)
        )
        self.last, self.dense, self.out = Conv(wide[-1] + 1, wide[-1], 3), Dense(wide[-1] * 16, wide[-1]), Dense(wide[-1], 1)

    def forward(self, images: Tensor) -> Tensor:
        x = act(self.first(images))
        for one, two, skip in self.blocks:  # type: ignore[misc]
            x = (act(two(act(one(x)))) + skip(x)) / sqrt(2)  # type: ignore[has-type]
        spread = (x.view(4, -1, *x.shape[1:]).var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3)).repeat(4)
        x = act(self.last(torch.cat((x, spread.view(-1, 1, 1, 1).expand(-1, 1, 4, 4)), 1)))
        logits: Tensor = self.out(act(self.dense(x.flatten(1))))
        return logits


def plain_loop(data: Dataset, recipe: Recipe, depth: int, r1_every: int, path_every: int) -> Callable[[], None]:
    """One step; R1 and path length at every n-th."""
    generator, discriminator = Generator(recipe, depth), Discriminator(recipe)
    betas = (recipe.beta1, recipe.beta2)
    g_adam, d_adam = (torch.optim.Adam(net.parameters(), recipe.lr_g, betas) for net in (generator, discriminator))
    images, n, count, mean = data.fields["image"], recipe.batch_size, 0, torch.zeros(())

    def update(adam: torch.optim.Optimizer, loss: Tensor) -> None:
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()

    def step() -> None:
        nonlocal count, mean
        count += 1
        real = images[torch.randint(len(images), (n,))].float() / 127.5 - 1
        fake = generator(torch.randn(n, recipe.latent_dim))
        update(d_adam, softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean())
        update(g_adam, softplus(-discriminator(fake)).mean())
        if count % r1_every == 0:
            real.requires_grad_()
            (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
            update(d_adam, 0.5 * recipe.gradient_penalty * r1_every * slope.square().sum((1, 2, 3)).mean())
        if count % path_every == 0:
            w = generator.styles(torch.randn(n // 2, recipe.latent_dim))
            made = generator.synthesise(w[:, None].expand(-1, generator.layers, -1))
            noise = torch.randn_like(made) / made.shape[-1]
            (slope,) = torch.autograd.grad((made * noise).sum(), w, create_graph=True)
            lengths = slope.square().sum(1).sqrt()
            mean = mean.lerp(lengths.mean().detach(), 0.01)
            update(g_adam, path_every * (lengths - mean).square().mean() * log(2) / (log(made.shape[-1]) - log(2)))

    return step
