"""Anomaly detection: what is normal is learnt, what is held out is of both kinds, and the area under the curve can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import metrics
from models.data import load
from models.data.anomaly import Anomalies
from models.data.dataset import BadData
from models.metrics.measured import Metric
from tests.models import tiny


def anomalies(**fields: object) -> Anomalies:
    data = load(tiny.recipe("ganomaly", **fields))
    assert isinstance(data, Anomalies)
    return data


def test_the_class_that_is_the_anomaly_is_never_trained_on() -> None:
    for anomaly in (0, 7):
        data = anomalies(options={"anomaly": anomaly})
        whole = load(tiny.recipe("dcgan"))
        odd = torch.cat([whole.fields["image"], whole.reference["image"]])[
            torch.cat([whole.fields["label"], whole.reference["label"]]) == anomaly
        ]
        trained = {image.numpy().tobytes() for image in data.fields["image"]}
        assert not any(image.numpy().tobytes() in trained for image in odd)
        assert int(data.reference["odd"].sum()) == len(odd)


def test_a_class_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="must be one of the classes"):
        anomalies(options={"anomaly": 11})


def write(folder: Path, shade: int, count: int) -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        pixels = np.random.default_rng(i).integers(shade, shade + 30, (16, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


def test_a_folder_laid_out_as_train_and_test_is_taken_as_it_is(tmp_path: Path) -> None:
    write(tmp_path / "train" / "good", 0, 30)
    write(tmp_path / "test" / "good", 0, 26)
    write(tmp_path / "test" / "scratch", 200, 27)
    data = anomalies(dataset=f"folder:{tmp_path}")
    assert (data.samples, data.held, int(data.reference["odd"].sum())) == (30, 53, 27)
    bright = data.reference["image"].float().mean((1, 2, 3)) > 128
    assert torch.equal(bright, data.reference["odd"])


def test_a_folder_that_does_not_say_what_is_normal_is_refused_with_the_layout_that_would_do(tmp_path: Path) -> None:
    write(tmp_path / "train", 0, 4)
    write(tmp_path / "test" / "scratch", 200, 4)
    with pytest.raises(BadData, match="wanted is a folder good or normal"):
        anomalies(dataset=f"folder:{tmp_path}")
    with pytest.raises(BadData, match="does not say what is normal"):
        anomalies(dataset=f"folder:{tmp_path / 'train'}")


def scored(data: Anomalies, scores: torch.Tensor) -> torch.Tensor:
    maps = scores.view(-1, 1, 1, 1).expand(-1, 1, 8, 8)
    return torch.cat((torch.zeros(len(scores), 1, 8, 8), maps), 1)


def roc(data: Anomalies) -> Metric:
    metric = metrics.load("roc_auc", data, 600, torch.device("cpu"))
    assert metric is not None
    return metric


def test_the_area_is_one_for_a_score_that_knows_none_for_its_opposite_and_a_half_for_chance() -> None:
    data = anomalies()
    metric = roc(data)
    odd = data.reference["odd"][: metric.samples].float()
    assert metric([scored(data, odd)]).value == 1
    assert metric([scored(data, -odd)]).value == 0
    chance = metric([scored(data, torch.rand(len(odd), generator=torch.Generator().manual_seed(0)))])
    assert abs(chance.value - 0.5) < 0.1 and chance.low < chance.value < chance.high
    assert metric([scored(data, torch.zeros(len(odd)))]).value == 0.5


def test_too_few_of_either_kind_give_no_figure() -> None:
    with pytest.raises(BadData, match="needs 25 anomalies"):
        metrics.load("roc_auc", anomalies(), 20, torch.device("cpu"))


def test_what_was_never_seen_scores_higher_after_a_moment_of_training() -> None:
    game = tiny.game(tiny.recipe("ganomaly", lr_g=2e-3, lr_d=2e-3, ema_half_life_kimg=0.5))
    data = game.dataset
    assert isinstance(data, Anomalies)
    metric = roc(data)
    before = metric(game.samples(metric.samples, 0)).value
    after = metric(tiny.moved(game, 120).samples(metric.samples, 0)).value
    assert after > max(before, 0.5) + 0.15


def test_the_picture_shows_given_and_rebuilt(tmp_path: Path) -> None:
    data = anomalies()
    data.picture(scored(data, torch.arange(20.0)), tmp_path / "x.png")
    assert Image.open(tmp_path / "x.png").width > 16 * 64
