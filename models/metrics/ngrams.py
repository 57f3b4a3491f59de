"""How alike generated and held-out sentences are, by their n-grams of words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.metrics.measured import Measured
from models.tokens import said

LEAST = 250
MOST = 10_000
REPLICATES = 100
LONGEST = 3


class MsJaccard:
    """MS-Jaccard of n-grams up to 3 words (arXiv:1904.03971): 1 for equal sets; neither good but repeated sentences nor varied but
    broken ones score high. Set sizes matter, so figures compare at equal numbers of samples alone.

    At most `samples` generated sentences against at most as many held-out ones. Raises BadData below 250 of either.
    """

    name = "ms_jaccard3_words"
    direction = "max"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        if samples > MOST:
            raise ValueError(f"{self.name} takes at most {MOST} samples, not {samples}")
        self.samples = samples
        self._real = dataset.reference["tokens"][:samples]
        if min(len(self._real), samples) < LEAST:
            raise BadData(
                f"{self.name} needs {LEAST} samples, here are {min(len(self._real), samples)}; `metric: none` trains without"
            )
        self._known = {row.tobytes() for row in dataset.fields["tokens"].numpy()}
        seen = dataset.fields["tokens"][:samples] if dataset.reference_held_out else self._real[:0]
        self.floor = self(iter([seen])).value if len(seen) >= LEAST else None

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        fake = torch.cat([batch.long().cpu() for batch in batches])
        counts = [grams(fake, self._real, n) for n in range(1, LONGEST + 2)]
        rng = np.random.default_rng(0)
        u, v = (rng.multinomial(len(x), np.full(len(x), 1 / len(x)), size=REPLICATES) for x in (fake, self._real))
        value = float(ms_jaccard(counts[:LONGEST], np.ones((1, len(fake))), np.ones((1, len(self._real))))[0])
        values = ms_jaccard(counts[:LONGEST], u, v)
        values = values + (value - values.mean())  # a resampled set repeats itself, which lowers the score by itself
        rows = [row.tobytes() for row in fake.numpy()]
        return Measured.of(
            value,
            values,
            {
                "bleu4": bleu(counts),
                "novel_sentences": float(np.mean([row not in self._known for row in rows])),
                "distinct_sentences": len(set(rows)) / len(rows),
            },
        )


def grams(fake: Tensor, real: Tensor, n: int) -> tuple[csr_matrix, csr_matrix]:
    """How often each n-gram of either set (columns) is in each sentence (rows) of the one and of the other."""
    rows, keys = list[np.ndarray](), list[np.ndarray]()
    base = int(max(fake.max(), real.max())) + 1
    for tokens in (fake, real):
        inside = said(tokens)[:, n - 1 :]
        windows = tokens.unfold(1, n, 1)
        key = (windows * torch.tensor([base**i for i in range(n)])).sum(-1)
        rows.append(inside.nonzero()[:, 0].numpy())
        keys.append(key[inside].numpy())
    names, columns = np.unique(np.concatenate(keys), return_inverse=True)
    parts = np.split(columns, [len(keys[0])])
    one, other = (
        csr_matrix((np.ones(len(row)), (row, column)), shape=(len(tokens), len(names)))
        for row, column, tokens in zip(rows, parts, (fake, real), strict=True)
    )
    return one, other


def ms_jaccard(counts: list[tuple[csr_matrix, csr_matrix]], u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """The score with generated sentence i counted u[r, i] times and held-out one j v[r, j] times, for every row r."""
    scores = []
    for fake, real in counts:
        a, b = (u @ fake) / u.sum(1, keepdims=True), (v @ real) / v.sum(1, keepdims=True)
        scores.append(np.minimum(a, b).sum(1) / np.maximum(a, b).sum(1).clip(1e-12))
    whole: np.ndarray = np.prod(scores, axis=0) ** (1 / len(scores))
    return whole


def bleu(counts: list[tuple[csr_matrix, csr_matrix]]) -> float:
    """Corpus BLEU up to 4 words with every held-out sentence as reference; with so many a brevity penalty has nothing to say."""
    shares = [
        fake.minimum(csr_matrix(np.ones((fake.shape[0], 1))) @ real.max(axis=0).tocsr()).sum() / max(fake.sum(), 1)
        for fake, real in counts
    ]
    return float(np.prod(shares) ** (1 / len(shares)))
