"""Each failure, planted, is told with its remedy; healthy samples and runs are met with silence."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from models import contract
from models.health import REMEDIES, STREAK, Evidence, Watch, copies, leak, overfit, spread
from models.train import train
from tests.models import tiny

DIGITS = tiny.digits(16, 1)
TRAIN, HELD = DIGITS.cast(DIGITS.fields["image"][:400]), DIGITS.cast(DIGITS.reference["image"][:400])


def codes(watch: Watch, evidence: Evidence, fraction: float = 0.9, times: int = 2) -> list[str]:
    return [finding.code for _ in range(times) for finding in watch.samples(evidence, fraction)]


def test_real_samples_nobody_has_seen_are_met_with_silence() -> None:
    fresh = DIGITS.cast(DIGITS.fields["image"][800:900])
    assert codes(Watch(), Evidence(fresh, TRAIN, HELD, ("cutout", "translation"))) == []


def test_samples_all_alike_are_a_collapse_but_not_before_training() -> None:
    alike = TRAIN.mean(0, keepdim=True).repeat(64, 1, 1, 1) + 0.01 * torch.randn(
        64, 1, 16, 16, generator=torch.Generator().manual_seed(0)
    )
    assert codes(Watch(), Evidence(alike, TRAIN, HELD), fraction=0.1) == []
    assert codes(Watch(), Evidence(alike, TRAIN, HELD), times=1) == []
    assert "mode_collapse" in codes(Watch(), Evidence(alike, TRAIN, HELD))
    assert spread(alike) < 0.1 * spread(TRAIN)


def test_copies_of_training_samples_are_told_and_counted_by_share() -> None:
    fresh = DIGITS.cast(DIGITS.fields["image"][800:900])
    half = torch.cat((TRAIN[:50], fresh[:50]))
    assert codes(Watch(), Evidence(TRAIN[:100], TRAIN, HELD)) == ["memorised"]
    assert copies(half, TRAIN, HELD) == pytest.approx(0.5, abs=0.1)
    assert copies(fresh, TRAIN, HELD) < 0.05


def test_a_discriminator_that_takes_held_out_samples_for_generated_overfits() -> None:
    noise = torch.Generator().manual_seed(0)
    high, low = 3 + torch.randn(256, generator=noise), -3 + torch.randn(256, generator=noise)
    assert overfit(high, low, low) == pytest.approx(1, abs=0.1)
    assert overfit(high, high.flip(0), low) == pytest.approx(0, abs=0.1)
    assert overfit(low, high, low) is None, "judged alike, it has learnt nothing yet"
    fresh = DIGITS.cast(DIGITS.fields["image"][800:900])
    assert codes(Watch(), Evidence(fresh, TRAIN, HELD, judged=(high, low, low))) == ["discriminator_overfits"]


def test_the_marks_of_augmentations_are_seen_in_samples() -> None:
    cut = TRAIN[:60].clone()
    cut[:, :, 4:12, 4:12] = 0
    moved = torch.nn.functional.pad(TRAIN[:60], (2, 0, 0, 0))[..., :16]
    assert leak("cutout", cut, TRAIN) > 0.9 and leak("translation", moved, TRAIN) > 0.9
    assert codes(Watch(), Evidence(cut, TRAIN, None, ("cutout",))) == ["augmentation_leaks"]
    assert leak("cutout", TRAIN[60:120], TRAIN) < 0.1 and leak("flip", cut, TRAIN) == 0


def test_whole_numbers_such_as_tokens_are_compared_place_by_place() -> None:
    tokens = torch.randint(0, 50, (80, 12), generator=torch.Generator().manual_seed(0))
    assert spread(tokens[:1].repeat(20, 1)) == 0
    assert spread(tokens) > 0.9
    assert copies(tokens[:20], tokens[:40], tokens[40:]) == 1


@pytest.mark.parametrize(("norm", "code"), [(1e-7, "gradient_vanished"), (1e5, "gradient_exploded")])
def test_a_gradient_must_stay_away_for_long_to_be_told_once(norm: float, code: str) -> None:
    watch = Watch()
    for _ in range(20):
        assert not list(watch.gradients({"generator": 1.0}))
    said = [list(watch.gradients({"generator": norm})) for _ in range(3 * STREAK)]
    assert [f.code for found in said for f in found] == [code]
    assert not any(said[: STREAK - 1])
    healthy = Watch()
    for step in range(200):
        assert not list(healthy.gradients({"generator": 10.0 ** (step % 5 - 2)}))


def test_a_discriminator_without_loss_is_saturated_and_a_critic_below_zero_is_not() -> None:
    def said(loss: float) -> list[str]:
        watch = Watch()
        return [f.code for _ in range(100) for f in watch.losses({"discriminator": loss})]

    assert said(1e-4) == ["discriminator_saturated"]
    assert said(-5.0) == said(0.4) == []


def test_a_figure_worse_than_untrained_is_told_and_in_the_end_hopeless() -> None:
    watch = Watch()
    assert not list(watch.figures([3.0, 4.0, 2.0, 3.5], "min", 0.9))
    assert [f.hopeless for f in watch.figures([3.0, 4.0, 4.0], "min", 0.4)] == [False]
    assert [f.hopeless for f in watch.figures([3.0, 4.0, 4.0, 5.0], "min", 0.6)] == [True]
    assert not list(Watch().figures([0.5, 0.6, 0.9], "max", 0.9))


def test_the_watch_survives_a_checkpoint() -> None:
    watch = Watch()
    list(watch.gradients({"generator": 1.0}))
    again = Watch(**json.loads(json.dumps(dataclasses.asdict(watch))))
    assert again == watch


def test_every_finding_has_a_remedy_with_a_source() -> None:
    for remedy, source in REMEDIES.values():
        assert remedy and source.startswith("arXiv:")


def test_a_run_of_hopeless_rates_is_told_stopped_early_and_says_so(tmp_path: Path) -> None:
    broken = tiny.recipe(
        "dcgan", resolution=16, lr_g=0.3, lr_d=0.3, metric="kid_efflite0_112", metric_samples=250, measure_every_kimg=0.8
    )
    run_dir = tiny.folder(tmp_path, broken, steps=200)
    assert train(run_dir) == contract.EXIT_OK
    report = tiny.report(run_dir)
    assert report["stopped_early"] and report["steps"] < 200
    told = [event.data for event in tiny.events(run_dir) if event.type == "health"]
    assert [data["hopeless"] for data in told if data["code"] == "worse_than_untrained"][-1] is True
    assert {entry["code"] for entry in report["health"]} == {data["code"] for data in told}
