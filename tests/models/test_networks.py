"""Every network, whatever its architecture: what a new file must hold to."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys

import pytest
import torch

from models.contract import Recipe
from models.game import Game
from models.networks import FOLDERS, build
from tests.models import tiny

NETWORKS = sorted(path.stem.replace("_", "-") for path in FOLDERS["models.networks"].glob("[a-z]*.py"))
IMAGES = [slug for slug in NETWORKS if {"unconditional-image", "class-conditional-image"} & set(tiny.module(slug).TASKS)]


@pytest.fixture(params=NETWORKS)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def output(game: Game) -> torch.Tensor:
    """Real samples in the range in which generated ones come."""
    return game.dataset.cast(game.dataset.fields[game.dataset.output])


def test_the_registry_lists_files_without_importing_torch() -> None:
    code = "import models.networks as n, models.train, sys; assert 'wgan-gp' in n.available(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_defaults_are_recipe_fields(architecture: str) -> None:
    module = tiny.module(architecture)
    assert set(module.DEFAULTS) <= {field.name for field in dataclasses.fields(Recipe)}
    assert any(word in (module.__doc__ or "") for word in ("arXiv:", "doi:", "NeurIPS", "openreview:"))
    one = tiny.recipe(architecture)
    build(dataclasses.replace(one, **(module.DEFAULTS | {"width": 8, "batch_size": 4})), tiny.data(one))


def test_a_network_serves_every_task_it_names_and_no_other(architecture: str) -> None:
    for task in tiny.module(architecture).TASKS:
        game = tiny.through(tiny.game(tiny.recipe(architecture, task=task, batch_size=4)), 2)
        samples = game.dataset.bare(tiny.pictures(game, 3))
        assert samples.shape == output(game)[:3].shape
        assert samples.isfinite().all()
    with pytest.raises(ValueError, match="is not for"):
        build(dataclasses.replace(tiny.recipe(architecture), task="text-of-nothing"), tiny.data(tiny.recipe(architecture)))


@pytest.mark.parametrize("architecture", IMAGES)
@pytest.mark.parametrize(("resolution", "channels"), [(8, 1), (16, 3), (32, 1), (64, 3)])
def test_images_of_other_sizes(architecture: str, resolution: int, channels: int) -> None:
    one = tiny.recipe(architecture, resolution=resolution, channels=channels, batch_size=4, augment=("translation", "colour"))
    game = tiny.moved(tiny.game(one), 2)
    samples = tiny.pictures(game, 3)
    assert samples.shape == (3, channels, resolution, resolution)
    assert samples.abs().max() <= 1
    assert all(value == value for value in game.losses().values())


def test_half_precision_keeps_weights_and_samples_whole(architecture: str) -> None:
    one = tiny.recipe(architecture, precision="bf16")
    game = tiny.through(tiny.game(one), 2)
    assert all(value == value for value in game.losses().values())
    assert {p.dtype for network in game.networks.values() for p in network.parameters()} == {torch.float32}
    assert tiny.pictures(game, 2).dtype == torch.float32


def test_every_parameter_gets_a_gradient(architecture: str) -> None:
    game = tiny.game(tiny.recipe(architecture, d_steps=2))
    weights = {f"{name}.{key}": p for name, network in game.networks.items() for key, p in network.named_parameters()}
    steepest = dict[str, float]()
    for phase in range(len(game.adversary.phases)):
        game.phase = phase
        tiny.moved(game, 4)  # a gain that starts at 0 lets nothing through at first
        for key, weight in weights.items():
            if weight.grad is not None:
                steepest[key] = max(steepest.get(key, 0.0), float(weight.grad.abs().max()))
    assert steepest.keys() == weights.keys()
    # A constant added to a Wasserstein critic changes nothing, so biases may get a gradient of zero.
    assert [key for key, weight in weights.items() if weight.ndim >= 2 and not steepest[key] > 0] == []


def test_a_move_leaves_the_opponents_weights_alone(architecture: str) -> None:
    game = tiny.game(tiny.recipe(architecture, d_steps=3))
    game.phase = len(game.adversary.phases) - 1  # adversarial in every network
    before = [p.clone() for p in game.parameters["generator"]]
    tiny.moved(game, 2)
    assert all(torch.equal(a, b) for a, b in zip(before, game.parameters["generator"], strict=True))
    tiny.moved(game, 1)
    assert not all(torch.equal(a, b) for a, b in zip(before, game.parameters["generator"], strict=True))


def test_a_seed_repeats_and_another_seed_does_not(architecture: str) -> None:
    def digest(seed: int) -> str:
        return hashlib.sha256(tiny.through(tiny.game(tiny.recipe(architecture, seed=seed)), 3).averages()).hexdigest()

    assert digest(1) == digest(1)
    assert digest(1) != digest(2)


def test_a_resumed_game_plays_the_same_next_steps_bit_for_bit(architecture: str) -> None:
    one = tiny.recipe(architecture, d_steps=2)
    if architecture in IMAGES:
        one = dataclasses.replace(one, resolution=16, augment=("translation",))  # 16 px: several channels in every layout
    game = tiny.through(tiny.game(one), 3)
    body, rest = game.state()
    straight = tiny.moved(game, 3).state()
    other = tiny.moved(tiny.game(dataclasses.replace(one, seed=9)), 1)
    other.load(body, rest)
    assert tiny.moved(other, 3).state() == straight


def test_sampling_does_not_disturb_training(architecture: str) -> None:
    game = tiny.moved(tiny.game(tiny.recipe(architecture)), 2)
    tiny.pictures(game, 5)
    disturbed = tiny.moved(game, 2).state()
    assert disturbed == tiny.moved(tiny.game(tiny.recipe(architecture)), 4).state()


@pytest.mark.parametrize("architecture", IMAGES)
def test_it_learns_a_tiny_set(architecture: str) -> None:
    """Four digits, learnt by heart: the nearest sample to each of them comes much closer than before training."""
    usual = {"lr_g": 2e-3, "lr_d": 2e-3, "width": 16, "ema_half_life_kimg": 0.2, "gradient_penalty": 10.0}
    own, near = tiny.LEARNING.get(architecture, {}), tiny.NEAR.get(architecture, 0.6)
    one, steps = tiny.recipe(architecture, **(usual | own)), 150 if own else 250
    data = tiny.data(one)
    four = dataclasses.replace(data, fields={name: values[:4] for name, values in data.fields.items()})
    game = tiny.game(one, four)
    real = four.cast(four.fields["image"]).flatten(1)

    def distance() -> float:
        return torch.cdist(real, tiny.pictures(game, 64).flatten(1)).amin(1).mean().item()

    before = distance()
    for step in range(steps):
        game.enter_phase(step / steps)
        game.play(step / steps)
        if step % 50 == 49 and distance() < near * before:
            return
    assert distance() < near * before
