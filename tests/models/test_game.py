"""The game as data: phases, shared players, skipped and gradient-free moves, several orders of data, state in buffers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor, nn

from models.adversary import Adversary, Batch, Move, Networks, Phase, Player, Turn
from models.contract import Recipe
from models.data.dataset import Dataset
from models.game import Game
from tests.models import tiny

CPU = torch.device("cpu")
SGD = torch.optim.SGD


class Pool(nn.Module):
    """State without a parameter."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))


@dataclass
class Story:
    """A game of three phases on two unpaired streams, and what happened in it."""

    a: nn.Linear = field(default_factory=lambda: nn.Linear(3, 1))
    b: nn.Linear = field(default_factory=lambda: nn.Linear(3, 1))
    pool: Pool = field(default_factory=Pool)
    happened: list[str] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    made: int = 0

    def adversary(self) -> Adversary:
        def loss(name: str) -> Move:
            def of(turn: Turn) -> Tensor:
                self.happened.append(name)
                self.turns.append(turn)
                turn.once("shared", self._make)
                both: Tensor = self.a(turn.real["x"]).mean() + self.b(turn.real["y"]).mean()
                return both

            return Move(name, of)

        def count() -> None:
            self.pool.seen += 1

        skipped = Move("first", loss("first").loss, above=1e9)
        often = Move("both", loss("both").loss, then=count)
        rarely = Move("second", loss("second").loss, every=3)
        return Adversary(
            networks={"a": self.a, "b": self.b, "pool": self.pool},
            players={
                "first": Player(("a",), lambda p: SGD(p, 0.1)),
                "second": Player(("b",), lambda p: SGD(p, 0.1)),
                "both": Player(("a", "b"), lambda p: SGD(p, 0.1)),
            },
            phases=(
                Phase("pre", (loss("first"),), 1.0),
                Phase("skipping", (skipped,), 1.0),
                Phase("joint", (often, rarely), 2.0),
            ),
            sample=self._sample,
            averaged=("a",),
        )

    def _make(self) -> int:
        self.made += 1
        return self.made

    def _sample(self, networks: Networks, n: int, generator: torch.Generator, given: Batch) -> Tensor:
        assert not any(network.training for network in networks.values())
        values: Tensor = networks["a"](torch.randn(n, 3, generator=generator))
        return values


def game(story: Story) -> Game:
    torch.manual_seed(0)
    fields = {"x": torch.randn(10, 3), "x_label": torch.arange(10), "y": torch.randn(7, 3)}
    streams = (("x", "x_label"), ("y",))
    data = Dataset(slug="toy", sha256="", fields=fields, streams=streams, reference=fields, reference_held_out=False)
    return Game(story.adversary(), Recipe(architecture="toy", dataset="", batch_size=4), data, CPU)


def weights(story: Story) -> tuple[Tensor, Tensor]:
    return story.a.weight.detach().clone(), story.b.weight.detach().clone()


def test_phases_follow_their_shares_of_the_budget_and_never_go_back() -> None:
    playing = game(Story())
    phases = []
    for fraction in (0.0, 0.2, 0.25, 0.49, 0.5, 0.99, 0.3):
        playing.enter_phase(fraction)
        phases.append(playing.phase)
    assert phases == [0, 0, 1, 1, 2, 2, 2]


def test_a_move_changes_its_players_networks_alone_and_a_player_may_have_several() -> None:
    story = Story()
    playing = game(story)
    a, b = weights(story)
    playing.play()
    assert not torch.equal(a, story.a.weight)
    assert torch.equal(b, story.b.weight)
    playing.enter_phase(0.6)
    playing.play()
    assert not torch.equal(b, story.b.weight)


def test_a_move_at_or_under_its_threshold_is_not_made() -> None:
    story = Story()
    playing = game(story)
    playing.enter_phase(0.3)
    a, _ = weights(story)
    playing.play()
    assert story.happened == ["first"]
    assert torch.equal(a, story.a.weight)


def test_moves_share_what_a_step_made_and_come_every_nth_step() -> None:
    story = Story()
    playing = game(story)
    playing.enter_phase(0.6)
    tiny.moved(playing, 6)
    assert story.happened == ["both", "both", "both", "second"] * 2
    assert story.made == 6
    assert [sorted(turn.due) for turn in story.turns[:3]] == [["both"], ["both"], ["both", "second"]]
    assert story.pool.seen == 6


def test_streams_have_orders_of_their_own_and_fields_of_a_stream_stay_together() -> None:
    story = Story()
    playing = game(story)
    tiny.moved(playing, 5)
    fields = playing.dataset.fields
    for turn in story.turns:
        assert torch.equal(turn.real["x"], fields["x"][turn.real["x_label"]])
    assert [order.at for order in playing.orders] == [10, 6]


def test_buffers_orders_and_phase_come_back_with_the_state() -> None:
    story = Story()
    playing = game(story)
    playing.enter_phase(0.6)
    tiny.moved(playing, 4)
    saved = playing.state()
    straight = tiny.moved(playing, 3).state()
    other = Story()
    resumed = game(other)
    resumed.load(*saved)
    assert other.pool.seen == 4
    assert tiny.moved(resumed, 3).state() == straight


def test_the_average_is_half_the_past_after_its_half_life() -> None:
    story = Story()
    playing = game(story)
    playing.recipe = Recipe(architecture="toy", dataset="", batch_size=4, ema_half_life_kimg=0.004)
    playing.step = 100  # long past the ramp at the start
    old = playing.average["a"].weight.clone()  # type: ignore[union-attr, operator]
    playing.play()
    assert playing.average["a"].weight.tolist()[0] == pytest.approx(((old + story.a.weight) / 2).tolist()[0])  # type: ignore[operator, union-attr]


def test_sampling_is_in_evaluation_mode_and_training_mode_returns() -> None:
    playing = game(Story())
    assert len(tiny.pictures(playing, 250)) == 250
    assert all(network.training for network in playing.networks.values())
