"""Captions from packages and from the user's own files, the figure that sees them, and the networks that are told them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import metrics
from models.contract import Recipe
from models.data import load
from models.data.captions import Captioned
from models.data.dataset import BadData
from models.networks import df_gan, gan_int_cls, stackgan
from models.words import Judge, mismatched
from tests.models import tiny

CPU = torch.device("cpu")


def captioned(path: Path, **fields: object) -> Recipe:
    return tiny.recipe("gan-int-cls", dataset=str(path), resolution=16, **fields)


def written(path: Path, *captions: str) -> Path:
    for i, caption in enumerate(captions):
        Image.fromarray(np.full((16, 16), i, np.uint8)).save(path / f"{i}.png")
        (path / f"{i}.txt").write_text(caption)
    return path


def digits() -> Captioned:
    data = tiny.data(tiny.recipe("gan-int-cls"))
    assert isinstance(data, Captioned)
    return data


def test_captions_of_digits_are_facts_of_the_images() -> None:
    data = digits()
    captions = [data.written(row) for row in data.fields["tokens"][:800]]
    ink = data.fields["image"][:800].float().mean((1, 2, 3)).numpy()
    thin, bold = (np.mean([x for x, caption in zip(ink, captions, strict=True) if word in caption]) for word in ("thin", "bold"))
    assert bold > 1.5 * thin
    assert {caption.split()[-1] for caption in captions} >= {"zero", "nine"}
    assert len(set(captions)) > 60


def test_a_folder_of_images_with_texts_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    written(tmp_path, "A red Bird", "a blue bird, singing", "bird", "a\nbird")
    (tmp_path / "2.txt").unlink()
    data = load(captioned(tmp_path, length=3))
    assert isinstance(data, Captioned)
    assert [data.written(row) for row in data.reference["tokens"]].count("a bird") == 1
    assert data.fields["tokens"].shape == (3, 3)
    assert "a blue bird" in {data.written(row) for row in data.fields["tokens"]}
    assert data.skipped == ("2.png has no caption",)


def test_folders_without_captions_and_hostile_ones_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(empty / "0.png")
    with pytest.raises(BadData, match="has a caption beside it"):
        load(captioned(empty))
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    written(hostile, "x" * 20_000, "a bird")
    (hostile / "1.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadData, match="too many of 2 images are broken"):
        load(captioned(hostile))
    outside = tmp_path / "outside.txt"
    outside.write_text("a secret")
    (empty / "0.txt").symlink_to(outside)
    with pytest.raises(BadData, match="has a caption beside it"):
        load(captioned(empty))
    with pytest.raises(BadData, match="has no captions"):
        load(tiny.recipe("gan-int-cls", dataset="digits"))


def test_the_figure_sees_wrong_captions_and_wrong_images() -> None:
    data = tiny.data(tiny.recipe("gan-int-cls", resolution=16))
    metric = metrics.load("kid_captions_efflite0_112", data, 250, CPU)
    assert metric is not None and metric.floor is not None
    real = data.cast(data.reference["image"][:250])
    right, wrong = metric([real]), metric([real.roll(1, 0)])
    assert right.value < wrong.value - 0.1
    assert right.beside["kid_efflite0_112"] == pytest.approx(wrong.beside["kid_efflite0_112"], abs=1e-5)
    assert metric([real + 0.3 * torch.randn(real.shape)]).value > wrong.value + 1
    few = dataclasses.replace(data, reference={name: values[:249] for name, values in data.reference.items()})
    with pytest.raises(BadData, match="needs 250"):
        metrics.load("kid_captions_efflite0_112", few, 500, CPU)


@pytest.mark.parametrize(("resolution", "channels"), [(16, 3), (64, 1)])
def test_gan_int_cls_takes_other_sizes(resolution: int, channels: int) -> None:
    one = tiny.recipe("gan-int-cls", resolution=resolution, channels=channels, batch_size=2)
    samples = tiny.pictures(tiny.moved(tiny.game(one), 1), 2)
    assert samples.shape == (2, channels, resolution, resolution)
    assert samples.abs().max() <= 1


JUDGES: dict[str, Callable[[], Judge]] = {
    "gan-int-cls": lambda: gan_int_cls.discriminator(tiny.recipe("gan-int-cls"), 5, 8),
    "df-gan": lambda: df_gan.discriminator(tiny.recipe("df-gan"), 5, 8),
    "stackgan": lambda: stackgan.discriminator(tiny.recipe("stackgan"), 8, 5, 8),
}


@pytest.mark.parametrize("architecture", JUDGES)
def test_the_discriminator_sees_image_and_sentence(architecture: str) -> None:
    torch.manual_seed(0)
    judge = JUDGES[architecture]()
    image, sentence = torch.randn(2, 1, 8, 8), torch.randn(2, 8)
    logit = judge(image, sentence)
    assert logit.shape == (2, 1)
    other = torch.tensor([[1.0], [2.0]])
    assert not torch.equal(logit, judge(image, sentence + other))
    assert not torch.equal(logit, judge(image + other[..., None, None], sentence))


def test_a_caption_that_its_neighbour_shares_is_not_held_against_an_image() -> None:
    torch.manual_seed(0)
    judge = JUDGES["df-gan"]()
    features, sentence = judge.body(torch.randn(3, 1, 8, 8)), torch.randn(3, 8)
    same = torch.tensor([[1, 2], [1, 2], [1, 2]])
    assert mismatched(judge, features, sentence, same, torch.exp) == 0
    other = torch.tensor([[1, 2], [1, 2], [3, 0]])  # the first and the last have another beside them
    expected = judge.judged(features, sentence.roll(1, 0)).exp()[[0, 2]].sum() / 3
    assert torch.allclose(mismatched(judge, features, sentence, other, torch.exp), expected)


def test_a_bold_caption_gives_more_ink_than_a_thin_one() -> None:
    one = tiny.recipe("gan-int-cls", lr_g=1e-3, lr_d=1e-3, width=16, ema_half_life_kimg=0.5)
    data = digits()
    bold, thin = (data.vocabulary.index(word) for word in ("bold", "thin"))
    game = tiny.game(one, data)
    tiny.moved(game, 160)
    given = data.given(0, 200, CPU)["tokens"]
    ink = tiny.pictures(game, 200).mean((1, 2, 3))
    assert ink[(given == bold).any(1)].mean() > ink[(given == thin).any(1)].mean() + 0.04
