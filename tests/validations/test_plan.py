"""What is fixed before the start, and which requests are refused with what would be allowed."""

from __future__ import annotations

import importlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from app.errors import UnknownSlug, Unprocessable
from app.validations.known import tasks, trainable
from app.validations.plan import alone, plan
from app.validations.rungs import legs
from models.contract import Recipe
from models.metrics import METRICS
from tests.conftest import forget_settings
from tests.validations.samples import advise, candidate, recommendation, request


def planned(**changes: Any) -> dict[str, Any]:
    asked = request(**changes)
    assert asked.task is not None
    return plan(asked, advise(asked.task))


def refused(**changes: Any) -> Unprocessable:
    with pytest.raises(Unprocessable) as caught:
        planned(**changes)
    return caught.value


def test_the_best_trainable_candidate_and_its_runner_up_race_against_the_baseline() -> None:
    made = planned(architectures=None, top_k=2)
    named = [(run["name"], run["architecture"]) for run in made["runs"]]
    assert named == [("baseline", "pixel-gaussian"), ("candidate", "dcgan"), ("runner-up", "sngan")]


def test_everything_that_decides_is_written_down_before_the_start() -> None:
    made = planned()
    assert {"metric", "direction", "threshold", "confidence", "rule", "seed", "budget", "scaled"} <= set(made)
    assert f"{made['threshold']:g}" in made["rule"]


def test_all_runs_share_data_seed_and_the_way_of_measuring() -> None:
    recipes = [run["recipe"] for run in planned(architectures=None, top_k=3, seed=7)["runs"]]
    for field in ("dataset", "resolution", "channels", "seed", "metric", "metric_samples"):
        assert len({recipe[field] for recipe in recipes}) == 1, field
    assert recipes[0]["seed"] == 7


def test_the_runs_together_stay_within_the_budget() -> None:
    for top_k in (1, 2, 3):
        made = planned(architectures=None, top_k=top_k, budget={"max_seconds": 100})
        baseline, whole, *others = (run["budget"]["seconds"] for run in made["runs"])
        assert set(others) <= {whole} and baseline < whole
        stretches = [(end - start) * racing * whole for start, end, racing in legs(made)]
        assert 99 < baseline + sum(stretches) <= 100.1


def test_the_candidates_own_numbers_are_used_and_what_was_scaled_is_said() -> None:
    asked = request(architectures=["dcgan"], budget={"max_seconds": 3600})
    assert asked.task is not None
    known = candidate(1, "dcgan", lr_g=0.0003, betas=[0.0, 0.9], batch_size=512, d_steps_per_g="1 to 5", lr_d="same")
    made = plan(asked, recommendation(asked.task, known))
    recipe = Recipe(**made["runs"][1]["recipe"])
    assert (recipe.lr_g, recipe.lr_d, recipe.beta1, recipe.beta2, recipe.batch_size) == (0.0003, 0.0002, 0.0, 0.9, 64)
    assert made["scaled"] == ["dcgan, to train for 3540 s on a CPU: width 128 -> 32, batch_size 512 -> 64"]


def test_a_short_run_takes_small_batches_and_higher_rates_and_says_so() -> None:
    made = planned(architectures=["dcgan"])
    recipe = Recipe(**made["runs"][1]["recipe"])
    assert (recipe.batch_size, recipe.lr_g, recipe.lr_d) == (16, 0.001, 0.001)
    assert any("batch_size 128 -> 16" in line and "lr_g 0.0002 -> 0.001" in line for line in made["scaled"])


def test_every_planned_recipe_is_one_that_the_loop_reads(tmp_path: Path) -> None:
    from models.contract import RECIPE, RunBudget, read_recipe, write_recipe

    for run in planned(architectures=None, top_k=3)["runs"]:
        recipe = Recipe(**{**run["recipe"], "augment": tuple(run["recipe"]["augment"])})
        write_recipe(tmp_path, recipe, RunBudget(**run["budget"]))
        assert read_recipe(tmp_path / RECIPE)[0] == recipe


def test_the_same_question_gives_the_same_plan() -> None:
    assert planned() == planned()


def test_an_architecture_without_a_network_is_refused_with_those_that_have_one() -> None:
    error = refused(architectures=["gan", "biggan-deep"])
    assert error.errors[0].pointer == "#/architectures/1" and error.errors[0].allowed == sorted(trainable("unconditional-image"))


def test_a_baseline_is_not_offered_as_an_architecture() -> None:
    assert "pixel-gaussian" not in trainable() and "dcgan" in trainable()
    refused(architectures=["pixel-gaussian"])


def test_an_unknown_data_set_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownSlug) as caught:
        planned(dataset="mnist-5000")
    assert "mnist-5k" in caught.value.errors[0].allowed


@pytest.mark.parametrize("path", ["/etc", "../../etc/passwd", "./tests", "/"])
def test_a_path_outside_the_allowed_folders_is_refused_without_being_looked_at(path: str) -> None:
    error = refused(dataset=path)
    assert error.errors[0].code == "not_allowed" and "/etc" not in error.detail


def test_a_link_that_leads_out_of_an_allowed_folder_is_refused(folder: Path) -> None:
    (folder / "out").symlink_to("/etc")
    assert refused(dataset=str(folder / "out")).errors[0].code == "not_allowed"


