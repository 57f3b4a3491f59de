"""Training loops of packages that pip installs, each through its own interface. Benchmarks only: mind their licences.

Most were written for other releases of what they stand on: what they import and a step does not need is replaced by nothing, what they
ask of a GPU is answered on the CPU. Content does not change the time, so images are random.
"""

from __future__ import annotations

import collections.abc
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import io
import itertools
import sys
import tempfile
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.utils.data import dataloader

from benchmarks.plain import timed
from models.contract import Recipe
from models.data.dataset import Dataset
from models.data.table import Table, written
from models.networks import build, doppelganger, wgan, wgan_gp
from models.networks import ctgan as our_ctgan


class Absent(Exception):
    """A package is not installed."""


@dataclass(frozen=True)
class Loop:
    """`seconds(n)` that n calls of a package take, each of so many samples."""

    seconds: Callable[[int], float]
    samples: int
    parameters: int


@dataclass(frozen=True)
class Peer:
    recipe: Recipe
    loop: Callable[[Recipe, Dataset], tuple[str, Loop]]
    """Package with version, and how it trains the recipe's network."""
    period: int = 1
    """Steps of ours after which all have moved."""


class Nothing(types.ModuleType):
    """A module of which everything is there and does nothing."""

    __path__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(f"{self.__name__}.{name}")

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()


