"""The tracer against sums done by hand and against real tensors; the table of profiles against the networks at hand."""

from __future__ import annotations

import resource
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from app.knowledge.files import KINDS, SHIPPED
from app.knowledge.fmt import canonical
from app.knowledge.load import items, typed
from models import profiles
from models.adversary import Adversary, Move, Phase, Player, Turn
from models.contract import Recipe, RunBudget, write_recipe
from models.data.dataset import Dataset
from models.fake import faking
from models.game import Game
from models.profile import Parts, _Profiler, profile, told
from models.trace import Trace
from tests.models import tiny

MB = 2**20


def test_a_matrix_product_counts_its_flops_its_bytes_and_what_it_holds() -> None:
    with faking() as mode, Trace(mode) as trace:
        a, b = torch.ones(64, 128), torch.ones(128, 32)
        assert trace.alive == 4 * (64 * 128 + 128 * 32)
        trace.restart()
        c = a @ b
        assert [(o.name, o.flops) for o in trace.operators] == [("mm", 2 * 64 * 128 * 32)]
        assert trace.operators[0].moved == 4 * (64 * 128 + 128 * 32 + 64 * 32)
        del a, b
        assert trace.alive == 4 * 64 * 32
        c.t().reshape(8, 256).expand(5, 8, 256)
        assert len(trace.operators) == 2, "a transposed matrix is copied by reshape; a view costs nothing"


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_the_way_back_through_a_convolution_is_twice_the_way_forward_in_groups_too(kind: Any, groups: int) -> None:
    layer = kind(16, 32, 3, stride=2, groups=groups)
    x = torch.randn(2, 16, 15, 15, requires_grad=True)
    with Trace() as trace:
        y = layer(x)
        forward = sum(operator.flops for operator in trace.operators)
        trace.restart()
        y.sum().backward()
    places = 15 * 15 if kind is nn.ConvTranspose2d else 7 * 7
    assert forward == 2 * 2 * places * 9 * 16 * 32 // groups
    assert sum(operator.flops for operator in trace.operators) == 2 * forward


def test_a_broadcast_tensor_is_read_once_and_an_update_in_place_holds_nothing_new() -> None:
    with faking() as mode, Trace(mode) as trace:
        line, square = torch.ones(1, 256).expand(256, 256), torch.empty(256, 256)
        alive = trace.alive
        trace.restart()
        square.add_(line)
        assert trace.operators[0].moved == 4 * (256 + 2 * 256 * 256), "read and written"
        assert trace.alive == trace.peak == alive


