"""Training images a second of dcgan and stylegan2 through our loop, as a ratio to a plain hand-written torch loop.

Same networks, batch, optimiser settings, precision and number of threads; the two take turns in one process, so that a machine
whose speed wanders hits both alike. A matrix product timed between the turns says how fast the machine was.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from benchmarks import plain_stylegan2
from models.contract import Precision, Recipe
from models.data import load
from models.data.dataset import Dataset
from models.game import Game
from models.hardware import settle
from models.networks import build, stylegan2

TURNS = 5
STEPS = 4
SETTINGS: tuple[tuple[str, Precision, bool], ...] = (
    ("fp32", "fp32", False),
    ("fp32 channels_last *", "fp32", True),
    ("bf16", "bf16", False),
    ("bf16 channels_last", "bf16", True),
)
STYLE = Recipe(
    architecture="stylegan2",
    dataset="mnist-5k",
    resolution=32,
    channels=3,
    latent_dim=128,
    width=16,
    batch_size=16,
    lr_g=2e-3,
    lr_d=2e-3,
    beta1=0.0,
    beta2=0.99,
    gradient_penalty=0.01,
)
STYLE_STEPS = 16
"""A whole period of its regularisers."""
RECIPE = Recipe(architecture="dcgan", dataset="mnist-5k", resolution=32, channels=3, latent_dim=100, width=64, batch_size=64)


@dataclass(frozen=True)
class Row:
    """One setting; `ratio` is the median of the ratios of neighbouring turns, above 1 where our loop is faster."""

    setting: str
    images_per_second: float
    plain_images_per_second: float
    ratio: float
    matmul_gflops: float


def main() -> list[Row]:
    """Prints the table and returns its rows."""
    settle(0)
    data = load(RECIPE)
    rows = table(RECIPE, data, plain_loop(data), STEPS)
    lazy = (stylegan2.DEPTH, stylegan2.R1_EVERY, stylegan2.PATH_EVERY)
    return rows + table(STYLE, data, plain_stylegan2.plain_loop(data, STYLE, *lazy), STYLE_STEPS)


def table(recipe: Recipe, data: Dataset, plain: Callable[[], None], steps: int) -> list[Row]:
    """One row for each setting of our loop."""
    rows = []
    size = f"{recipe.architecture} {recipe.resolution} px, width {recipe.width}, batch {recipe.batch_size}"
    print(f"{size}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'our loop':<24}{'images/s':>10}{'plain fp32':>12}{'ratio':>8}{'matmul GFLOP/s':>16}")
    for setting, precision, channels_last in SETTINGS:
        ours = our_loop(data, replace(recipe, precision=precision), channels_last)
        row = race(setting, ours, plain, steps * recipe.batch_size, steps)
        print(
            f"{row.setting:<24}{row.images_per_second:>10.0f}{row.plain_images_per_second:>12.0f}{row.ratio:>8.2f}"
            f"{row.matmul_gflops:>16.0f}",
            flush=True,
        )
        rows.append(row)
    print("* our default; both loops draw real batches, ours also keeps a moving average of the generator")
    return rows


def race(setting: str, ours: Callable[[], None], plain: Callable[[], None], images: int, steps: int) -> Row:
    """`images` are trained on in a turn of so many steps."""
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    speeds = []
    for step in (ours, plain):
        step()
        step()
    for _ in range(TURNS):
        speeds.append(matmul())
        for name, step in (("ours", ours), ("plain", plain)):
            start = time.perf_counter()
            for _ in range(steps):
                step()
            times[name].append(time.perf_counter() - start)
    return Row(
        setting,
        images / statistics.median(times["ours"]),
        images / statistics.median(times["plain"]),
        statistics.median(b / a for a, b in zip(times["ours"], times["plain"], strict=True)),
        statistics.median(speeds),
    )


def our_loop(data: Dataset, recipe: Recipe, channels_last: bool) -> Callable[[], None]:
    game = Game(replace(build(recipe, data), channels_last=channels_last), recipe, data, torch.device("cpu"))
    return game.play


def plain_loop(data: Dataset) -> Callable[[], None]:
    """What a tutorial would write: one batch of fakes for both sides, labels of ones and zeros, Adam as it comes."""
    generator, discriminator = plain_networks()
    betas = (RECIPE.beta1, RECIPE.beta2)
    g_adam, d_adam = (torch.optim.Adam(net.parameters(), RECIPE.lr_g, betas) for net in (generator, discriminator))
    ones, zeros, n = torch.ones(RECIPE.batch_size, 1), torch.zeros(RECIPE.batch_size, 1), RECIPE.batch_size
    images = data.fields["image"]

    def step() -> None:
        real = images[torch.randint(len(images), (n,))].float() / 127.5 - 1
        fake = generator(torch.rand(n, RECIPE.latent_dim, 1, 1) * 2 - 1)
        d_loss = bce(discriminator(real), ones) + bce(discriminator(fake.detach()), zeros)
        d_adam.zero_grad()
        d_loss.backward()  # type: ignore[no-untyped-call]
        d_adam.step()
        g_loss = bce(discriminator(fake), ones)
        g_adam.zero_grad()
        g_loss.backward()  # type: ignore[no-untyped-call]
        g_adam.step()

    return step


def plain_networks(width: int = RECIPE.width) -> tuple[nn.Module, nn.Module]:
    """DCGAN at 32 px, layer by layer."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(RECIPE.latent_dim, width * 4, 4, 1, 0, bias=False),
        nn.BatchNorm2d(width * 4),
        nn.ReLU(True),
        nn.ConvTranspose2d(width * 4, width * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width * 2),
        nn.ReLU(True),
        nn.ConvTranspose2d(width * 2, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(True),
        nn.ConvTranspose2d(width, RECIPE.channels, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(RECIPE.channels, width, 4, 2, 1),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(width, width * 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width * 2),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(width * 2, width * 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width * 4),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(width * 4, 1, 4, 1, 0),
        nn.Flatten(),
    )
    return generator, discriminator


def matmul(n: int = 1024) -> float:
    """GFLOP/s of a fp32 matrix product, best of a few."""
    a, b = torch.randn(n, n), torch.randn(n, n)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * n**3 / best / 1e9


if __name__ == "__main__":
    main()
