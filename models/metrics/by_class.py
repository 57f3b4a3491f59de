"""Kernel inception distance within each class, for networks that are told what to make.

The distance over all images does not see that labels are ignored: real digits of mnist-5k under labels drawn at random score worse than
rightly labelled ones in 79 % of comparisons of 500 samples, here in 100 %; where one digit of the ten is shown as another, in 90 % of
comparisons of 250, here in 100 %. Neither sees one label in ten drawn at random (49 and 67 %).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.metrics.features import EffLite0
from models.metrics.kid import LEAST, MOST, kid, replicates
from models.metrics.manifold import precision, recall
from models.metrics.measured import Measured

LEAST_OF_A_CLASS = 5
"""Held-out samples; a class with fewer is left out."""


class KidByClass:
    """Mean over classes of the KID between the samples made for a class and the held-out ones of that class: unbiased, 0 is perfect.

    Sample i has the label of the held-out sample i, as `Dataset.given` has it. Raises BadData below 250 samples of either side, without
    labels, or where no class has 5; ValueError above 10,000 samples.
    """

    name = "kid_by_class_efflite0_112"
    direction = "min"

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        if samples > MOST:
            raise ValueError(f"{self.name} takes at most {MOST} samples, not {samples}: it compares every pair")
        if "label" not in dataset.conditions:
            raise BadData(f"{self.name} needs labels; the recipe has no classes")
        self.samples = samples
        real, labels = dataset.reference["image"][:samples], dataset.reference["label"][:samples].numpy()
        if min(len(real), samples) < LEAST:
            raise BadData(f"{self.name} needs {LEAST} samples, here are {min(len(real), samples)}; `metric: none` trains without")
        self._classes = [c for c, count in enumerate(np.bincount(labels)) if count >= LEAST_OF_A_CLASS]
        if not self._classes:
            raise BadData(f"{self.name} needs {LEAST_OF_A_CLASS} held-out samples of a class; no class has as many")
        self._network = EffLite0.found().to(device)
        self._uncast, self._given = dataset.uncast, dataset.reference["label"].numpy()
        self._real, self._labels = self._network.of([real]), labels
        self.floor = None
        if dataset.reference_held_out and len(dataset.fields["image"]) >= LEAST:
            seen = self._network.of([dataset.fields["image"][:samples]])
            self.floor = float(np.mean([kid(*pair) for pair in self._pairs(seen, dataset.fields["label"][:samples].numpy())]))

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        fake = self._network.of(self._uncast(batch) for batch in batches)
        pairs = list(self._pairs(fake, np.resize(self._given, len(fake))))
        each = [kid(*pair) for pair in pairs]
        values = np.mean([replicates(*pair, seed=number) for number, pair in enumerate(pairs)], 0)
        value = float(np.mean(each))
        return Measured.of(
            value,
            values,
            {
                "kid_efflite0_112": kid(fake, self._real),
                "kid_of_worst_class_efflite0_112": max(each),
                "precision_k3_efflite0_112": float(precision(fake, self._real).mean()),
                "recall_k3_efflite0_112": float(recall(fake, self._real).mean()),
            },
        )

    def _pairs(self, features: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The features of each class and those of its held-out samples."""
        for c in self._classes:
            if (labels == c).sum() > 1:
                yield features[labels == c], self._real[self._labels == c]