def test_the_peak_of_a_chain_is_what_the_backward_pass_needs() -> None:
    with faking() as mode, Trace(mode) as trace:
        weight = torch.ones(MB // 4, requires_grad=True)
        x = torch.ones(MB // 4)
        trace.restart()
        (x * weight).exp().sum().backward()
        # x, weight and exp's result are kept; on the way back exp's gradient, expanded from one number, times its result, times x.
        assert 4 * MB <= trace.peak <= 5 * MB + 100
        assert trace.alive == 3 * MB


@pytest.mark.parametrize(
    ("architecture", "fields"), [("wgan-gp", {"d_steps": 3}), ("sngan", {}), ("gan", {}), ("dcgan", {"width": 12})]
)
def test_fake_tensors_tell_the_same_story_as_real_ones(architecture: str, fields: dict[str, int]) -> None:
    recipe = tiny.recipe(architecture, **fields)
    fake, real = (profile(recipe, tiny.data(recipe), fake=fake) for fake in (True, False))
    assert fake == real
    assert fake.static.parameters > 0
    assert fake.peak.peak.activations > 0


def test_bf16_on_fake_tensors_differs_from_real_ones_by_less_than_a_thousandth() -> None:
    recipe = tiny.recipe("dcgan", precision="bf16", width=16)
    fake, real = (profile(recipe, tiny.data(recipe), fake=fake) for fake in (True, False))
    assert fake.mean(lambda o: o.flops) == real.mean(lambda o: o.flops)
    assert fake.peak.peak.total == pytest.approx(real.peak.peak.total, rel=1e-3)


def test_static_bytes_are_weights_gradients_two_adam_slots_and_the_average() -> None:
    recipe = tiny.recipe("gan", width=32)
    found = profile(recipe, tiny.data(recipe))
    weights = 4 * sum(found.parameters.values())
    assert found.static.parameters == found.static.gradients == weights
    assert found.static.average == 4 * found.parameters_g == 4 * found.parameters["generator"]
    steps = found.static.optimiser - 2 * weights
    assert 0 < steps < 100, "Adam counts its steps in one number for each weight"


def test_a_trace_takes_no_memory() -> None:
    recipe = tiny.recipe("dcgan", resolution=32, batch_size=32_768, width=64)
    data = tiny.data(recipe)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert profile(recipe, data).peak.peak.total > 20 * 10**9
    assert 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 0.3 * 10**9


def toy(phases: tuple[Phase, ...], networks: dict[str, nn.Module], players: dict[str, Player]) -> Game:
    fields = {"x": torch.ones(8, 3)}
    data = Dataset(slug="", sha256="", fields=fields, streams=(("x",),), reference=fields, reference_held_out=False)
    adversary = Adversary(networks=networks, players=players, phases=phases, sample=lambda *_: torch.ones(1), averaged=())
    return Game(adversary, Recipe(architecture="toy", dataset="", batch_size=8), data, torch.device("cpu"))


def test_each_different_step_of_a_period_is_traced_once_and_weighed_by_how_often_it_comes() -> None:
    net = nn.Linear(3, 1)

    def loss(turn: Turn) -> Tensor:
        out: Tensor = net(turn.real["x"]).mean()
        return out * 2 if out.item() > 0.5 else out

    def sgd(weights: object) -> torch.optim.Optimizer:
        return torch.optim.SGD(net.parameters(), 0.1)

    often, rarely, never = Move("a", loss), Move("b", loss, every=4), Move("c", loss, every=6, above=1e9)
    phases = (Phase("first", (often,), 1.0), Phase("second", (often, rarely, never), 3.0))
    with faking() as mode, Trace(mode) as trace:
        found = _Profiler(toy(phases, {"a": net}, {name: Player(("a",), sgd) for name in "abc"}), trace).run()
    shares = {(step.phase, step.due): step.share for step in found.steps}
    assert shares == {
        ("first", ("a",)): 0.25,
        ("second", ("a",)): pytest.approx(0.75 * 8 / 12),
        ("second", ("a", "b")): pytest.approx(0.75 * 2 / 12),
        ("second", ("a", "c")): pytest.approx(0.75 * 1 / 12),
        ("second", ("a", "b", "c")): pytest.approx(0.75 * 1 / 12),
    }
    assert found.mean(lambda _: 1) == pytest.approx(sum(s.share * len(s.operators) for s in found.steps))


def test_parts_add_up_to_what_is_alive() -> None:
    recipe = tiny.recipe("wgan-gp")
    found = profile(recipe, tiny.data(recipe))
    assert found.peak.peak.total == max(o.alive for o in found.peak.operators)
    assert found.static == replace(found.static, activations=0)
    assert Parts(1, 2, 3, 4, 5).total == 15


def test_a_person_may_ask_for_the_profile_of_a_run(tmp_path: Path) -> None:
    write_recipe(tmp_path, tiny.recipe("dcgan"), RunBudget(steps=1))
    recipe = tiny.recipe("dcgan")
    text = told(profile(recipe, tiny.data(recipe)))
    assert "discriminator + generator" in text
    assert "no figure here was checked on a GPU" in text


# ------------------------------------------------------------------ the table


def test_a_changed_layer_changes_the_digest_of_what_is_built_of_it_and_words_change_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "MODELS", shutil.copytree(profiles.MODELS, tmp_path / "models"))

    def digests() -> tuple[str, ...]:
        profiles._parsed.cache_clear()
        return tuple(map(profiles.digest, ("r3gan", "dcgan", "molgan")))

    r3gan, dcgan, molgan = digests()
    style = tmp_path / "models" / "style.py"
    style.write_text('"""Other words."""\n# a comment\n' + style.read_text().split('"""', 2)[2])
    assert digests() == (r3gan, dcgan, molgan)
    style.write_text(style.read_text() + "\nLAYERS = 3\n")
    changed, *others = digests()
    assert changed != r3gan and others == [dcgan, molgan]
    game = tmp_path / "models" / "game.py"
    game.write_text(game.read_text() + "\nSTEPS = 3\n")
    assert not {changed, dcgan, molgan} & set(digests()), "the game is part of every step"
    monkeypatch.undo()
    profiles._parsed.cache_clear()


def test_every_network_has_the_profile_of_its_present_code() -> None:
    assert profiles.stale() == [], "run `python -m models.profiles`"


def test_the_table_is_one_that_the_service_reads_and_formats_alike() -> None:
    kind = next(kind for kind in KINDS if kind.name == "profiles")
    assert tuple(kind.columns) == profiles.COLUMNS
    assert typed(kind, items(SHIPPED, kind))
    assert canonical(profiles.TABLE, kind) == profiles.TABLE.read_text()


def test_only_a_changed_network_is_traced_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "IMAGES", ((7, 8, "fp32"), (8, 8, "fp32")))
    monkeypatch.setattr(profiles, "IMAGES_ON_CPU", ((8, 8, "fp32"),))
    monkeypatch.setattr(profiles, "networks", lambda: ["gan", "dcgan"])
    table = tmp_path / "profiles.csv"
    table.write_text(",".join(profiles.COLUMNS) + "\n")
    assert profiles.write(table)
    first = profiles.read(table)
    sizes = {(row["architecture"], row["recipe"], row["resolution"], row["width"]) for row in first}
    assert sizes == {
        *(("gan", "published", "7", "64"), ("gan", "published", "8", "64"), ("gan", "cpu", "8", "16")),
        *(("dcgan", "published", "8", "128"), ("dcgan", "cpu", "8", "32")),
    }, "dcgan refuses 7 pixels"
    assert profiles.stale(table) == []
    table.write_text(table.read_text().replace(profiles.digest("gan"), "0" * 64))
    assert profiles.stale(table) == ["gan"]
    assert profiles.write(table)
    assert profiles.read(table) == first
