"""The three planted cases with one seed; benchmarks/planted.py does ten."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.planted import WANTED, verdicts


def test_a_broken_recipe_is_overturned_equal_ones_are_inconclusive_and_a_better_one_is_confirmed(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found = verdicts(0, tmp_path)
    finally:
        torch.set_num_threads(threads)
    assert {case: verdict.outcome for case, verdict in found.items()} == WANTED
    assert "the least difference these runs could have shown" in found["equal"].reason
