"""Data from packages and from the user's own files, friendly and hostile."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.contract import Recipe
from models.data import known, load
from models.data.dataset import BadData, Order
from models.data.folder import read_folder, read_image
from models.data.images import split
from tests.models import tiny


def noise(side: int, seed: int, bands: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, bands), dtype=np.uint8)


def folder_recipe(path: Path, **fields: object) -> Recipe:
    return tiny.recipe("dcgan", dataset=str(path), resolution=16, channels=3, **fields)


@pytest.mark.parametrize("slug", sorted(known()))
def test_the_table_tells_the_truth(slug: str) -> None:
    told = known()[slug]
    data = load(Recipe(architecture="", task=told["tasks"][0], dataset=slug, resolution=16, channels=told.get("channels", 3)))
    assert data.samples + data.held == told["samples"]
    assert len(data.sha256) == 64
    if "classes" in told:
        assert int(data.fields["label"].max()) + 1 == told["classes"]
    if "length" in told:
        assert told["length"] in data.fields[data.output].shape[1:]
    if data.kind == "image":
        assert data.fields["image"].dtype == torch.uint8
        assert data.fields["image"].max() == 255


def test_reading_the_table_and_the_packages_imports_neither_torch_nor_pandas() -> None:
    code = "import models.data, sys; models.data.known(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    code = (
        "from models.data import load; from models.contract import Recipe; import sys\n"
        "load(Recipe(architecture='x', dataset='mnist-5k', channels=1))\n"
        "sys.exit(bool({'pandas', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_held_out_samples_are_never_trained_on_and_always_the_same() -> None:
    for n in (750, 1797, 5000, 60_000):
        train, held = split(n)
        assert sorted(train.tolist() + held.tolist()) == list(range(n))
        assert len(held) >= min(n // 3, 500)
        assert torch.equal(held, split(n)[1])
    assert len(split(749)[1]) == 0


def test_a_folder_of_every_kind_of_image_is_read(tmp_path: Path) -> None:
    for i, side in enumerate((16, 20, 300)):
        (tmp_path / f"class{i}").mkdir()
        for j in range(4):
            Image.fromarray(noise(side, 10 * i + j)).save(tmp_path / f"class{i}" / f"{j}.png")
    Image.fromarray(noise(40, 90)[:, :30]).save(tmp_path / "class0" / "wide.jpg")
    Image.fromarray(noise(16, 91, 4), "RGBA").save(tmp_path / "class0" / "clear.png")
    Image.fromarray(noise(16, 92)[:, :, 0]).save(tmp_path / "class0" / "grey.png")
    Image.fromarray(np.full((16, 16), 40_000, np.uint16)).save(tmp_path / "class0" / "deep.png")
    (tmp_path / "class0" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (tmp_path / "notes.txt").write_text("not an image")
    data = load(folder_recipe(tmp_path, classes=3))
    assert data.fields["image"].shape == (16, 3, 16, 16)
    assert data.fields["label"].bincount().tolist() == [8, 4, 4]
    assert not data.reference_held_out
    assert len(data.skipped) == 1
    assert data.skipped[0].startswith("class0/broken.png")
    deep = read_image(tmp_path / "class0" / "deep.png", 16, 1)
    assert abs(int(deep.max()) - 40_000 // 257) <= 1
    assert load(folder_recipe(tmp_path)).sha256 == data.sha256
    Image.fromarray(noise(16, 93)).save(tmp_path / "class2" / "0.png")
    assert load(folder_recipe(tmp_path)).sha256 != data.sha256


def test_transparent_pixels_become_white(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((16, 16, 4), np.uint8), "RGBA").save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png", 16, 3).min() == 255


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    for i in range(3):
        Image.fromarray(noise(16, i)).save(inside / f"{i}.png")
        Image.fromarray(noise(16, 50 + i)).save(outside / f"{i}.png")
    (inside / "secret.png").symlink_to(outside / "0.png")
    (inside / "more").symlink_to(outside)
    (inside / "again.png").symlink_to(inside / "0.png")
    assert len(read_folder(inside, 16, 3).pixels) == 4


def test_a_decompression_bomb_counts_as_broken(tmp_path: Path) -> None:
    for i in range(10):
        Image.fromarray(noise(16, i)).save(tmp_path / f"{i}.png")
    Image.new("1", (9_000, 9_000)).save(tmp_path / "bomb.png")
    images = read_folder(tmp_path, 16, 3)
    assert len(images.pixels) == 10
    assert images.skipped == ["bomb.png: 9000 x 9000 pixels"]


def test_a_folder_of_broken_images_is_refused_with_examples(tmp_path: Path) -> None:
    for i in range(10):
        (tmp_path / f"{i}.png").write_bytes(b"no")
    with pytest.raises(BadData, match=r"too many of 10 images are broken, such as 0\.png"):
        load(folder_recipe(tmp_path))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadData, match="no image in"):
        load(folder_recipe(empty))


@pytest.mark.parametrize("shape", [(20, 16, 16), (20, 16, 16, 3), (20, 1, 16, 16)])
def test_npz_arrays_of_the_usual_shapes_are_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    np.savez(tmp_path / "x.npz", images=values, labels=np.arange(20) % 4)
    data = load(folder_recipe(tmp_path / "x.npz", classes=4))
    assert data.fields["image"].shape == (20, 3, 16, 16)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"images": np.zeros((5, 16))}, "has shape"),
        ({"images": np.full((5, 16, 16), 7.0)}, "outside 0..1"),
        ({"images": np.full((5, 16, 16), np.nan)}, "outside 0..1"),
        ({"images": np.zeros((5, 16, 16), np.uint8), "labels": np.arange(4)}, "4 labels for 5 images"),
        ({"images": np.array([object()] * 5)}, "cannot be read"),
    ],
)
def test_a_wrong_npz_is_refused_with_the_reason(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(BadData, match=said):
        load(folder_recipe(tmp_path / "x.npz"))


def test_nothing_in_an_npz_is_unpickled(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(pickle.dumps({"images": 1}))
    with pytest.raises(BadData, match="cannot be read"):
        load(folder_recipe(tmp_path / "x.npz"))


def test_an_order_visits_all_before_any_twice_and_resumes_anywhere() -> None:
    order = Order(10, seed=3)
    assert sorted(order.take(10).tolist()) == list(range(10))
    order.take(7)
    origin, at = order.origin, order.at
    expected = [order.take(4).tolist() for _ in range(5)]
    other = Order(10, seed=4)
    other.restore(origin, at)
    assert [other.take(4).tolist() for _ in range(5)] == expected


def test_fewer_samples_than_asked_for_are_the_first_of_one_fixed_order() -> None:
    few = load(tiny.recipe("dcgan", samples=50))
    assert few.samples == 50
    assert torch.equal(few.fields["image"], tiny.digits(8, 1).fields["image"][:50])
    assert torch.equal(few.reference["image"], tiny.digits(8, 1).reference["image"])
