"""Building blocks of image networks, each once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

__all__ = ["doublings", "normal_init", "normal_latent", "spectral", "uniform_latent"]


def doublings(resolution: int, start: int = 4) -> int:
    """How often `start` doubles to reach the resolution. Raises ValueError when it never does."""
    times, rest = divmod(resolution, start)
    if rest or times < 2 or times.bit_count() > 1:
        raise ValueError(f"recipe.resolution must be {start} times a power of two from {2 * start} on, not {resolution}")
    return times.bit_length() - 1


def normal_latent(n: int, dim: int, *, device: torch.device | None = None, generator: torch.Generator | None = None) -> Tensor:
    """n x dim from the standard normal."""
    return torch.randn(n, dim, device=device, generator=generator)


def uniform_latent(n: int, dim: int, *, device: torch.device | None = None, generator: torch.Generator | None = None) -> Tensor:
    """n x dim uniform on [-1, 1]."""
    return torch.rand(n, dim, device=device, generator=generator) * 2 - 1


def normal_init(network: nn.Module, std: float = 0.02) -> nn.Module:
    """Weights N(0, std), scales of BatchNorm N(1, std), biases 0, in place: arXiv:1511.06434 section 4."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0, std)
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d) and module.affine:
            nn.init.normal_(module.weight, 1, std)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    return network


def spectral(network: nn.Module) -> nn.Module:
    """Spectral normalisation of every convolution and linear layer, in place, one power iteration a step: arXiv:1802.05957."""
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            spectral_norm(module, eps=1e-12)
    return network


class Reshape(nn.Module):
    """N x (C*s*s) -> N x C x s x s."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.shape = (channels, side, side)

    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), *self.shape)


def dcgan_generator(recipe_resolution: int, channels: int, latent_dim: int, width: int) -> nn.Sequential:
    """latent -> 4x4 -> doubled by strided transposed convolutions -> tanh; BatchNorm and ReLU between. arXiv:1511.06434 fig. 1."""
    n = doublings(recipe_resolution)
    wide = width * 2 ** (n - 1)
    layers: list[nn.Module] = [
        nn.Linear(latent_dim, wide * 16, bias=False),
        Reshape(wide, 4),
        nn.BatchNorm2d(wide),
        nn.ReLU(inplace=True),
    ]
    for _ in range(n - 1):
        layers += [
            nn.ConvTranspose2d(wide, wide // 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(wide // 2),
            nn.ReLU(inplace=True),
        ]
        wide //= 2
    return nn.Sequential(*layers, nn.ConvTranspose2d(wide, channels, 4, 2, 1), nn.Tanh())


def dcgan_discriminator(
    recipe_resolution: int, channels: int, width: int, norm: Callable[[int], nn.Module] | None = nn.BatchNorm2d, outputs: int = 1
) -> nn.Sequential:
    """Strided convolutions down to 4x4 -> one logit, or more outputs; leaky ReLU 0.2, normalised in all but the first layer."""
    n = doublings(recipe_resolution)
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for _ in range(n - 1):
        layers.append(nn.Conv2d(width, width * 2, 4, 2, 1, bias=norm is None))
        width *= 2
        layers += ([norm(width)] if norm else []) + [nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * 16, outputs))


def cnn_generator(recipe_resolution: int, channels: int, latent_dim: int, width: int) -> nn.Sequential:
    """latent -> 4x4 -> doubled by transposed convolutions -> a last 3x3; BatchNorm, ReLU between. arXiv:1802.05957 table 3."""
    n = doublings(recipe_resolution)
    wide = width * 2**n
    layers: list[nn.Module] = [nn.Linear(latent_dim, wide * 16), Reshape(wide, 4)]
    for _ in range(n):
        layers += [nn.ConvTranspose2d(wide, wide // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(wide // 2), nn.ReLU(inplace=True)]
        wide //= 2
    return nn.Sequential(*layers, nn.Conv2d(wide, channels, 3, 1, 1), nn.Tanh())


def cnn_discriminator(recipe_resolution: int, channels: int, width: int, *, norm: bool = False) -> nn.Sequential:
    """3x3 and halving 4x4 by turns, a last 3x3 at 4x4 -> one logit; leaky ReLU 0.1, BatchNorm if `norm`. arXiv:1802.05957 table 3."""
    layers: list[nn.Module] = []

    def layer(before: int, after: int, kernel: int, stride: int) -> None:
        layers.extend((nn.Conv2d(before, after, kernel, stride, 1), nn.BatchNorm2d(after) if norm else nn.Identity()))
        layers.append(nn.LeakyReLU(0.1, inplace=True))

    for _ in range(doublings(recipe_resolution)):
        layer(channels, width, 3, 1)
        layer(width, width, 4, 2)
        channels, width = width, 2 * width
    layer(channels, width, 3, 1)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * 16, 1))