def test_a_folder_that_is_allowed_is_planned(folder: Path) -> None:
    (folder / "cats").mkdir()
    assert planned(dataset=str(folder / "cats"))["dataset"]["slug"] == str(folder / "cats")
    assert refused(dataset=str(folder / "dogs")).errors[0].code == "not_found"


def test_a_budget_beyond_the_limit_is_refused_with_the_limit() -> None:
    error = refused(budget={"max_seconds": 1e6})
    assert error.errors[0].allowed == {"le": 7200.0} and "7200" in error.detail


def test_a_task_that_cannot_be_validated_is_refused_with_those_that_can() -> None:
    error = refused(task={"task": "3d-aware-image", "data": {"type": "image"}}).errors[0]
    assert error.pointer == "#/task/task" and "unconditional-image" in error.allowed


def test_a_baseline_that_is_trained_gets_the_time_and_the_noise_of_a_candidate() -> None:
    text = {"task": "text", "data": {"type": "text", "samples": 3188, "length": 20}}
    made = planned(task=text, dataset="sklearn-docs", architectures=["seqgan"], budget={"max_seconds": 60})
    baseline, candidate = made["runs"]
    assert baseline["budget"] == candidate["budget"] == {"seconds": 30.0, "steps": None}
    assert baseline["seed_noise"] == candidate["seed_noise"] == 0.05
    assert baseline["recipe"]["lr_g"] == candidate["recipe"]["lr_g"] == 0.01
    assert any("rollouts 16 -> 4" in line for line in made["scaled"])


@pytest.mark.parametrize(
    ("task", "kind", "data_set", "slug"),
    [
        ("molecule-graph", "graph", "nci-small", "molgan"),
        ("voxel-3d", "voxel", "digits-relief", "gan-3d"),
        ("point-cloud", "point-cloud", "digits-points", "r-gan"),
        ("audio-waveform", "audio", "spoken-characters", "wavegan"),
        ("audio-vocoder", "audio", "spoken-characters", "hifi-gan"),
        ("video", "video", "moving-digits", "mocogan"),
    ],
)
def test_a_network_of_another_kind_of_data_is_scaled_as_it_says_itself(task: str, kind: str, data_set: str, slug: str) -> None:
    from app.validations.known import datasets, defaults, on_cpu

    asked = {"task": task, "data": {"type": kind}}
    made = planned(task=asked, dataset=data_set, architectures=[slug], budget={"max_seconds": 60})
    recipe = made["runs"][1]["recipe"]
    stated = {**defaults(slug), **on_cpu(slug)}
    assert {name: recipe[name] for name in stated} == stated
    assert recipe["task"] == task and recipe["length"] == (datasets()[data_set].get("length") or 0)
    assert made["runs"][0]["architecture"] not in trainable() and made["metric"] == made["runs"][0]["recipe"]["metric"]


def test_an_image_network_may_state_its_width_on_a_cpu_and_long_clips_are_cut(folder: Path) -> None:
    from app.validations.known import on_cpu

    made = planned(architectures=["projected-gan"], budget={"max_seconds": 60})
    assert made["runs"][1]["recipe"]["width"] == on_cpu("projected-gan")["width"]
    style = planned(architectures=["stylegan2"], budget={"max_seconds": 60})["runs"][1]["recipe"]
    assert style["lr_g"] == style["lr_d"] == on_cpu("stylegan2")["lr_g"], "higher than a short run would make it"
    (folder / "clips").mkdir()
    asked = {"task": "video", "data": {"type": "video", "resolution": 128, "length": 300, "channels": 3}}
    made = planned(task=asked, dataset=str(folder / "clips"), architectures=["mocogan"], budget={"max_seconds": 60})
    assert {(run["recipe"]["length"], run["recipe"]["resolution"]) for run in made["runs"]} == {(16, 32)}
    assert any("length 300 -> 16" in line and "resolution 128 -> 32" in line for line in made["scaled"])


def test_a_recipe_asked_for_alone_is_the_one_that_a_validation_would_train() -> None:
    made = planned(architectures=["r3gan"], budget={"max_seconds": 60})
    run = made["runs"][1]
    recipe = alone("r3gan", "unconditional-image", made["dataset"], run["budget"]["seconds"], made["seed"])
    assert asdict(recipe) | {"augment": list(recipe.augment)} == run["recipe"]


def test_fewer_samples_than_the_metric_needs_are_refused_before_anything_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_ADVISOR_DATA_FOLDERS", str(tmp_path))
    forget_settings()
    few = {"task": "unconditional-image", "data": {"type": "image", "resolution": 8, "samples": 60}}
    error = refused(task=few, dataset=str(tmp_path), architectures=["dcgan"]).errors[0]
    assert (error.pointer, error.code, error.allowed) == ("#/dataset", "too_few", {"ge": 250})
    enough = {**few, "data": {**few["data"], "samples": 250}}  # type: ignore[dict-item]
    assert planned(task=enough, dataset=str(tmp_path), architectures=["dcgan"])["runs"]


def test_the_least_of_a_task_is_that_of_its_metric() -> None:
    for slug, terms in tasks().items():
        if "least" in terms:
            module = importlib.import_module(METRICS[terms["metric"]][0])
            assert terms["least"] == module.LEAST, slug
