"""Unpaired translation: two orders of data, the pool of past images, and networks that learn the look of the other side."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import metrics
from models.contract import Recipe
from models.data import load
from models.data.dataset import BadData
from models.networks.cut import Projector
from models.networks.cyclegan import Pool
from models.translation import ResNet, patch_discriminator
from tests.models import tiny

BOTH = ["cyclegan", "cut"]


def shades(path: Path, name: str, count: int, shade: int) -> None:
    (path / name).mkdir(parents=True)
    for i in range(count):
        Image.fromarray(np.full((16, 16), shade + i, np.uint8)).save(path / name / f"{i}.png")


def unpaired(path: Path) -> Recipe:
    return tiny.recipe("cut", dataset=str(path), resolution=16)


def test_two_folders_of_different_sizes_are_drawn_each_in_its_own_order(tmp_path: Path) -> None:
    shades(tmp_path, "a", 6, 10)
    shades(tmp_path, "b", 9, 200)
    data = load(unpaired(tmp_path))
    assert (len(data.fields["a"]), len(data.fields["b"])) == (6, 9)
    assert data.fields["a"].max() < 100 < data.fields["b"].min()
    assert data.streams == (("a",), ("b",))
    assert data.given(4, 4, torch.device("cpu"))["a"].shape == (4, 1, 16, 16)


def test_what_is_not_in_two_parts_is_refused(tmp_path: Path) -> None:
    for name in "abc":
        shades(tmp_path, name, 2, 10)
    with pytest.raises(BadData, match="must hold two folders of images, not a, b, c"):
        load(unpaired(tmp_path))
    shades(tmp_path / "few", "a", 1, 10)
    shades(tmp_path / "few", "b", 5, 10)
    with pytest.raises(BadData, match=r"side a .* has 1 images"):
        load(unpaired(tmp_path / "few"))
    with pytest.raises(BadData, match="is not in two parts"):
        load(tiny.recipe("cut", dataset="digits"))


def test_thick_digits_have_more_ink_and_the_look_of_the_other_side_is_what_is_measured() -> None:
    data = tiny.data(tiny.recipe("cut"))
    thin, thick = (data.reference[side].float().mean((1, 2, 3)) for side in "ab")
    assert thick.mean() > 1.5 * thin.mean()
    metric = metrics.load("kid_efflite0_112", data, 250, torch.device("cpu"))
    assert metric is not None and metric.floor is not None
    assert metric([data.cast(data.reference["a"][:250])]).value > metric.floor + 0.1


def test_a_picture_shows_input_and_output_in_a_row(tmp_path: Path) -> None:
    data = tiny.data(tiny.recipe("cut"))
    data.picture(torch.ones(1, 1, 8, 8), tmp_path / "x.png")
    assert np.asarray(Image.open(tmp_path / "x.png")).shape == ((8 + 4) * 8, (16 + 4) * 8)


def test_a_pool_fills_first_and_then_gives_back_half_of_what_it_keeps() -> None:
    torch.manual_seed(0)
    pool = Pool(8, 1, 1)
    for start in (0, 4):
        fresh = torch.arange(start, start + 4).float().view(4, 1, 1, 1)
        assert torch.equal(pool.swap(fresh), fresh)
    assert pool.images.flatten().tolist() == list(range(8))
    swapped = 0
    for start in range(100, 500, 4):
        held = set(pool.images.flatten().tolist())
        fresh = torch.arange(start, start + 4).float().view(4, 1, 1, 1)
        given, now = pool.swap(fresh).flatten().tolist(), set(pool.images.flatten().tolist())
        for new, out in zip(fresh.flatten().tolist(), given, strict=True):
            assert (out == new and new not in now) or (out in held and out not in now and new in now)
            swapped += out != new
    assert 150 < swapped < 250
    assert not list(pool.parameters()) and "images" in pool.state_dict()


def test_the_published_setting_has_the_published_parameters() -> None:
    with torch.device("meta"):
        count = [
            sum(p.numel() for p in network.parameters()) / 1e6
            for network in (ResNet(3, 64, 9), patch_discriminator(256, 3, 64), Projector((3, 128, 256, 256, 256), 256))
        ]
    assert count[0] == pytest.approx(11.378, rel=0.02)
    assert 2 * (count[0] + count[1]) == pytest.approx(28.286, rel=0.02), "CycleGAN as arXiv:2104.07689 table 2 prints it"
    assert sum(count) == pytest.approx(14.406, rel=0.022), "CUT there; its projector of five layers alone has 0.56 M"


@pytest.mark.parametrize("architecture", BOTH)
@pytest.mark.parametrize(("resolution", "channels"), [(16, 3), (64, 1)])
def test_unpaired_networks_take_other_sizes(architecture: str, resolution: int, channels: int) -> None:
    one = tiny.recipe(architecture, resolution=resolution, channels=channels, batch_size=2)
    samples = tiny.pictures(tiny.moved(tiny.game(one), 1), 2)
    assert samples.shape == (2, channels, resolution, resolution)
    assert samples.abs().max() <= 1


@pytest.mark.parametrize(("architecture", "steps"), [("cyclegan", 70), ("cut", 140)])
def test_thin_digits_become_thicker_and_stay_where_they_are(architecture: str, steps: int) -> None:
    one = tiny.recipe(architecture, resolution=16, lr_g=1e-3, lr_d=1e-3, batch_size=4, ema_half_life_kimg=0.1)
    data = tiny.data(one)
    game = tiny.game(one, dataclasses.replace(data, fields={name: values[:100] for name, values in data.fields.items()}))
    tiny.moved(game, steps)
    given, made = data.given(0, 100, game.device)["a"], tiny.pictures(game, 100)
    thin, thick = given.mean(), data.cast(data.reference["b"]).mean()
    assert 0.4 < (made.mean() - thin) / (thick - thin) < 2.2
    right, wrong = (made - given).abs().mean(), (made - given.roll(1, 0)).abs().mean()
    assert right < 0.85 * wrong, "an output is nearer to its own input than to another one"
