"""How well a score tells anomalies from normal samples that were not trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from models.data.anomaly import Anomalies
from models.data.dataset import BadData, Dataset
from models.metrics.measured import Measured

LEAST = 25
"""Of either kind: the standard error of an area of 0.8 is then 0.06."""
REPLICATES = 200


class RocAuc:
    """Area under the receiver operating characteristic: the chance that an anomaly scores above a normal sample; 0.5 knows nothing.

    The interval resamples anomalies and normal samples apart. Beside: average precision, which depends on the share of anomalies.
    Raises BadData below 25 of either kind among the samples looked at.
    """

    name = "roc_auc"
    direction = "max"
    floor = None

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        self.samples = min(samples, dataset.held)
        self._odd = dataset.reference["odd"][: self.samples].numpy()
        odd = int(self._odd.sum())
        if min(odd, self.samples - odd) < LEAST:
            raise BadData(
                f"{self.name} needs {LEAST} anomalies and as many normal samples held out, here are {odd} and {self.samples - odd}; "
                "`metric: none` trains without"
            )

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        scores = torch.cat([Anomalies.scores(batch).cpu() for batch in batches]).double().numpy()
        odd, normal = scores[self._odd], scores[~self._odd]
        above = (odd[:, None] > normal).astype(float) + 0.5 * (odd[:, None] == normal)
        rng = np.random.default_rng(0)
        rows, columns = (rng.multinomial(n, np.full(n, 1 / n), REPLICATES) / n for n in above.shape)
        replicates = np.einsum("ri,ij,rj->r", rows, above, columns, optimize=True)
        beside = {"average_precision": float(average_precision_score(self._odd, scores))}
        return Measured.of(float(roc_auc_score(self._odd, scores)), replicates, beside)
