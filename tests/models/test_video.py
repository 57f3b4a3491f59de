"""Clips: the digits that move, the user's own animations and frames, and the figure that sees motion."""

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
from models.data.video import cut, divided, moving
from models.metrics.video import KidMotion
from models.networks.mocogan import ClipDiscriminator, Generator, frame_discriminator, noise, one_frame
from tests.models import tiny

CLIPS = Recipe(architecture="", task="video", dataset="moving-digits", resolution=8, channels=1, length=4)
CPU = torch.device("cpu")


def own(path: Path, **fields: object) -> Dataset:
    return load(dataclasses.replace(CLIPS, dataset=str(path), **fields))  # type: ignore[arg-type]


def frames(values: list[int], size: tuple[int, int] = (8, 8)) -> list[Image.Image]:
    return [Image.new("L", size, value) for value in values]


def test_a_digit_keeps_its_ink_and_goes_straight_until_the_edge_reflects_it() -> None:
    blot = torch.full((40, 1, 14, 14), 255, dtype=torch.uint8)
    clips = moving(blot, 32, 12).float()
    ink = clips.sum((2, 3, 4))
    assert (ink / ink.mean() - 1).abs().max() < 0.02
    place = torch.arange(32.0)
    across = (clips[:, :, 0].sum(2) * place).sum(2) / ink
    step = across.diff(dim=1)
    turns = (step.sign()[:, 1:] * step.sign()[:, :-1] < 0).sum(1)
    straight = (step[:, 1:] - step[:, :-1]).abs().amax(1) < 0.1
    assert 0 < straight.sum() < 40 and (turns[~straight] >= 0).all() and (step.abs() < 32 * 0.15).all()
    assert (turns[straight] == 0).all()


def test_ways_are_the_same_for_every_seed_and_no_two_digits_share_one() -> None:
    blot = torch.full((2, 1, 8, 8), 255, dtype=torch.uint8)
    assert torch.equal(moving(blot, 16, 4), moving(blot, 16, 4))
    assert not torch.equal(*moving(blot, 16, 4))


def test_animations_and_folders_of_frames_become_clips_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    first, *rest = frames([10, 20, 30, 40, 50, 60, 70, 80, 90])
    first.save(tmp_path / "a.gif", save_all=True, append_images=rest)
    first.save(tmp_path / "b.webp", save_all=True, append_images=rest[:3], lossless=True)
    (tmp_path / "c").mkdir()
    for number, frame in enumerate(frames([n * 20 for n in range(12)])):
        frame.save(tmp_path / "c" / f"frame{number}.png")
    found = own(tmp_path).fields["video"]
    means = {tuple(clip.float().mean((1, 2, 3)).round().int().tolist()) for clip in found}
    assert found.shape == (6, 4, 1, 8, 8)
    assert means == {
        (10, 20, 30, 40),
        (50, 60, 70, 80),
        (0, 20, 40, 60),
        (80, 100, 120, 140),
        (160, 180, 200, 220),
    }


