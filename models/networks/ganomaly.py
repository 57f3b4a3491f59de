"""GANomaly, Akcay, Atapour-Abarghouei and Breckon 2018, arXiv:1805.06725: an autoencoder against a discriminator, and a second encoder.

Section 3.2: the generator encodes an image to z and decodes it, an encoder of the same shape takes what came out to z'; all three
are DCGAN's (4x4 kernels, batch normalisation). Section 3.3: the generator matches features of the discriminator (weight 1), the
image (L1, 50) and the code (squared, 1); the discriminator learns cross entropy. Section 3.4: an image is as odd as |z - z'|, the
same all over the map. Adam with beta1 0.5, 2e-4 as the authors' code has it; 64 features, codes of 100.

Whatever counts what is left over grows with how much there is to rebuild, so an anomaly that is plainer than what is normal passes
for the most normal of all. On mnist-5k the ink alone ranks the digit 0 as anomaly with an area of 0.81 and the digit 1 with 0.07; 16
principal axes get 0.86 and 0.58.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from models import losses
from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn, adam
from models.contract import Recipe
from models.data.dataset import Dataset
from models.parts import doublings, normal_init
from models.translation import option

TASKS = ("anomaly-detection",)
DEFAULTS = {
    "batch_size": 64,
    "latent_dim": 100,
    "width": 64,
    "lr_g": 2e-4,
    "lr_d": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "options": {"adversarial": 1.0, "contextual": 50.0, "encoding": 1.0},
}


def down(recipe: Recipe) -> nn.Sequential:
    """NxCxSxS -> N x K x 4 x 4: halved, widened and normalised but for the first."""
    layers: list[nn.Module] = [nn.Conv2d(recipe.channels, recipe.width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for i in range(doublings(recipe.resolution) - 1):
        width = recipe.width << i
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


def encoder(recipe: Recipe, outputs: int) -> nn.Sequential:
    return nn.Sequential(down(recipe), nn.Conv2d(widest(recipe), outputs, 4, bias=False), nn.Flatten())


def widest(recipe: Recipe) -> int:
    return recipe.width << (doublings(recipe.resolution) - 1)


def decoder(recipe: Recipe) -> nn.Sequential:
    """N x latent -> NxCxSxS in -1..1."""
    width = widest(recipe)
    layers: list[nn.Module] = [nn.Unflatten(1, (recipe.latent_dim, 1, 1))]
    layers += [nn.ConvTranspose2d(recipe.latent_dim, width, 4, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    while width > recipe.width:
        layers += [nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(width // 2), nn.ReLU()]
        width //= 2
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, recipe.channels, 4, 2, 1, bias=False), nn.Tanh())


class Generator(nn.Module):
    """Images -> their codes, and images again."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.encode, self.decode = encoder(recipe, recipe.latent_dim), decoder(recipe)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        code: Tensor = self.encode(images)
        return code, self.decode(code)


class Discriminator(nn.Module):
    """Images -> features, and a logit."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.body, self.last = down(recipe), nn.Sequential(nn.Conv2d(widest(recipe), 1, 4, bias=False), nn.Flatten())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features: Tensor = self.body(images)
        return features, self.last(features)


def build(recipe: Recipe, data: Dataset) -> Adversary:
    generator, discriminator = normal_init(Generator(recipe)), normal_init(Discriminator(recipe))
    again = normal_init(encoder(recipe, recipe.latent_dim))
    adversarial, contextual, encoding = (option(recipe, name, 1.0) for name in ("adversarial", "contextual", "encoding"))

    def rebuilt(turn: Turn) -> tuple[Tensor, Tensor]:
        made: tuple[Tensor, Tensor] = turn.once("rebuilt", lambda: generator(turn.real["image"]))
        return made

    def discriminate(turn: Turn) -> Tensor:
        real, fake = discriminator(turn.real["image"])[1], discriminator(rebuilt(turn)[1].detach())[1]
        return losses.logistic_d(real.float(), fake.float())

    def generate(turn: Turn) -> Tensor:
        images, (code, fake) = turn.real["image"], rebuilt(turn)
        with torch.no_grad():
            wanted = discriminator(images)[0]
        loss = adversarial * mse_loss(discriminator(fake)[0].float(), wanted.float())
        return loss + contextual * l1_loss(fake.float(), images) + encoding * mse_loss(again(fake).float(), code.float())

    def sample(networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        code, images = networks["generator"](given["image"])
        odd = (networks["encoder"](images) - code).abs().mean(1)
        return torch.cat((images, odd.view(-1, 1, 1, 1).expand(-1, 1, *images.shape[-2:])), 1)

    return Adversary(
        networks={"generator": generator, "encoder": again, "discriminator": discriminator},
        players={
            "generator": Player(("generator", "encoder"), adam(recipe.lr_g, recipe.beta1, recipe.beta2)),
            "discriminator": Player(("discriminator",), adam(recipe.lr_d, recipe.beta1, recipe.beta2)),
        },
        phases=(Phase("adversarial", (Move("discriminator", discriminate), Move("generator", generate, every=recipe.d_steps))),),
        sample=sample,
        averaged=("generator", "encoder"),
    )
