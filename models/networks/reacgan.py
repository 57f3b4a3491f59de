"""ReACGAN, Kang et al. 2021, arXiv:2111.01118: BigGAN whose discriminator tells classes apart by angles.

Section 3.2, the data-to-data cross entropy: each image's embedding of unit length is drawn to the unit proxy of its class and pushed
from the embeddings of other classes in the batch; easy positives and easy negatives give no gradient. It is added for real images to
the discriminator's hinge loss and for generated ones to the generator's. StudioGAN's setting for CIFAR-10: weight 0.5, margin 0.98
for positives, so 0.02 for negatives, temperature 0.5, embeddings of 512 numbers, batch 128, Adam 2.8e-4, five discriminator updates.
Any power of two from 8 px on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from models import losses
from models.adversary import Adversary, Batch, duel
from models.augment import augmentation
from models.blocks import ResnetDiscriminator, coded, orthogonal_init
from models.contract import Recipe
from models.data.dataset import Dataset
from models.networks.biggan import generator_of, in_parts
from models.parts import normal_latent, spectral

TASKS = ("class-conditional-image",)
DEFAULTS = {
    "batch_size": 128,
    "latent_dim": 80,
    "width": 96,
    "lr_g": 2.8284e-4,
    "lr_d": 2.8284e-4,
    "beta1": 0.5,
    "beta2": 0.999,
    "d_steps": 5,
}
EMBEDDING_PER_WIDTH = 512 / 96
WEIGHT, MARGIN, TEMPERATURE = 0.5, 0.98, 0.5


class Discriminator(nn.Module):
    """N images -> N x (1 + 2 embeddings): the logit, the embedding of the image and the proxy of its class, of unit length."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        numbers = round(recipe.width * EMBEDDING_PER_WIDTH)
        self.classes = recipe.classes
        self.body = ResnetDiscriminator(recipe, outputs=1 + numbers, attention=True)
        self.proxies = nn.Linear(recipe.classes, numbers, bias=False)

    def forward(self, images: Tensor, label: Tensor) -> Tensor:
        said = self.body(images)
        return torch.cat((said[:, :1], normalize(said[:, 1:]), normalize(self.proxies(coded(label, self.classes)))), 1)


def d2d_ce(said: Tensor, labels: Tensor) -> Tensor:
    """The data-to-data cross entropy of N x (embedding + proxy); a mean over the batch."""
    embedding, proxy = said.chunk(2, 1)
    positive = ((embedding * proxy).sum(1) - MARGIN).clamp(max=0) / TEMPERATURE
    between = ((embedding @ embedding.T) - (1 - MARGIN)).clamp(min=0) / TEMPERATURE
    other = labels[:, None] != labels
    negative = torch.where(other, between.exp(), 0).sum(1)
    return torch.log1p(negative / positive.exp()).mean()


def build(recipe: Recipe, data: Dataset) -> Adversary:
    recipe = in_parts(recipe)

    def d_class(real: Tensor, fake: Tensor, given: Batch) -> Tensor:
        return WEIGHT * d2d_ce(real, given["label"])

    def g_class(fake: Tensor, given: Batch) -> Tensor:
        return WEIGHT * d2d_ce(fake, given["label"])

    return duel(
        recipe,
        generator_of(recipe),
        spectral(orthogonal_init(Discriminator(recipe))),
        latent=normal_latent,
        d_loss=losses.hinge_d,
        g_loss=losses.linear_g,
        d_more=d_class,
        g_more=g_class,
        augment=augmentation(recipe.augment),
        joint=True,
    )
