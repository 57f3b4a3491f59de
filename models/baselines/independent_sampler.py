"""A control for tables: every column drawn by itself, as it is distributed; what it scores is owed to the columns alone."""

from __future__ import annotations

from models.adversary import Adversary
from models.baselines.gaussian_copula import copula
from models.contract import Recipe
from models.data.dataset import Dataset

TASKS = ("tabular",)
DEFAULTS = {"ema_half_life_kimg": 0.0}


def build(recipe: Recipe, data: Dataset) -> Adversary:
    return copula(data, independent=True)
