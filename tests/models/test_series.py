"""Time series: files of the user, what is held out, the scores, and that TimeGAN learns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from models import train
from models.contract import Recipe, RunBudget
from models.data import load
from models.data.dataset import BadData
from models.data.series import Series
from models.journal import Journal
from models.metrics.series import Discriminative, Predictive
from models.run import Run
from tests.models import tiny

SERIES = Recipe(architecture="", task="time-series", dataset="el-nino", length=8)
CPU = torch.device("cpu")


def own(folder: Path, text: str) -> Series:
    (folder / "a.csv").write_text(text)
    data = load(dataclasses.replace(SERIES, dataset=f"csv:{folder / 'a.csv'}"))
    assert isinstance(data, Series)
    return data


def test_every_fourth_series_is_held_out_whole_and_the_id_and_the_date_are_not_generated(tmp_path: Path) -> None:
    rows = [f"shop{s},2026-01-{d:02},{100 * s + d},{d % 5}" for s in range(8) for d in range(1, 13)]
    data = own(tmp_path, "\n".join(["shop,date,sold,rain", *rows]))
    assert data.names == ("sold", "rain") and "'date'" in data.skipped[0]
    assert data.fields["series"].shape == (30, 8, 2) and data.reference["series"].shape == (10, 8, 2)
    sold = data.reference["series"][..., 0] * (data.high[0] - data.low[0]) + data.low[0]
    assert {round(value) // 100 for value in sold.flatten().tolist()} == {0, 4}
    assert data.fields["series"].min() == 0 and data.fields["series"].max() == 1


def test_no_step_of_one_long_series_is_in_training_and_held_out_windows(tmp_path: Path) -> None:
    data = own(tmp_path, "\n".join(["x", *map(str, range(1000))]))
    assert data.reference_held_out
    train, held = ({round(v * (data.high[0] - data.low[0]) + data.low[0]) for v in part["series"].flatten().tolist()}
                   for part in (data.fields, data.reference))  # fmt: skip
    assert not train & held


def test_a_missing_number_ends_a_series_and_is_not_made_up(tmp_path: Path) -> None:
    data = own(tmp_path, "\n".join(["x,y", *(f"{i},{'' if i == 20 else i % 7}" for i in range(40))]))
    values = data.fields["series"][..., 0] * (data.high[0] - data.low[0]) + data.low[0]
    assert 20 not in {round(v) for v in values.flatten().tolist()}
    assert (values.diff(dim=1).round() == 1).all()


def test_an_array_of_series_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", series=np.random.default_rng(0).normal(size=(20, 8, 3)))
    data = load(dataclasses.replace(SERIES, dataset=f"npz:{tmp_path / 'a.npz'}"))
    assert data.fields["series"].shape == (15, 8, 3) and data.held == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x\n" + "1\n2\n" * 3, "two are the least"),
        ("x\n" + "7\n" * 40, "never changes"),
        ("year,x\n" + "".join(f"{9 - i},{i}\n" for i in range(9)), "line 3: '8' comes after '9'"),
        ("x\n" + "".join(f"{i}\n" for i in range(30)) + "oops\n", "line 32, column 'x': 'oops'"),
        ("x\n" + "".join(f"{i}\n" for i in range(30)) + "inf\n", "line 32, column 'x': 'inf'"),
        ("x\n" + "".join(f"{i}e31\n" for i in range(30)), "above 1e30"),
        ("a,b,x\n" + "".join(f"u{i % 2},v{i % 3},{i}\n" for i in range(30)), "2 that name a series"),
        ("a,x\n" + "u,\n" * 9, "0 columns of numbers|without a missing|never"),
    ],
)
def test_a_hostile_file_is_refused_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadData, match=reason):
        own(tmp_path, text)


def test_the_scores_tell_real_windows_from_noise_and_need_a_hundred() -> None:
    data = tiny.data(SERIES)
    real = data.fields["series"]
    for kind in (Discriminative, Predictive):
        metric = kind(data, 120, CPU)
        assert metric.floor is not None
        noise = metric([torch.rand(metric.samples, 8, 1, generator=torch.Generator().manual_seed(0))])
        good = metric([real[: metric.samples]])
        assert good.value == pytest.approx(metric.floor) and good.value < noise.low and noise.low <= noise.value <= noise.high
        with pytest.raises(BadData, match="needs 100 held-out windows, here are 99"):
            kind(data, 99, CPU)
    assert Discriminative(data, 120, CPU)([torch.rand(120, 8, 1)]).value > 0.4


def test_the_figure_that_decides_grades_generators_that_a_classifier_takes_for_equally_bad() -> None:
    data, draw = tiny.data(SERIES), torch.Generator().manual_seed(0)
    metric = Predictive(data, 120, CPU)
    real = data.fields["series"][: metric.samples]
    noise = torch.randn(real.shape, generator=draw)
    ladder = [real, real + 0.1 * noise, real + 0.2 * noise, torch.rand(real.shape, generator=draw), real[:1].expand_as(real)]
    found = [metric([each]) for each in ladder]
    values = [each.value for each in found]
    assert values[0] == metric.floor and values[0] < 0.8 * values[1] < 0.64 * values[2] < 0.5 * values[3]
    assert values[4] > values[2], "one window, repeated, must not pass for a good set"
    assert min(found[i].beside["discriminative_trees"] for i in (2, 3, 4)) > 0.4


def test_timegan_refuses_cells_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="module must be gru or lstm, not 'rnn'"):
        tiny.game(tiny.recipe("timegan", options={"module": "rnn"}))


def test_the_baseline_has_the_mean_and_the_spread_of_each_step() -> None:
    game = tiny.game(tiny.recipe("autoregression"))
    game.begin()
    fake, real = tiny.pictures(game, 2000), game.dataset.fields["series"]
    assert (fake.mean(0) - real.mean(0)).abs().max() < 0.1 and (fake.std(0) / real.std(0) - 1).abs().max() < 0.3


@pytest.mark.parametrize("module", ["gru", "lstm"])
def test_timegan_learns_level_and_spread(module: str) -> None:
    game = tiny.game(tiny.recipe("timegan", width=12, lr_g=1e-2, lr_d=1e-3, options={"layers": 1, "module": module}))
    real = game.dataset.fields["series"]

    def off() -> float:
        fake = tiny.pictures(game, 200)
        return float((fake.mean(0) - real.mean(0)).abs().mean() + (fake.std(0) - real.std(0)).abs().mean())

    before = off()
    tiny.through(game, 60)
    assert off() < 0.5 * before


def test_the_picture_shows_generated_series_beside_real_ones(tmp_path: Path) -> None:
    data = tiny.data(SERIES)
    data.picture(data.fields["series"][:3], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_what_is_trained_ahead_is_no_collapse(tmp_path: Path) -> None:
    one = tiny.recipe("timegan", measure_every_kimg=0.05, width=4)
    run = tiny.folder(tmp_path, one, steps=60, devices=1)
    assert train.train(run) == 0
    looked = [event.data for event in tiny.events(run) if event.type in ("samples", "health")]
    joint = 16 * 40 / 1000  # two of three phases of sixty steps of sixteen
    assert sum(event["kimg"] < joint for event in looked if "kimg" in event) > 6
    assert [event for event in looked if event.get("code") == "mode_collapse" and event["step"] < 40] == []


def test_figures_from_before_the_watch_began_make_no_run_hopeless(tmp_path: Path) -> None:
    one = tiny.recipe("timegan", metric="discriminative_trees", metric_samples=100, width=4)
    run = Run(tmp_path, one, RunBudget(steps=30), Journal(tmp_path), lambda: False)
    shown = next(run.game.samples(16, 0))
    worse = {"step": 1, "kimg": 0.1, "value": 0.5}
    run.record.history = [{**worse, "value": 0.4}, *[worse] * 5]
    run._look(shown)
    run.game.phase, run.game.step = 2, 25
    run.record.history.append(worse)
    run._look(shown)
    assert "worse_than_untrained" not in [event["code"] for event in run.record.health] and not run.record.hopeless
    run.record.history += [worse] * 5
    run._look(shown)
    assert run.record.hopeless
