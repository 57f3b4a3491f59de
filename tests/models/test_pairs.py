"""Pairs of images from packages and from the user's own folders, friendly and hostile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.contract import Recipe
from models.data import load
from models.data.dataset import BadData
from models.data.pairs import label_maps, outlines
from models.data.photos import BORDER, patches
from tests.models import tiny


def flat(shade: int, width: int = 16, height: int = 16) -> Image.Image:
    return Image.fromarray(np.full((height, width), shade, np.uint8))


def pairs(path: Path) -> Recipe:
    return tiny.recipe("pix2pix", dataset=str(path), resolution=16)


def two_folders(path: Path, first: str, second: str, count: int = 6) -> Path:
    for i in range(count):
        for name, shade in ((first, 10 + i), (second, 110 + i)):
            (path / name).mkdir(exist_ok=True)
            flat(shade).save(path / name / f"{i}.{'png' if name == first else 'bmp'}")
    return path


@pytest.mark.parametrize(("first", "second"), [("A", "B"), ("input", "target"), ("edges", "photos")])
def test_two_folders_pair_by_file_name_whatever_the_suffix(tmp_path: Path, first: str, second: str) -> None:
    two_folders(tmp_path, first, second)
    flat(3).save(tmp_path / first / "alone.png")
    data = load(pairs(tmp_path))
    assert data.samples == 6
    assert (data.fields["target"].int() - data.fields["input"].int()).unique().tolist() == [100]
    assert data.skipped == ("alone has no partner",)


def test_a_picture_twice_as_wide_as_high_holds_its_input_on_the_left(tmp_path: Path) -> None:
    for i in range(5):
        both = flat(0, 40, 20)
        both.paste(flat(50 + i, 20, 20), (0, 0))
        both.paste(flat(150 + i, 20, 20), (20, 0))
        both.save(tmp_path / f"{i}.png")
    data = load(pairs(tmp_path))
    assert (data.fields["target"].int() - data.fields["input"].int()).unique().tolist() == [100]


def test_folders_that_are_no_pairs_are_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="is not a folder"):
        load(pairs(tmp_path / "nothing"))
    for i in range(4):
        flat(i).save(tmp_path / f"{i}.png")
    with pytest.raises(BadData, match="twice as wide as high"):
        load(pairs(tmp_path))
    three = tmp_path / "three"
    for name in "abc":
        (three / name).mkdir(parents=True)
        flat(1).save(three / name / "0.png")
    with pytest.raises(BadData, match="holds 3 folders"):
        load(pairs(three))
    strangers = tmp_path / "strangers"
    for name in "ab":
        (strangers / name).mkdir(parents=True)
        flat(1).save(strangers / name / f"{name}.png")
    with pytest.raises(BadData, match="no file in a has the name of one in b"):
        load(pairs(strangers))
    with pytest.raises(BadData, match="holds no pairs"):
        load(tiny.recipe("pix2pix", dataset="digits"))


def test_broken_pairs_are_left_out_up_to_a_tenth(tmp_path: Path) -> None:
    two_folders(tmp_path, "A", "B", 12)
    (tmp_path / "B" / "3.bmp").write_bytes(b"BM no")
    Image.new("1", (9_000, 9_000)).save(tmp_path / "A" / "4.png")
    with pytest.raises(BadData, match="too many of 12 pairs are broken"):
        load(pairs(tmp_path))
    flat(14).save(tmp_path / "A" / "4.png")
    data = load(pairs(tmp_path))
    assert data.samples == 11
    assert [line.split(":")[0] for line in data.skipped] == ["3.png"]


def test_links_out_of_the_folder_do_not_pair(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    two_folders(outside, "A", "B")
    inside.mkdir()
    two_folders(inside, "A", "B", 3)
    (inside / "A" / "5.png").symlink_to(outside / "A" / "5.png")
    flat(115).save(inside / "B" / "5.png")
    assert load(pairs(inside)).samples == 3


def test_no_held_out_pixel_of_a_photograph_is_trained_on() -> None:
    # A photograph whose red says the column: the left third holds the values below BORDER / 3.
    columns = (np.arange(640) / 3).astype(np.uint8)
    photo = np.zeros((96, 640, 3), np.uint8)
    photo[..., 0] = columns
    photo[::2, :, 1] = 255
    cut = patches([photo])
    assert cut.held is not None
    assert cut.pixels[cut.held][:, 0].max() < BORDER / 3 <= cut.pixels[~cut.held][:, 0].min() + 1
    assert 0.2 < cut.held.mean() < 0.4


def test_an_outline_is_the_rim_of_the_ink_and_a_label_map_has_eight_colours() -> None:
    square = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
    square[..., 2:7, 2:7] = 255
    rim = square.clone()
    rim[..., 3:6, 3:6] = 0
    assert torch.equal(outlines(square), rim)
    maps = label_maps(torch.from_numpy(patches().pixels[:60]))
    assert len(maps.permute(0, 2, 3, 1).reshape(-1, 3).unique(dim=0)) <= 8


def test_a_picture_shows_input_output_and_target_in_a_row(tmp_path: Path) -> None:
    data = tiny.data(tiny.recipe("pix2pix"))
    data.picture(torch.ones(2, 1, 8, 8), tmp_path / "x.png")
    shown = np.asarray(Image.open(tmp_path / "x.png"))
    assert shown.shape == ((8 + 4) * 8, (2 * 24 + 6) * 8)
    assert shown[6 * 8, (2 + 8 + 4) * 8] == 255
