"""A game in progress: the state that a step changes, and the step itself.

All randomness of training comes from torch's own generator, all randomness of the data order from the Orders; both are part
of the state, so a resumed game plays the same next step.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from models import ranks
from models.adversary import Adversary, Batch, Turn
from models.contract import Recipe
from models.data.dataset import Dataset, Order

SAMPLE_BATCH = 100
"""Samples made at once while measuring."""
BEGIN_SAMPLES = 10_000
"""At most so many training samples are shown to what an adversary fits."""


class Game:
    def __init__(self, adversary: Adversary, recipe: Recipe, dataset: Dataset, device: torch.device) -> None:
        self.adversary, self.recipe, self.dataset, self.device = adversary, recipe, dataset, device
        self.networks = adversary.networks
        self.layout = torch.channels_last if adversary.channels_last else torch.contiguous_format
        for network in self.networks.values():
            network.to(device).to(memory_format=self.layout).train()  # type: ignore[call-overload]
        self.parameters = {
            name: [p for network in player.networks for p in self.networks[network].parameters() if p.requires_grad]
            for name, player in adversary.players.items()
        }
        self.optimisers = {name: player.optimiser(self.parameters[name]) for name, player in adversary.players.items()}
        self.rates = {name: [group["lr"] for group in o.param_groups] for name, o in self.optimisers.items()}
        self.average = {name: copy.deepcopy(self.networks[name]).eval().requires_grad_(False) for name in adversary.averaged}
        self.orders = [Order(len(dataset.fields[stream[0]]), recipe.seed + i) for i, stream in enumerate(dataset.streams)]
        self.step = 0
        self.phase = 0
        self.images_since_average = 0
        self._losses: dict[str, list[Tensor | int]] = {}

    @property
    def kimg(self) -> float:
        """Thousands of training samples seen."""
        return self.step * self.recipe.batch_size / 1000

    def begin(self) -> None:
        """What the adversary fits before its first move, the same in every process; from then on the noise of each is its own."""
        if self.adversary.begin is not None:
            fields = self.dataset.fields.items()
            self.adversary.begin({name: self.dataset.cast(values[:BEGIN_SAMPLES]).to(self.device) for name, values in fields})
        self._own_noise()

    def _own_noise(self) -> None:
        if ranks.rank():
            torch.manual_seed(self.recipe.seed + 1_000_003 * ranks.rank() + 7919 * self.step)

    def enter_phase(self, fraction: float) -> None:
        """Moves on to the phase in which a run that has spent `fraction` of its budget is; never back."""
        shares = [phase.share for phase in self.adversary.phases]
        ends = [sum(shares[: i + 1]) / sum(shares) for i in range(len(shares) - 1)]
        self.phase = max(self.phase, sum(fraction >= end for end in ends))

    def play(self, fraction: float = 0.0) -> None:
        """One step: one real batch and every move that is due."""
        self.step += 1
        moves = [move for move in self.adversary.phases[self.phase].moves if self.step % move.every == 0]
        turn = Turn(self._batch(), self.step, fraction, frozenset(move.player for move in moves))
        for move in moves:
            parameters, optimiser = self.parameters[move.player], self.optimisers[move.player]
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
                loss = move.loss(turn)
            said = ranks.mean(loss.detach())
            self._note(move.player, said)
            if move.above is not None and not said.item() > move.above:
                continue
            optimiser.zero_grad(set_to_none=True)
            loss.backward(inputs=parameters)  # type: ignore[no-untyped-call]
            ranks.average(parameters)
            optimiser.step()
            if move.then is not None:
                move.then()
        self.images_since_average += self.recipe.batch_size
        if ranks.rank() == 0 and any(set(self.adversary.players[move.player].networks) & set(self.average) for move in moves):
            self._update_average()

    def losses(self) -> dict[str, float]:
        """Mean loss of each player since the last call; waits for the device. Not finite as soon as one step was not."""
        means = {name: float(total) / int(count) for name, (total, count) in self._losses.items()}
        self._losses = {}
        return means

    def finite(self) -> bool:
        """Whether every parameter is; the update after a finite loss may have spoilt them."""
        norms = [torch.stack(torch._foreach_norm(list[Tensor](group))).sum() for group in self.parameters.values() if group]
        return all(math.isfinite(norm.item()) for norm in norms)

    def gradient_norms(self) -> dict[str, float]:
        """Norm of the last gradient of each player that has moved; waits for the device."""
        found = {name: [p.grad for p in group if p.grad is not None] for name, group in self.parameters.items()}
        return {name: torch.stack(torch._foreach_norm(group)).norm().item() for name, group in found.items() if group}

    @torch.no_grad()
    def judged(self, *batches: Batch) -> tuple[Tensor, ...] | None:
        """Logits of the discriminator as it is; None where the game has no single judge. Training does not notice."""
        if self.adversary.judge is None or "discriminator" not in self.networks:
            return None
        with torch.random.fork_rng(), _evaluating(self.networks):
            return tuple(self.adversary.judge(self.networks, batch).float().flatten().cpu() for batch in batches)

    def scale_rates(self, factor: float) -> None:
        """Learning rates become `factor` of the recipe's."""
        for name, optimiser in self.optimisers.items():
            for group, rate in zip(optimiser.param_groups, self.rates[name], strict=True):
                group["lr"] = rate * factor

    def samples(self, n: int, seed: int) -> Iterator[Tensor]:
        """n samples of the averaged networks in batches, the same for the same seed; training does not notice."""
        networks = {**self.networks, **self.average}
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(), _evaluating(networks), torch.no_grad():
            torch.manual_seed(seed)
            for start in range(0, n, SAMPLE_BATCH):
                count = min(SAMPLE_BATCH, n - start)
                yield self.adversary.sample(networks, count, generator, self.dataset.given(start, count, self.device)).float()

    def noise(self) -> dict[str, Tensor]:
        """State of the generators of every process. Each must ask; raises RuntimeError where their weights differ."""
        own = {"random": torch.get_rng_state()}
        if self.device.type == "cuda":
            own["random.cuda"] = torch.cuda.get_rng_state(self.device)
        return ranks.gathered(own, [p for group in self.parameters.values() for p in group])

    def state(self) -> tuple[bytes, dict[str, Any]]:
        """Every tensor as one safetensors file, and the rest as JSON values."""
        tensors = self.noise()
        for prefix, networks in (("network", self.networks), ("average", self.average)):
            for name, network in networks.items():
                tensors |= {f"{prefix}/{name}/{key}": value for key, value in network.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for number, slots in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser/{name}/{number}/{slot}": torch.as_tensor(value) for slot, value in slots.items()}
        for index, order in enumerate(self.orders):
            tensors[f"order/{index}"] = order.origin
        rest = {
            "step": self.step,
            "phase": self.phase,
            "images_since_average": self.images_since_average,
            "orders": [order.at for order in self.orders],
        }
        return _bytes(tensors), rest

    def load(self, body: bytes, rest: Mapping[str, Any]) -> None:
        """The inverse of `state`. Raises KeyError or RuntimeError when the tensors are those of another game."""
        tensors = load(body)
        for prefix, networks in (("network", self.networks), ("average", self.average)):
            for name, network in networks.items():
                network.load_state_dict(_under(tensors, f"{prefix}/{name}/"))
        for name, optimiser in self.optimisers.items():
            slots: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(tensors, f"optimiser/{name}/").items():
                number, slot = key.split("/")
                weight = self.parameters[name][int(number)]
                if value.shape == weight.shape:  # in the layout of its weight: the fused step walks both in memory order
                    value = torch.empty_like(weight).copy_(value)
                slots.setdefault(int(number), {})[slot] = value
            optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})
        for index, (order, at) in enumerate(zip(self.orders, rest["orders"], strict=True)):
            order.restore(tensors[f"order/{index}"], at)
        self.step, self.phase = rest["step"], rest["phase"]
        self.images_since_average = rest["images_since_average"]
        self._losses = {}
        mine = f"/{ranks.rank()}" if ranks.rank() else ""
        if f"random{mine}" not in tensors:  # saved by fewer processes
            self._own_noise()
            return
        torch.set_rng_state(tensors[f"random{mine}"])
        if f"random.cuda{mine}" in tensors and self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors[f"random.cuda{mine}"], self.device)

    def averages(self) -> bytes:
        """What a user keeps, as a safetensors file: the averaged networks, or all of them where none is averaged."""
        kept = self.average or self.networks
        return _bytes({f"{name}.{key}": value for name, net in kept.items() for key, value in net.state_dict().items()})

    def _batch(self) -> Batch:
        batch: dict[str, Tensor] = {}
        for stream, order in zip(self.dataset.streams, self.orders, strict=True):
            batch |= self.dataset.batch(stream, ranks.mine(order.take(self.recipe.batch_size)), self.device)
        return {k: v.contiguous(memory_format=self.layout) if v.ndim == 4 else v for k, v in batch.items()}

    def _note(self, player: str, loss: Tensor) -> None:
        total, count = self._losses.get(player, (0, 0))
        self._losses[player] = [loss + total, int(count) + 1]

    @torch.no_grad()
    def _update_average(self) -> None:
        """Half-life as in the recipe, but never above a twentieth of what was seen, so that an early average forgets the start."""
        half_life = min(self.recipe.ema_half_life_kimg * 1000, self.step * self.recipe.batch_size * 0.05)
        keep = 0.5 ** (self.images_since_average / half_life) if half_life else 0.0
        self.images_since_average = 0
        for name, average in self.average.items():
            live = self.networks[name].state_dict(keep_vars=True)
            old, new = [], []
            for key, value in average.state_dict(keep_vars=True).items():
                if value.is_floating_point():
                    old.append(value)
                    new.append(live[key])
                else:
                    value.copy_(live[key])
            torch._foreach_lerp_(old, new, 1 - keep)


def _bytes(tensors: Mapping[str, Tensor]) -> bytes:
    body: bytes = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    return body


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


@contextmanager
def _evaluating(networks: Mapping[str, nn.Module]) -> Iterator[None]:
    training = [network for network in networks.values() if network.training]
    for network in training:
        network.eval()
    try:
        yield
    finally:
        for network in training:
            network.train()
