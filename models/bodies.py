"""The bodies that classic image networks share: `dcgan`, `cnn` and `resnet`. A recipe may choose: `options: {body: resnet}`."""

from __future__ import annotations

from typing import Literal

from torch import nn

from models.blocks import ResnetDiscriminator, ResnetGenerator, orthogonal_init
from models.contract import Recipe
from models.parts import cnn_discriminator, cnn_generator, dcgan_discriminator, dcgan_generator, normal_init, spectral

BODIES = ("dcgan", "cnn", "resnet")


def bodies(recipe: Recipe, default: str, normalised: Literal["no", "batch", "spectral"]) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator, initialised; `normalised` is the discriminator. Only `resnet` takes labels.

    Raises ValueError for an unknown body, or one that does not know what to do with classes.
    """
    body = str(recipe.options.get("body", default))
    if body not in BODIES:
        raise ValueError(f"recipe.options.body {body!r} is not known; known are {', '.join(BODIES)}")
    if recipe.classes and body != "resnet":
        raise ValueError(f"recipe.options.body {body!r} takes no labels; resnet does")
    norm = normalised == "batch"
    size = recipe.resolution, recipe.channels
    if body == "resnet":
        generator = orthogonal_init(ResnetGenerator(recipe))
        discriminator = orthogonal_init(ResnetDiscriminator(recipe, norm=norm))
    elif body == "cnn":
        generator = normal_init(cnn_generator(*size, recipe.latent_dim, recipe.width))
        discriminator = cnn_discriminator(*size, recipe.width, norm=norm)
    else:
        generator = normal_init(dcgan_generator(*size, recipe.latent_dim, recipe.width))
        discriminator = dcgan_discriminator(*size, recipe.width, norm=nn.BatchNorm2d if norm else None)
    if body != "resnet" and normalised != "no":  # without normalisation weights this small would let nothing through
        normal_init(discriminator)
    return generator, spectral(discriminator) if normalised == "spectral" else discriminator
