"""Rows of a table as networks take them: mode-specific normalisation and one-hot categories, arXiv:1907.00503 section 4.2."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture
from torch import Tensor, nn
from torch.nn.functional import one_hot

from models.data.table import Column

MOST_ROWS = 4000
"""Rows that a mixture is fitted to."""
LEAST_WEIGHT = 0.005
"""A mode with less is dropped."""
SPAN = 4.0
"""Standard deviations of a mode that -1..1 stands for."""


class Coding(nn.Module):
    """Fitted to the training rows when it is made; modes, limits and frequencies are buffers.

    A number becomes its place in a mode and the mode one-hot, a category one-hot. A condition is one category of one column.
    """

    shares: Tensor

    def __init__(self, columns: Sequence[Column], rows: Tensor, modes: int) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.sizes, self.choices = list[int](), list[bool]()
        self.kinds = [(i, code) for i, column in enumerate(columns) for code in range(len(column.categories))]
        """Column and code of each condition."""
        self.conditions = len(self.kinds)
        self.at = list[int]()
        """Where in a coded row each column begins."""
        for i, column in enumerate(columns):
            self.at.append(sum(self.sizes))
            if column.categories:
                self.sizes.append(len(column.categories))
                self.choices.append(True)
                continue
            found = mixture(rows[:, i], modes)
            self.register_buffer(f"modes{i}", found)
            self.register_buffer(f"limits{i}", torch.stack((rows[:, i].min(), rows[:, i].max())))
            self.sizes += [1, found.shape[1]]
            self.choices += [False, True]
        self.size = sum(self.sizes)
        shares = [(rows[:, i] == code).float().mean() for i, code in self.kinds]
        self.register_buffer("shares", torch.stack(shares) if shares else torch.zeros(0))

    def encode(self, rows: Tensor) -> Tensor:
        """N x C -> N x size. Which mode a number belongs to is drawn by its likelihood, the same for the same rows."""
        draw, parts = torch.Generator().manual_seed(0), list[Tensor]()
        for i, column in enumerate(self.columns):
            values = rows[:, i]
            if column.categories:
                parts.append(one_hot(values.long(), len(column.categories)).float())
                continue
            weight, mean, spread = self.get_buffer(f"modes{i}")
            z = (values[:, None] - mean) / spread
            chances = (weight.log() - spread.log() - z.square() / 2).softmax(1)
            mode = torch.multinomial(chances, 1, generator=draw)
            parts += [(z.gather(1, mode) / SPAN).clamp(-0.99, 0.99), one_hot(mode[:, 0], len(mean)).float()]
        return torch.cat(parts, 1)

    def decode(self, raw: Tensor, noise: Tensor) -> Tensor:
        """What a generator gives, before softmax and tangent, N x size -> N x C; `noise` (Gumbel) decides the choices."""
        out = list[Tensor]()
        for i, column in enumerate(self.columns):
            at = self.at[i]
            if column.categories:
                end = at + len(column.categories)
                out.append((raw[:, at:end] + noise[:, at:end]).argmax(1).float())
                continue
            _, mean, spread = self.get_buffer(f"modes{i}")
            end = at + 1 + len(mean)
            mode = (raw[:, at + 1 : end] + noise[:, at + 1 : end]).argmax(1)
            low, high = self.get_buffer(f"limits{i}")
            value = (raw[:, at].tanh() * SPAN * spread[mode] + mean[mode]).clamp(low, high)
            out.append(value.round() if column.whole else value)
        return torch.stack(out, 1)

    def having(self, rows: Tensor) -> Callable[[Tensor], Tensor]:
        """A draw of rows: conditions (n,) to the places (n,) of rows that meet them, each of these as likely."""
        places = [(rows[:, i] == code).nonzero().ravel() for i, code in self.kinds]
        flat, count = torch.cat(places), torch.tensor([len(found) for found in places])
        first = count.cumsum(0) - count

        def draw(kinds: Tensor) -> Tensor:
            which = (torch.rand(len(kinds)) * count[kinds]).long()
            return flat[first[kinds] + torch.minimum(which, count[kinds] - 1)]

        return draw

    def drawn(self, n: int, *, balanced: bool, generator: torch.Generator | None = None) -> Tensor:
        """n conditions, on the CPU: any column, then a category by its frequency or, balanced, by the logarithm of it."""
        if not self.conditions:
            return torch.zeros(n, dtype=torch.long)
        shares = self.shares.cpu()
        weights = (shares * 1e6 + 1).log() * (shares > 0) if balanced else shares
        owner = torch.tensor([i for i, _ in self.kinds])
        totals = torch.zeros(len(self.columns)).index_add_(0, owner, weights)
        return torch.multinomial(weights / totals[owner], n, replacement=True, generator=generator)

    def missed(self, raw: Tensor, kinds: Tensor, loss: Callable[..., Tensor]) -> Tensor:
        """Mean `loss` of logits and code, in the column that each row was told of."""
        total = raw.new_zeros(())
        owner = torch.tensor([i for i, _ in self.kinds], device=raw.device)
        code = torch.tensor([code for _, code in self.kinds], device=raw.device)
        for i, column in enumerate(self.columns):
            if column.categories and (rows := owner[kinds] == i).any():
                logits = raw[rows, self.at[i] : self.at[i] + len(column.categories)]
                total = total + loss(logits, code[kinds[rows]], reduction="sum")
        return total / len(raw)


def mixture(values: Tensor, modes: int) -> Tensor:
    """3 x M: weight, mean and standard deviation of the modes of a column."""
    some = values[:MOST_ROWS].double().numpy()[:, None]
    centre, scale = some.mean(), max(float(some.std()), 1e-9)
    fitted = BayesianGaussianMixture(
        n_components=min(modes, len(some)), weight_concentration_prior=0.001, max_iter=100, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit((some - centre) / scale)
    kept = fitted.weights_ > min(LEAST_WEIGHT, fitted.weights_.max() / 2)
    spread = fitted.covariances_[kept, 0, 0] ** 0.5 * scale
    found = np.stack((fitted.weights_[kept], fitted.means_[kept, 0] * scale + centre, spread.clip(1e-6 * scale)))
    return torch.from_numpy(found).float()