class Without(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds nothing under some names, which may be installed or not."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        mine = any(f"{name}.".startswith(f"{other}.") for other in self.names)
        return importlib.machinery.ModuleSpec(name, self) if mine else None

    def create_module(self, spec: Any) -> Nothing:
        return Nothing(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def package(name: str, module: str, *without: str) -> tuple[str, Any]:
    """Its name with version, and the module, imported `without` what a step does not need. Raises Absent."""
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise Absent(f"{name} is not installed: nothing to compare with") from None
    sys.meta_path.insert(0, Without(*without))
    with contextlib.redirect_stdout(io.StringIO()):
        return f"{name} {version}", importlib.import_module(module)


def count(*networks: nn.Module) -> int:
    return sum(p.numel() for network in networks for p in network.parameters())


def images(one: Recipe, n: int | None = None) -> Tensor:
    return torch.rand(n or one.batch_size, one.channels, one.resolution, one.resolution) * 2 - 1


def by_steps(step: Callable[[], object], samples: int, *networks: nn.Module) -> Loop:
    return Loop(lambda times: timed(lambda: step() and None, times), samples, count(*networks))


def torchgan(one: Recipe, _: Dataset) -> tuple[str, Loop]:
    name, trainer = package("torchgan", "torchgan.trainer", "torchvision", "tensorboardX")
    models, losses = importlib.import_module("torchgan.models"), importlib.import_module("torchgan.losses")
    adam = {"name": Adam, "args": {"lr": one.lr_g, "betas": (one.beta1, one.beta2)}}
    size = {"step_channels": one.width}
    made = {"encoding_dims": one.latent_dim, "out_size": one.resolution, "out_channels": one.channels, **size}
    networks = {
        "generator": {"name": models.DCGANGenerator, "args": made, "optimizer": adam},
        "discriminator": {
            "name": models.DCGANDiscriminator,
            "args": {"in_size": one.resolution, "in_channels": one.channels, **size},
            "optimizer": adam,
        },
    }
    folder = tempfile.mkdtemp()
    told = {"device": torch.device("cpu"), "epochs": 1, "sample_size": 8, "checkpoints": f"{folder}/m", "recon": folder}
    both = [losses.MinimaxGeneratorLoss(), losses.MinimaxDiscriminatorLoss()]
    with contextlib.redirect_stdout(io.StringIO()):
        loop = trainer.Trainer(networks, both, log_dir=folder, **told)
    loop.batch_size, loop.real_inputs, loop.labels = one.batch_size, images(one), torch.zeros(one.batch_size).long()
    return name, by_steps(loop.train_iter, one.batch_size, loop.generator, loop.discriminator)


def vegans(kind: str) -> Callable[[Recipe, Dataset], tuple[str, Loop]]:
    """Its loop around networks like ours; a call is a fit of several batches. It loses its `steps`: one of each side."""

    def loop(one: Recipe, data: Dataset) -> tuple[str, Loop]:
        dataloader._BaseDataLoaderIter.next = dataloader._BaseDataLoaderIter.__next__  # type: ignore[attr-defined]
        name, gans = package("vegans", "vegans.GAN", "torchvision", "torch.utils.tensorboard")
        pair = build(one, data).networks
        adversary = nn.Sequential(pair["discriminator"], nn.Sigmoid()) if kind == "VanillaGAN" else pair["discriminator"]
        shape = tuple(data.fields["image"].shape[1:])
        optimiser = torch.optim.RMSprop if kind == "WassersteinGAN" else Adam
        with contextlib.redirect_stdout(io.StringIO()):
            gan = getattr(gans, kind)(
                pair["generator"],
                adversary,
                z_dim=one.latent_dim,
                x_dim=shape,
                folder=None,
                device="cpu",
                secure=False,
                optim={"Generator": optimiser, "Adversary": optimiser},
            )
        batches = torch.rand(2 * one.batch_size, *shape).numpy() * 2 - 1
        told = {"epochs": 1, "batch_size": one.batch_size, "print_every": None, "save_losses_every": None}

        def fit() -> None:
            with contextlib.redirect_stdout(io.StringIO()):
                gan.fit(batches, **told)

        return name, by_steps(fit, 2 * one.batch_size, *pair.values())

    return loop


def mimicry(one: Recipe, _: Dataset) -> tuple[str, Loop]:
    six = types.ModuleType("torch._six")
    six.container_abcs, six.string_classes, six.int_classes = collections.abc, (str, bytes), int  # type: ignore[attr-defined]
    six.inf, six.PY3, six.PY37 = float("inf"), True, True  # type: ignore[attr-defined]
    sys.modules["torch._six"] = six
    without = ("tensorflow", "torchvision", "torch.utils.tensorboard", "requests")
    name, sagan = package("torch-mimicry", "torch_mimicry.nets.sagan", *without)
    log = importlib.import_module("torch_mimicry.training.metric_log").MetricLog()
    generator, judge = (getattr(sagan, f"SAGAN{side}32")(num_classes=one.classes) for side in ("Generator", "Discriminator"))
    adams = [Adam(net.parameters(), rate, (0.0, 0.9)) for net, rate in ((generator, one.lr_g), (judge, one.lr_d))]
    batch = images(one), torch.zeros(one.batch_size).long()
    told = {"real_batch": batch, "log_data": log, "device": torch.device("cpu")}

    def step() -> None:
        judge.train_step(netG=generator, optD=adams[1], **told)
        generator.train_step(netD=judge, optG=adams[0], **told)

    return name, by_steps(step, one.batch_size, generator, judge)


def progan(one: Recipe, _: Dataset) -> tuple[str, Loop]:
    """At its full depth, where nothing is faded in."""
    name, gan = package("pro-gan-pth", "pro_gan_pytorch.gan", "torchvision", "torch.utils.tensorboard")
    padding = nn.ConvTranspose2d._output_padding

    def padded(self: Any, given: Any, size: Any, stride: Any, pad: Any, kernel: Any, dims: Any = 2, dilation: Any = None) -> Any:
        return padding(self, given, size, stride, pad, kernel, dims if isinstance(dims, int) else 2, dilation)

    nn.ConvTranspose2d._output_padding = padded  # type: ignore[method-assign]
    depth = one.resolution.bit_length() - 1
    with contextlib.redirect_stdout(io.StringIO()):
        generator, judge = (
            gan.Generator(depth, one.channels, one.latent_dim),
            gan.Discriminator(depth, one.channels, one.latent_dim),
        )
        both = gan.ProGAN(generator, judge, torch.device("cpu"))
    adams = [Adam(net.parameters(), one.lr_g, (0.0, 0.99)) for net in (generator, judge)]
    loss, real = gan.WganGP(), images(one)

    def step() -> None:
        latent = torch.randn(one.batch_size, one.latent_dim)
        both.optimize_discriminator(loss, adams[1], latent, real, depth, 1.0)
        both.optimize_generator(loss, adams[0], latent, real, depth, 1.0)

    return name, by_steps(step, one.batch_size, generator, judge)


def stylegan2(one: Recipe, _: Dataset) -> tuple[str, Loop]:
    """Its discriminator at half its width, as ours; its penalty stands at every fourth step, ours at every sixteenth, and its path
    lengths count only late, ours from the first."""
    without = "aim", "fire", "torchvision", "vector_quantize_pytorch"
    there, torch.cuda.is_available = torch.cuda.is_available, lambda: True
    try:
        name, style = package("stylegan2_pytorch", "stylegan2_pytorch.stylegan2_pytorch", *without)
    finally:
        torch.cuda.is_available = there
    torch.Tensor.cuda = nn.Module.cuda = lambda self, *_, **__: self  # type: ignore[assignment, method-assign]
    folder, told = tempfile.mkdtemp(), {"save_every": 10**9, "evaluate_every": 10**9, "gradient_accumulate_every": 1}
    with contextlib.redirect_stdout(io.StringIO()):
        capacity = one.width // 2
        size = {"image_size": one.resolution, "network_capacity": capacity}
        loop = style.Trainer("peer", folder, folder, batch_size=one.batch_size, num_workers=0, **size, **told)
        loop.loader = itertools.repeat(images(one))
        loop.init_GAN()
    gan, loop.steps = loop.GAN, 1
    gan.D = style.Discriminator(one.resolution, network_capacity=capacity // 2)
    gan.D_opt = Adam(gan.D.parameters(), one.lr_d, (0.5, 0.9))

    def step() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            loop.train()

    return name, by_steps(step, one.batch_size, gan.G, gan.D, gan.S)


def ctgan(one: Recipe, data: Dataset) -> tuple[str, Loop]:
    """A call is an epoch: the time of a fit less that of a fit with one, so that fitting its columns does not count. It keeps its
    generator alone, so `parameters` are those."""
    name, other = package("ctgan", "ctgan")
    import pandas

    assert isinstance(data, Table)
    rows = data.fields["row"].tolist()
    words = [column.name for column in data.columns if column.categories]
    cells = {c.name: [written(row[i], c) if c.categories else row[i] for row in rows] for i, c in enumerate(data.columns)}
    table, last = pandas.DataFrame(cells), []

    def fit(epochs: int) -> None:
        last[:] = [other.CTGAN(epochs=epochs, enable_gpu=False)]
        last[0].fit(table, words)

    fit(1)
    return name, Loop(more(fit), len(rows), count(last[0]._generator))


def gretel(one: Recipe, data: Dataset) -> tuple[str, Loop]:
    """A call is an epoch, as above. Its discriminators have one layer more than the authors', which is left out."""
    name, dgan = package("gretel-synthetics", "gretel_synthetics.timeseries_dgan.dgan", "category_encoders")
    dgan.Discriminator = partial(
        lambda like, size, num_layers, num_units: like(size, num_layers - 1, num_units), dgan.Discriminator
    )
    config = importlib.import_module("gretel_synthetics.timeseries_dgan.config").DGANConfig
    series = data.fields["series"].numpy()
    size = {"max_sequence_len": series.shape[1], "sample_len": one.options["steps"], "batch_size": one.batch_size}
    made: list[Any] = []

    def fit(epochs: int) -> None:
        noise = {"attribute_noise_dim": one.latent_dim, "feature_noise_dim": one.latent_dim}
        units = {"attribute_num_layers": 2, "attribute_num_units": one.width, "feature_num_units": one.width}
        made[:] = [dgan.DGAN(config(epochs=epochs, feature_num_layers=1, cuda=False, **size, **noise, **units))]
        with contextlib.redirect_stdout(io.StringIO()):
            made[0].train_numpy(features=series)

    fit(1)
    networks = made[0].generator, made[0].feature_discriminator, made[0].attribute_discriminator
    return name, Loop(more(fit), len(series), count(*networks))


def more(fit: Callable[[int], None]) -> Callable[[int], float]:
    return lambda times: timed(lambda: fit(1 + times), 1) - timed(lambda: fit(1), 1)


def image(architecture: str, **fields: Any) -> Recipe:
    size = {"dataset": "mnist-5k", "resolution": 32, "channels": 3, **fields}
    return Recipe(architecture=architecture, **size)


STYLE = {"latent_dim": 512, "width": 32, "batch_size": 8, "lr_g": 2e-3, "lr_d": 2e-3, "beta1": 0.0, "beta2": 0.99}
PEERS = {
    "dcgan": Peer(image("dcgan", batch_size=64, width=64, latent_dim=100), torchgan),
    "dcgan in vegans": Peer(image("dcgan", batch_size=64, width=64, latent_dim=100), vegans("VanillaGAN")),
    "gan": Peer(image("gan", batch_size=100, latent_dim=100, width=64), vegans("VanillaGAN")),
    "lsgan": Peer(image("lsgan", batch_size=64, width=64, latent_dim=128), vegans("LSGAN")),
    "wgan": Peer(image("wgan", **{**wgan.DEFAULTS, "d_steps": 1}), vegans("WassersteinGAN")),
    "wgan-gp": Peer(image("wgan-gp", **{**wgan_gp.DEFAULTS, "d_steps": 1}), vegans("WassersteinGANGP")),
    "sagan": Peer(
        image("sagan", batch_size=16, width=64, latent_dim=128, classes=10, task="class-conditional-image", lr_d=4e-4), mimicry
    ),
    "progan": Peer(
        image("progan", resolution=16, batch_size=8, latent_dim=512, width=512, lr_g=1e-3, lr_d=1e-3, gradient_penalty=10.0),
        progan,
    ),
    "stylegan2": Peer(image("stylegan2", **STYLE, gradient_penalty=10.0), stylegan2, 16),
    "ctgan": Peer(Recipe(architecture="ctgan", task="tabular", dataset="rand-health", **our_ctgan.DEFAULTS), ctgan),
    "doppelganger": Peer(
        Recipe(
            architecture="doppelganger",
            task="time-series",
            dataset="fertility",
            length=24,
            **{**doppelganger.DEFAULTS, "options": {"steps": 6}},
        ),
        gretel,
    ),
}
"""Where a package trains the same network: of one that is several times there, each."""
