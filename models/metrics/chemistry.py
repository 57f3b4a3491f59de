"""Which part of generated molecules would be worth looking at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import torch
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors
from scipy.stats import wasserstein_distance
from torch import Tensor

from models.data.dataset import BadData, Dataset
from models.data.molecules import molecule
from models.metrics.measured import Measured

LEAST = 250
MOST = 10_000
REPLICATES = 100


class ValidUniqueNovel:
    """The share of samples that are valid, novel and unique: a molecule made m times counts 1/m each time (arXiv:1805.11973, 5.1).

    Valid is what RDKit sanitises and hangs together; novel what is not among the training molecules. Uniqueness falls with the
    number of samples, so figures compare at equal numbers alone. Raises BadData below 250 samples.
    """

    name = "valid_unique_novel_rdkit"
    direction = "max"
    floor: float | None = None
    """Real molecules are not novel, so there is no figure of theirs."""

    def __init__(self, dataset: Dataset, samples: int, device: torch.device) -> None:
        if not LEAST <= samples <= MOST:
            raise BadData(f"{self.name} needs {LEAST} to {MOST} samples, not {samples}; `metric: none` trains without")
        self.samples = samples
        self._known = {name for row in dataset.fields["graph"] if (name := smiles(row))}
        self._real = properties([name for row in dataset.reference["graph"][:samples] if (name := smiles(row))])

    def __call__(self, batches: Iterable[Tensor]) -> Measured:
        names = [smiles(row) for batch in batches for row in batch]
        valid = [name for name in names if name]
        made = Counter(valid)
        worth = np.array([1 / made[name] if name and name not in self._known else 0.0 for name in names])
        rng = np.random.default_rng(0)
        values = worth[rng.integers(0, len(worth), (REPLICATES, len(worth)))].mean(1)
        value = float(worth.mean())
        beside = {
            "valid": len(valid) / len(names),
            "unique_of_valid": len(made) / len(valid) if valid else 0.0,
            "novel_of_valid": float(np.mean([name not in self._known for name in valid])) if valid else 0.0,
        }
        if valid and len(self._real):
            far = [wasserstein_distance(a, b) for a, b in zip(properties(valid).T, self._real.T, strict=True)]
            beside |= {"mass_distance_da": far[0], "logp_distance": far[1]}
        return Measured.of(value, values, beside)


def smiles(row: Tensor) -> str:
    """The canonical SMILES of a sample, empty when it is not valid."""
    one = molecule(row)
    return "" if one is None else Chem.MolToSmiles(one)


def properties(names: list[str]) -> np.ndarray:
    """N x 2: exact mass in dalton and Crippen's logP."""
    found = [Chem.MolFromSmiles(name) for name in names]
    return np.array(
        [(rdMolDescriptors.CalcExactMolWt(one), rdMolDescriptors.CalcCrippenDescriptors(one)[0]) for one in found]
    ).reshape(-1, 2)