@pytest.mark.parametrize("shape", [(3, 4, 8, 10), (3, 4, 8, 10, 3), (3, 4, 3, 8, 10), (3, 9, 8, 10, 1)])
def test_arrays_of_clips_are_read_with_their_channels_at_either_end(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "a.npz", videos=np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    assert own(tmp_path / "a.npz", channels=3).fields["video"].shape[1:] == (4, 3, 8, 8)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 4, 8)),
        np.zeros((3, 2, 8, 8)),
        np.full((3, 4, 8, 8), 2.0),
        np.full((3, 4, 8, 8), np.nan),
        np.zeros((3, 4, 8, 8, 5)),
        np.zeros((1, 4, 8, 8)),
        np.array([{"a": 1}], dtype=object),
    ],
)
def test_an_array_that_is_no_clips_is_refused_with_the_reason(tmp_path: Path, array: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", videos=array)
    with pytest.raises(BadData, match=r"dimensions|frames|channels|outside|two are|read"):
        own(tmp_path / "a.npz")


def test_what_cannot_be_read_is_named_and_too_much_of_it_is_refused(tmp_path: Path) -> None:
    first, *rest = frames([10, 20, 30, 40])
    for name in "abcdefghijk":
        first.save(tmp_path / f"{name}.gif", save_all=True, append_images=rest)
    (tmp_path / "x.gif").write_bytes(b"GIF89a no picture")
    first.save(tmp_path / "short.gif", save_all=True, append_images=rest[:1])
    skipped = own(tmp_path).skipped
    assert len(skipped) == 2 and any("x.gif" in one for one in skipped) and any("2 frames" in one for one in skipped)
    for name in "yz":
        (tmp_path / f"{name}.webp").write_bytes(b"RIFF")
    with pytest.raises(BadData, match="broken"):
        own(tmp_path)


def test_a_folder_without_videos_and_lengths_that_no_clip_has_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", tmp_path / "none.npz"):
        with pytest.raises(BadData):
            own(path)
    for length in (1, 1000):
        with pytest.raises(BadData, match="2 to 128"):
            load(dataclasses.replace(CLIPS, length=length))
    with pytest.raises(BadData, match="moving-digits"):
        load(dataclasses.replace(CLIPS, dataset="digits"))


def test_clips_of_one_video_are_never_on_both_sides_of_the_split() -> None:
    clips, of = cut([torch.zeros(40, 1, 2, 2)] * 100, 4, [], ["a"] * 100)
    assert clips.shape == (1000, 4, 1, 2, 2) and of.tolist() == [i // 10 for i in range(1000)]
    train, held = divided(of)
    assert len(held) == 340 and len(train) == 660
    assert not set(of[train]) & set(of[held])
    assert len(divided(np.zeros(1000, int))[1]) == 0


def test_a_picture_shows_each_clip_as_a_row_of_frames(tmp_path: Path) -> None:
    clips = torch.linspace(-1, 1, 5).view(1, 5, 1, 1, 1).expand(3, 5, 1, 64, 64)
    tiny.data(tiny.recipe("mocogan")).picture(clips, tmp_path / "a.png")
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    assert picture.shape == (3 * 66 + 2, 5 * 66 + 2)
    assert picture[30, 30::66].tolist()[:5] == [0, 64, 128, 191, 255]


def test_the_figure_sees_broken_motion_where_frames_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load(dataclasses.replace(CLIPS, resolution=16))
    with pytest.raises(BadData, match="needs 250"):
        KidMotion(data, 100, CPU)
    monkeypatch.setattr("models.metrics.kid.LEAST", 50)
    metric = KidMotion(data, 60, CPU)
    shuffled = metric([data.cast(data.fields["video"][:60, torch.tensor([2, 0, 3, 1])])])
    assert metric.floor is not None and abs(metric.floor) < 0.1
    assert shuffled.low > metric.floor + 0.1 and shuffled.value < shuffled.high


def test_the_supplements_networks() -> None:
    with torch.device("meta"):
        one = Recipe(architecture="mocogan", dataset="", resolution=64, channels=3, latent_dim=50, width=64)
        count = [
            sum(p.numel() for p in network.parameters())
            for network in (Generator(one), frame_discriminator(64, 3, 64), ClipDiscriminator(64, 3, 64, 16))
        ]
        logits = ClipDiscriminator(64, 3, 64, 16)(torch.zeros(2, 16, 3, 64, 64))
        patches = frame_discriminator(64, 3, 64)(torch.zeros(2, 3, 64, 64))
    assert logits.shape == (2, 1) and patches.shape == (2, 1, 4, 4)
    motion = 3 * (2 * 10 * 10 + 2 * 10)
    widths = [(60, 512), (512, 256), (256, 128), (128, 64)]
    frames = sum(16 * a * b + 2 * b for a, b in widths) + 16 * 64 * 3 + 3
    halved = [(64, 128), (128, 256), (256, 512)]
    judged = [16 * 3 * 64 + sum(16 * a * b + 2 * b for a, b in halved[:2]) + 16 * 256]
    judged += [64 * 3 * 64 + sum(64 * a * b + 2 * b for a, b in halved) + 64 * 512]
    assert count == [motion + frames, *judged]


@pytest.mark.parametrize("frames", [2, 3, 8, 16])
@pytest.mark.parametrize("resolution", [8, 32])
def test_clips_of_any_length_are_judged(frames: int, resolution: int) -> None:
    assert ClipDiscriminator(resolution, 1, 4, frames)(torch.zeros(2, frames, 1, resolution, resolution)).isfinite().all()


def test_one_content_goes_through_all_frames_and_each_frame_depends_on_those_before() -> None:
    torch.manual_seed(0)
    network = Generator(tiny.recipe("mocogan", resolution=8)).eval()
    content, state, steps = noise(2, 4, 8)
    clips = network(content, state, steps)
    later = steps.clone()
    later[:, 2] += 1
    changed = network(content, state, later)
    assert torch.equal(clips[:, :2], changed[:, :2])
    assert not torch.equal(clips[:, 2], changed[:, 2]) and not torch.equal(clips[:, 3], changed[:, 3])


def test_a_frame_is_drawn_from_its_own_clip() -> None:
    clips = torch.arange(6.0).view(2, 3, 1, 1, 1)
    drawn = torch.stack([one_frame(clips).flatten() for _ in range(50)])
    assert set(drawn[:, 0].tolist()) == {0, 1, 2} and set(drawn[:, 1].tolist()) == {3, 4, 5}


def test_it_learns_two_clips_by_heart() -> None:
    one = tiny.recipe("mocogan", width=16, lr_g=2e-3, lr_d=2e-3, ema_half_life_kimg=0.2)
    data = tiny.data(one)
    two: dict[str, Tensor] = {"video": data.fields["video"][:2]}
    game = tiny.game(one, dataclasses.replace(data, fields=two))
    real = data.cast(two["video"]).flatten(1)

    def distance() -> float:
        return torch.cdist(real, tiny.pictures(game, 32).flatten(1)).amin(1).mean().item()

    before = distance()
    for _ in range(5):
        tiny.moved(game, 50)
        if distance() < 0.6 * before:
            return
    raise AssertionError(f"{distance():.1f} after {before:.1f}")
