"""Parameters at the published setting where no publication prints them: those of the authors' code, counted there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.contract import Recipe
from models.fast import FastGenerator
from models.networks import df_gan, gan_int_cls, ganomaly, munit, stackgan, tree_gan


def size(resolution: int, width: int, latent_dim: int = 100) -> Recipe:
    return Recipe(architecture="", dataset="", resolution=resolution, channels=3, latent_dim=latent_dim, width=width)


COUNTED: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    # github:tobran/DF-GAN:code/models/GAN.py@78f14fd, 256 px
    "df-gan generator": (9_744_131, lambda: df_gan.Generator(size(256, 32), 2, 256)),
    "df-gan discriminator": (6_619_206 + 295_936, lambda: df_gan.discriminator(size(256, 32), 2, 256)),
    # github:hanzhanggit/StackGAN-Pytorch:code/model.py@e72ef88, COCO with the four residual blocks of the paper
    "stackgan stage I": (19_758_432, lambda: stackgan.Sketch(size(256, 96), 64, 2, 128)),
    "stackgan stage II": (58_107_888, lambda: stackgan.Refined(size(256, 96), 64, 2, 128, 4)),
    "stackgan discriminator I": (6_200_448 + 6_206_977, lambda: stackgan.discriminator(size(256, 96), 64, 2, 128)),
    "stackgan discriminator II": (153_670_272 + 6_206_977, lambda: stackgan.discriminator(size(256, 96), 256, 2, 128)),
    # github:reedscot/icml2016:main_cls_int.lua@db3f0c6, 64 px
    "gan-int-cls generator": (18_778_499, lambda: gan_int_cls.Generator(size(64, 64), 2, 128)),
    "gan-int-cls discriminator": (3_900_865, lambda: gan_int_cls.discriminator(size(64, 64), 2, 128)),
    # github:NVlabs/MUNIT:networks.py@a82e222, edges2shoes, of one domain
    "munit autoencoder": (15_026_187, lambda: munit.Autoencoder(size(256, 64), 8, 4)),
    "munit discriminator": (8_271_171, lambda: munit.Scales(size(256, 64))),
    # github:autonomousvision/projected-gan:pg_modules/networks_fastgan.py@e1c246b, 256 px
    "projected-gan generator": (105_684_175, lambda: FastGenerator(256, 3, 256, 128, always=True)),
    # github:seowok/TreeGAN:model/gan_network.py@63cb8fe, 2,048 points
    "tree-gan generator": (40_690_272, lambda: tree_gan.Generator(96, 2048, 64)),
    # github:samet-akcay/ganomaly:lib/networks.py@78da4ea, 32 px
    "ganomaly discriminator": (663_296, lambda: ganomaly.Discriminator(size(32, 64))),
}
"""What comes before a sentence is left out: the authors' encoders are not ours."""


@pytest.mark.parametrize("part", COUNTED)
def test_the_published_setting_has_the_parameters_of_the_authors_code(part: str) -> None:
    counted, build = COUNTED[part]
    with torch.device("meta"):
        named = build().named_parameters()
    assert sum(p.numel() for name, p in named if not name.startswith(("words", "condition"))) == pytest.approx(counted, rel=0.005)
