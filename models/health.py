"""The watch over a run: what goes wrong in adversarial training, told while it happens, each with a remedy and its source.

Two looks. `gradients` at every reading of the losses; `samples` at every measurement, on at most 100 generated samples. Thresholds
are wide: a healthy run must stay silent (`python -m benchmarks.health` counts false alarms over seeds). All state is JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

REFERENCE = 8
"""Readings at the start whose median gradient norm later ones are compared with."""
STREAK = 8
"""So many readings in a row make a gradient vanish or explode."""
VANISHED, EXPLODED = 1e-4, 1e3
EARLY = 0.25
"""Part of the budget before which samples prove nothing."""
COLLAPSED = 0.1
"""Spread of generated samples over that of real ones."""
COPIED, COPIES = 0.5, 0.2
"""A sample is a copy when its nearest training sample is so much nearer than its nearest held-out one; so large a share is alarming."""
OVERFITTED = 0.6
"""ADA's r_v: 0 where the discriminator judges held-out samples as training ones, 1 where it takes them for generated."""
SATURATED = 1e-2
"""A loss of the discriminator below this leaves nothing to learn from."""
LEAKED = 0.25
WORSE = 3
"""So many measurements in a row worse than the untrained network make a run hopeless."""

REMEDIES: Mapping[str, tuple[str, str]] = {
    "gradient_vanished": ("another loss (non-saturating, hinge) or a gradient penalty keeps the slope", "arXiv:1701.04862"),
    "gradient_exploded": ("halve the learning rates; spectral normalisation bounds the slope", "arXiv:1802.05957"),
    "discriminator_saturated": ("fewer discriminator updates, a lower rate for it, or R1 on real samples", "arXiv:1801.04406"),
    "discriminator_overfits": ("augment real and generated samples alike (DiffAugment, ADA), or take more data", "arXiv:2006.06676"),
    "mode_collapse": ("lower rates, a gradient penalty or packing, from an earlier snapshot", "arXiv:1712.04086"),
    "memorised": ("more data, augmentation, a smaller network or a shorter run; do not share such samples", "arXiv:1802.05701"),
    "augmentation_leaks": ("apply it with probability below 0.8, or leave it out", "arXiv:2006.06676"),
    "worse_than_untrained": ("keep the best snapshot; halve the rates or take another architecture", "arXiv:1801.04406"),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    code: str
    detail: str
    hopeless: bool = False

    def event(self) -> dict[str, Any]:
        remedy, source = REMEDIES[self.code]
        return {"code": self.code, "detail": self.detail, "remedy": remedy, "source": source, "hopeless": self.hopeless}


@dataclass
class Watch:
    """What is remembered between two looks; part of a checkpoint."""

    reference: dict[str, list[float]] = field(default_factory=dict)
    streak: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def gradients(self, norms: Mapping[str, float]) -> Iterator[Finding]:
        """A look at the norm of each player's last gradient."""
        for player, norm in norms.items():
            start = self.reference.setdefault(player, [])
            if len(start) < REFERENCE:
                start.append(norm)
                continue
            usual = sorted(start)[REFERENCE // 2]
            for code, bad in (("gradient_vanished", norm < VANISHED * usual), ("gradient_exploded", norm > EXPLODED * usual)):
                if self._lasts(f"{code}/{player}", bad, STREAK):
                    yield from self._tell(code, f"the gradient of the {player} has norm {norm:.2g}, at the start {usual:.2g}")

    def losses(self, losses: Mapping[str, float]) -> Iterator[Finding]:
        """A look at the discriminator's loss, where it is one that ends at 0."""
        loss = losses.get("discriminator")
        if loss is not None and self._lasts("saturated", 0 <= loss < SATURATED, 4 * STREAK):
            yield from self._tell("discriminator_saturated", f"its loss is {loss:.2g} and stays there")

    def samples(self, seen: Evidence, fraction: float) -> Iterator[Finding]:
        """A look at generated samples beside real ones."""
        ratio = spread(seen.fake) / max(spread(seen.train), 1e-9)
        if self._lasts("collapse", fraction >= EARLY and ratio < COLLAPSED, 2):
            yield from self._tell("mode_collapse", f"generated samples differ by {100 * ratio:.0f} % of what real ones do")
        if fraction < EARLY:
            return
        if seen.held is not None and (share := copies(seen.fake, seen.train, seen.held)) > COPIES:
            yield from self._tell(
                "memorised", f"{100 * share:.0f} % of the samples are far nearer to a training sample than to any other"
            )
        if seen.judged is not None and (r := overfit(*seen.judged)) is not None and self._lasts("overfit", r > OVERFITTED, 2):
            yield from self._tell(
                "discriminator_overfits", f"r_v is {r:.2f}: held-out samples are judged nearly as generated ones"
            )
        for name in seen.augment:
            if (rise := leak(name, seen.fake, seen.train)) > LEAKED:
                yield from self._tell(
                    "augmentation_leaks",
                    f"{name} shows in {100 * rise:.0f} % more of the generated samples than of the real ones",
                )

    def figures(self, values: Sequence[float], direction: str, fraction: float) -> Iterator[Finding]:
        """A look at the metric over the run: `values` begins with the untrained network's."""
        sign = 1 if direction == "max" else -1
        worse = [sign * value < sign * values[0] for value in values[1:]]
        if fraction >= EARLY and len(worse) >= 2 and all(worse[-2:]):
            hopeless = fraction >= 0.5 and len(worse) >= WORSE and all(worse[-WORSE:])
            yield from self._tell("worse_than_untrained", f"{values[-1]:.3g} after {values[0]:.3g} untrained", hopeless)

    def _lasts(self, what: str, bad: bool, least: int) -> bool:
        self.streak[what] = self.streak.get(what, 0) + 1 if bad else 0
        return self.streak[what] >= least

    def _tell(self, code: str, detail: str, hopeless: bool = False) -> Iterator[Finding]:
        """Once for each kind, and once more when it turns hopeless."""
        name = f"{code}!" if hopeless else code
        if name not in self.told:
            self.told.append(name)
            yield Finding(code, detail, hopeless)


@dataclass(frozen=True)
class Evidence:
    """Samples in the range of the data, one a row of the first axis; `judged` are logits of training, held-out, generated samples."""

    fake: Tensor
    train: Tensor
    held: Tensor | None
    augment: tuple[str, ...] = ()
    judged: tuple[Tensor, Tensor, Tensor] | None = None


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Pairwise distances: Euclidean of numbers, share of differing places of whole numbers such as tokens."""
    a, b = a.flatten(1), b.flatten(1)
    if not a.is_floating_point() or not b.is_floating_point():
        return torch.stack([(row != b).float().mean(1) for row in a.long()]) if len(a) else torch.zeros(0, len(b))
    return torch.cdist(a.float(), b.float())


def spread(samples: Tensor) -> float:
    """Mean distance between two samples."""
    n = len(samples)
    return float(distances(samples, samples).sum() / (n * (n - 1))) if n > 1 else 0.0


def copies(fake: Tensor, train: Tensor, held: Tensor) -> float:
    """Share of samples whose nearest training sample is less than COPIED as far as the nearest held-out one, of as many of each."""
    m = min(len(train), len(held))
    near, far = distances(fake, train[:m]).amin(1), distances(fake, held[:m]).amin(1)
    return float((near < COPIED * far).float().mean())


def overfit(train: Tensor, held: Tensor, fake: Tensor) -> float | None:
    """r_v of arXiv:2006.06676 eq. 1; None where training and generated samples are judged alike."""
    apart = (train.mean() - fake.mean()).item()
    noise = (train.std() ** 2 / len(train) + fake.std() ** 2 / len(fake)).sqrt().item()
    return None if apart <= 4 * noise else (train.mean() - held.mean()).item() / apart


def leak(name: str, fake: Tensor, real: Tensor) -> float:
    """How much larger a share of generated images shows the mark of an augmentation: a mid-grey square or border."""
    marks = {"cutout": _square, "translation": _border}
    if name not in marks or fake.ndim != 4:
        return 0.0
    return float(marks[name](fake).float().mean() - marks[name](real).float().mean())


def _square(images: Tensor) -> Tensor:
    """Whether an image holds a mid-grey square of a quarter of its side."""
    side = max(2, images.shape[-1] // 4)
    grey = (images.float().abs() < 0.05).all(1, keepdim=True).float()
    return torch.nn.functional.avg_pool2d(grey, side, 1).flatten(1).amax(1) > 0.999


def _border(images: Tensor) -> Tensor:
    """Whether a whole outer row or column is mid-grey."""
    grey = (images.float().abs() < 0.05).all(1)
    return grey[:, 0].all(1) | grey[:, -1].all(1) | grey[:, :, 0].all(1) | grey[:, :, -1].all(1)
