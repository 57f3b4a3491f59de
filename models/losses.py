"""The losses of the literature, each once. Logits in, mean over the batch out; a discriminator's loss takes (real, fake)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


def logistic_d(real: Tensor, fake: Tensor) -> Tensor:
    """Cross entropy of the 2014 GAN, arXiv:1406.2661 eq. 1, on logits."""
    return softplus(-real).mean() + softplus(fake).mean()


def non_saturating_g(fake: Tensor) -> Tensor:
    """-log D(G(z)): what arXiv:1406.2661 section 3 trains the generator with."""
    return softplus(-fake).mean()


def minimax_g(fake: Tensor) -> Tensor:
    """log(1 - D(G(z))): its gradient vanishes where the discriminator is sure."""
    return -softplus(fake).mean()


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """arXiv:1705.02894, arXiv:1802.05957 eq. 16."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def of_each(loss: Callable[..., Tensor], sizes: Sequence[int]) -> Callable[..., Tensor]:
    """The loss of several discriminators whose logits stand beside each other, so many columns each: the sum of their losses."""

    def summed(*logits: Tensor) -> Tensor:
        columns = zip(*(torch.split(x, list(sizes), 1) for x in logits), strict=True)
        return torch.stack([loss(*parts) for parts in columns]).sum()

    return summed


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """arXiv:1701.07875; needs a Lipschitz constraint beside it."""
    return fake.mean() - real.mean()


def linear_g(fake: Tensor) -> Tensor:
    """-D(G(z)): the generator's side of both hinge and Wasserstein."""
    return -fake.mean()


def least_squares_d(real: Tensor, fake: Tensor) -> Tensor:
    """arXiv:1611.04076 eq. 9, a = 0, b = c = 1."""
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def least_squares_g(fake: Tensor) -> Tensor:
    return 0.5 * (fake - 1).square().mean()


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """Mean (|grad D| - 1)^2 on straight lines between real and fake, arXiv:1704.00028 eq. 3. Not weighted."""
    mix = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    between = torch.lerp(real, fake.detach(), mix).requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    # Not the root of a sum, whose gradient is NaN where a critic is flat.
    norms: Tensor = torch.linalg.vector_norm(slope.float().flatten(1), dim=1)
    return (norms - 1).square().mean()


def r1(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Mean |grad D|^2 at real samples, half, arXiv:1801.04406 eq. 9 with gamma = 1."""
    real = real.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return 0.5 * slope.float().square().flatten(1).sum(1).mean()
