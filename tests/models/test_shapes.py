"""Voxels and point clouds, and how much of the held-out shapes the generated ones cover."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from models.contract import Recipe
from models.data import load
from models.data.dataset import BadData, Dataset
from models.metrics.coverage import CloudCoverage, VoxelCoverage, one_nna
from models.networks.gan_3d import unless_sure
from tests.models import tiny

VOXELS = Recipe(architecture="", task="voxel-3d", dataset="digits-relief", resolution=8)
POINTS = Recipe(architecture="", task="point-cloud", dataset="digits-points", length=32)
CPU = torch.device("cpu")


def own(recipe: Recipe, path: Path) -> Dataset:
    return load(dataclasses.replace(recipe, dataset=str(path)))


def test_a_relief_is_as_thick_as_the_digit_is_dark() -> None:
    data = load(dataclasses.replace(VOXELS, resolution=16))
    thick = (data.fields["voxels"][:, 0] > 0).sum(-1)
    assert thick.max() == 8 and (thick % 2 == 0).all()
    assert torch.equal(data.fields["voxels"], data.fields["voxels"].flip(-1))


def test_voxels_of_an_npz_are_fitted_to_the_resolution(tmp_path: Path) -> None:
    cube = np.zeros((3, 16, 16, 16), bool)
    cube[:, 4:12, 4:12, 4:12] = True
    np.savez(tmp_path / "a.npz", voxels=cube)
    found = own(VOXELS, tmp_path / "a.npz").fields["voxels"]
    assert found.shape == (3, 1, 8, 8, 8) and (found[:, :, 2:6, 2:6, 2:6] == 255).all() and (found > 0).sum() == 3 * 4**3


@pytest.mark.parametrize(
    "array",
    [np.full((3, 8, 8, 8), 2.0), np.zeros((3, 8, 8, 4)), np.zeros((3, 8, 8)), np.full((3, 8, 8, 8), np.nan), np.array(["a"])],
)
def test_what_is_no_voxels_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", voxels=array)
    with pytest.raises(BadData):
        own(VOXELS, tmp_path / "a.npz")


def test_an_array_that_would_be_unpickled_and_a_file_that_is_no_archive_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", points=np.array([{"a": 1}], dtype=object))
    (tmp_path / "b.npz").write_bytes(b"PK nothing")
    for name in ("a.npz", "b.npz", "none.npz"):
        with pytest.raises(BadData):
            own(POINTS, tmp_path / name)


def test_clouds_of_text_files_are_centred_in_the_unit_ball(tmp_path: Path) -> None:
    for i in range(3):
        np.savetxt(tmp_path / f"{i}.xyz", np.random.default_rng(i).normal(5, 1 + i, (40, 3)))
    found = own(POINTS, tmp_path).fields["points"]
    assert found.shape == (3, 32, 3)
    assert torch.allclose(found.norm(dim=2).amax(1), torch.ones(3))
    assert torch.allclose(found.amax(1), -found.amin(1), atol=1e-5)


@pytest.mark.parametrize("body", ["", "1 2\n3 4\n", "a b c\n", "1 2 3\n" * 10, "nan 1 2\n" * 40])
def test_what_is_no_cloud_is_refused(tmp_path: Path, body: str) -> None:
    for i in range(2):
        (tmp_path / f"{i}.xyz").write_text(body)
    with pytest.raises(BadData), pytest.warns() if not body else torch.no_grad():
        own(POINTS, tmp_path)


@pytest.mark.parametrize(("recipe", "kind"), [(VOXELS, VoxelCoverage), (POINTS, CloudCoverage)])
def test_real_shapes_cover_the_held_out_ones_and_a_mean_shape_few(
    recipe: Recipe, kind: type[VoxelCoverage], tmp_path: Path
) -> None:
    data = tiny.data(recipe)
    metric = kind(data, 120, CPU)
    real = data.cast(data.fields[data.output])
    assert metric.floor is not None and metric.floor > 0.9
    few = metric([real[:3].repeat(40, *[1] * (real.ndim - 1))])
    mean = metric([real.float().mean(0, keepdim=True).expand(120, *real.shape[1:])])
    assert mean.value < few.value < 0.5 * metric.floor
    assert few.low <= few.value <= few.high and len(few.replicates) == 100
    assert few.beside["one_nna"] > 0.6
    with pytest.raises(BadData, match="needs 100"):
        kind(data, 50, CPU)
    data.picture(real[:9].float(), tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").width > 300


def test_the_nearest_neighbour_figure_is_half_for_one_set_and_whole_for_two() -> None:
    rng = np.random.default_rng(0)
    points = torch.from_numpy(rng.normal(size=(400, 3)))

    def figure(a: Tensor, b: Tensor) -> float:
        return one_nna(*(torch.cdist(x, y).numpy() for x, y in ((a, a), (b, b), (b, a))))

    assert 0.4 < figure(points[:200], points[200:]) < 0.6
    assert figure(points[:200], points[200:] + 50) == 1


def test_a_discriminator_that_is_sure_waits() -> None:
    right, wrong = torch.full((10,), 3.0), torch.full((10,), -3.0)
    assert unless_sure(right, wrong) == 0
    assert unless_sure(wrong, right) > 1
    game = tiny.game(tiny.recipe("gan-3d", lr_d=1e-3, lr_g=1e-9))
    tiny.moved(game, 40)
    before = [p.clone() for p in game.parameters["discriminator"]]
    tiny.moved(game, 1)
    assert game.losses()["discriminator"] >= 0
    assert all(torch.equal(a, b) for a, b in zip(before, game.parameters["discriminator"], strict=True))


@pytest.mark.parametrize("architecture", ["gan-3d", "r-gan"])
def test_it_learns_four_shapes_by_heart(architecture: str) -> None:
    rates = {"lr_g": 2e-3, "lr_d": 5e-4} if architecture == "gan-3d" else {"lr_g": 1e-3, "lr_d": 1e-3}
    one = tiny.recipe(architecture, width=16, ema_half_life_kimg=0.2, **rates)
    data = tiny.data(one)
    four = dataclasses.replace(data, fields={name: values[:4] for name, values in data.fields.items()})
    game = tiny.game(one, four)
    kind = VoxelCoverage if architecture == "gan-3d" else CloudCoverage
    metric = kind(data, 100, CPU)
    real = metric.features(four.cast(four.fields[four.output]))

    def distance() -> float:
        return float(metric.between(real, metric.features(tiny.pictures(game, 32))).min(1).mean())

    before = distance()
    tiny.moved(game, 250)
    assert distance() < 0.6 * before
