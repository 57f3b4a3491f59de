"""MoCoGAN, Tulyakov, Liu, Yang and Kautz 2018, arXiv:1707.04993: a clip is one content and a way through motions.

Section 3: the content code is drawn once for a clip, a GRU makes the motion code of each frame of noise and of its state before, and
one generator of images paints every frame. One discriminator judges a frame of a clip, another the whole clip; both losses are the
logistic one and count alike. Section 4: Adam 2e-4 with betas 0.5 and 0.999, content of 50 and motion of 10 numbers, clips of 16
frames at 64 px or more. Networks as in the supplement, DCGAN's with a width of 64 and patches; the video's halves space by 4x4x4
convolutions that leave out no frame, fewer of them deep in time where a clip is short. Any power of two from 8 px on.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import dcgan_generator, doublings, normal_init

TASKS = ("video",)
DEFAULTS = {"batch_size": 32, "latent_dim": 50, "width": 64, "lr_g": 2e-4, "lr_d": 2e-4, "beta1": 0.5, "beta2": 0.999}
ON_CPU = {"batch_size": 16, "width": 16, "lr_g": 1e-3, "lr_d": 1e-3, "ema_half_life_kimg": 2.0}
MOTION = 10


def build(recipe: Recipe, data: Dataset) -> Adversary:
    frames = data.fields["video"].shape[1]
    generator = Generator(recipe)
    image = normal_init(frame_discriminator(recipe.resolution, recipe.channels, recipe.width))
    video = ClipDiscriminator(recipe.resolution, recipe.channels, recipe.width, frames)

    def made(turn: Turn) -> Tensor:
        def make() -> Tensor:
            real = turn.real["video"]
            with torch.set_grad_enabled("generator" in turn.due):
                clips: Tensor = generator(*noise(len(real), frames, recipe.latent_dim, device=real.device))
                return clips.float()

        clips: Tensor = turn.once("clips", make)
        return clips

    def discriminate(turn: Turn) -> Tensor:
        real, fake = turn.real["video"], made(turn).detach()
        of_frames = losses.logistic_d(image(one_frame(real)).float(), image(one_frame(fake)).float())
        return of_frames + losses.logistic_d(video(real).float(), video(fake).float())

    def generate(turn: Turn) -> Tensor:
        fake = made(turn)
        return losses.non_saturating_g(image(one_frame(fake)).float()) + losses.non_saturating_g(video(fake).float())

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        device = next(networks["generator"].parameters()).device
        drawn = noise(n, frames, recipe.latent_dim, generator=generator)
        clips: Tensor = networks["generator"](*(part.to(device) for part in drawn))
        return clips

    def judge(networks: Networks, batch: Batch) -> Tensor:
        logits: Tensor = networks["discriminator"](batch["video"])
        return logits

    moves = Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps)
    step = partial(adam, beta1=recipe.beta1, beta2=recipe.beta2)
    return Adversary(
        networks={"generator": generator, "discriminator": video, "frame_discriminator": image},
        players={
            "generator": Player(("generator",), step(recipe.lr_g)),
            "discriminator": Player(("discriminator", "frame_discriminator"), step(recipe.lr_d)),
        },
        phases=(Phase("adversarial", moves),),
        sample=sample,
        judge=judge,
        channels_last=False,
    )


def noise(
    n: int, frames: int, content: int, *, device: torch.device | None = None, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Standard normal: n x content, the state before the first frame n x MOTION, and n x frames x MOTION for the frames."""
    shapes = (n, content), (n, MOTION), (n, frames, MOTION)
    first, state, steps = (torch.randn(shape, device=device, generator=generator) for shape in shapes)
    return first, state, steps


def one_frame(clips: Tensor) -> Tensor:
    """N x C x H x W: of each clip a frame drawn evenly."""
    chosen = torch.randint(clips.shape[1], (len(clips),), device=clips.device)
    return clips[torch.arange(len(clips), device=clips.device), chosen]


class Generator(nn.Module):
    """Content, state and noise of n clips -> n x T x C x H x W in -1..1."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.motion = nn.GRUCell(MOTION, MOTION)
        size = recipe.latent_dim + MOTION
        self.frame = normal_init(dcgan_generator(recipe.resolution, recipe.channels, size, recipe.width))

    def forward(self, content: Tensor, state: Tensor, steps: Tensor) -> Tensor:
        motions = list[Tensor]()
        for step in steps.unbind(1):
            state = self.motion(step, state)
            motions.append(state)
        codes = torch.stack(motions, 1)
        codes = torch.cat((content[:, None].expand(-1, codes.shape[1], -1), codes), 2)
        frames: Tensor = self.frame(codes.flatten(0, 1))
        return frames.view(*codes.shape[:2], *frames.shape[1:])


def frame_discriminator(resolution: int, channels: int, width: int) -> nn.Sequential:
    """Frames halved by strided convolutions, BatchNorm in all but the first -> logits of 4x4 patches, 2x2 at 8 px."""
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for _ in range(doublings(resolution) - 2):
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2, inplace=True)]
        width *= 2
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 2, 1, bias=False))


class ClipDiscriminator(nn.Module):
    """Clips N x T x C x H x W -> a logit for each span of frames that the convolutions see: 13 frames at 32 px, 16 at 64 px."""

    def __init__(self, resolution: int, channels: int, width: int, frames: int) -> None:
        super().__init__()
        layers, before = list[nn.Module](), channels
        for i in range(doublings(resolution)):
            deep = min(4, frames)
            layers.append(nn.Conv3d(before, width, (deep, 4, 4), (1, 2, 2), (0, 1, 1), bias=False))
            layers += [nn.BatchNorm3d(width)] if i else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            before, width, frames = width, 2 * width, frames - deep + 1
        self.layers = nn.Sequential(*layers, nn.Conv3d(before, 1, (min(4, frames), 4, 4), bias=False))
        for layer in self.layers:
            if isinstance(layer, nn.Conv3d):
                nn.init.normal_(layer.weight, 0, 0.02)

    def forward(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.layers(clips.transpose(1, 2))
        return logits.flatten(1)
