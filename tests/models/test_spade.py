"""SPADE: label maps by their colours, and normalisations that follow them."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from models.adversary import Turn
from models.data import load
from models.networks.spade import Generator, Layout, Modulated, palette
from tests.models import tiny

PAIRS = {"task": "paired-image-translation", "dataset": "photo-labels", "channels": 3}


def test_the_generator_has_the_93_million_parameters_that_are_published_for_36_labels() -> None:
    with torch.device("meta"):
        network = Generator(512, 3, 36, 64)
    assert abs(sum(p.numel() for p in network.parameters()) / 93.0e6 - 1) < 0.02


def test_colours_of_label_maps_become_labels_by_the_nearest() -> None:
    maps = load(tiny.recipe("spade", **PAIRS, resolution=32)).fields["input"].numpy()[:50]
    colours = palette(maps)
    assert colours is not None and len(colours) == 8
    layout = Layout(colours, 3)
    given = torch.from_numpy(colours).T[None, :, :, None] + 0.02
    assert torch.equal(layout(given)[0, :, :, 0], torch.eye(8)) and layout.channels == 8


def test_a_photograph_is_no_label_map_and_stays_as_it_is() -> None:
    photos = load(tiny.recipe("spade", **PAIRS, resolution=32)).fields["target"].numpy()[:50]
    assert palette(photos) is None and palette(np.zeros((2, 3, 4, 4), np.uint8)) is None
    given = torch.rand(2, 3, 4, 4)
    assert Layout(None, 3)(given) is given


def test_each_place_is_scaled_and_shifted_by_its_own_label() -> None:
    torch.manual_seed(0)
    modulated = Modulated(3, 2, 4).eval()
    left = torch.zeros(1, 2, 8, 8)
    left[:, 0, :, :4] = 1
    left[:, 1, :, 4:] = 1
    x = torch.randn(1, 3, 8, 8)
    other = left.clone()
    other[:, :, 0, 0] = torch.tensor([0.0, 1.0])
    apart = (modulated(x, left) - modulated(x, other)).abs().sum(1)[0]
    assert apart[0, 0] > 0 and apart[4:, 4:].abs().max() == 0


def test_features_and_looks_of_the_real_image_pull_the_generator() -> None:
    one = tiny.recipe("spade", **PAIRS, resolution=16, options={"threads": 1})

    def loss(**options: float) -> float:
        game = tiny.game(dataclasses.replace(one, options={"threads": 1, **options}))
        move = game.adversary.phases[0].moves[1]
        torch.manual_seed(1)
        batch = {name: game.dataset.cast(values[:4]) for name, values in game.dataset.fields.items()}
        return move.loss(Turn(batch, 1, 0.0, frozenset({"generator"}))).item()

    bare = loss(match=0, perceptual=0)
    assert loss(match=10, perceptual=0) > bare + 0.1
    assert loss(match=0, perceptual=10) > bare + 0.1
