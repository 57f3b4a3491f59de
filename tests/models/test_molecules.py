"""Molecules as graphs and back, and the share of samples worth looking at."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image
from rdkit import Chem

from models import contract, train
from models.contract import Recipe
from models.data import load
from models.data.dataset import BadData, Dataset
from models.data.molecules import graph, molecule
from models.metrics.chemistry import ValidUniqueNovel, smiles
from tests.models import tiny

NCI = Recipe(architecture="", task="molecule-graph", dataset="nci-small", length=8)
CPU = torch.device("cpu")


def own(path: Path) -> Dataset:
    return load(dataclasses.replace(NCI, dataset=str(path)))


@pytest.mark.parametrize("name", ["C", "c1ccccc1", "CC(=O)N", "c1cc[nH]c1", "O=S(=O)(C)C", "C#N", "ClC=C(Br)I", "CP(=O)(O)O"])
def test_a_molecule_becomes_a_graph_and_comes_back(name: str) -> None:
    found = graph(Chem.MolFromSmiles(name), 9)
    assert found is not None
    assert smiles(torch.from_numpy(found)) == Chem.CanonSmiles(name)
    assert (found[:, 1:] == found[:, 1:].T).all()


@pytest.mark.parametrize("name", ["[NH4+]", "C.C", "[SiH4]", "CCCCCCCCCC", "[CH3]"])
def test_what_a_graph_cannot_hold_is_left_out(name: str) -> None:
    assert graph(Chem.MolFromSmiles(name), 9) is None


def test_chemistry_forbids_five_bonds_of_carbon_nothing_and_two_pieces() -> None:
    five = torch.zeros(6, 7)
    five[:, 0] = 1
    five[0, 2:] = five[1:, 1] = 1
    assert molecule(five) is None
    assert molecule(torch.zeros(6, 7)) is None
    pair = torch.zeros(6, 7)
    pair[:2, 0] = 1
    assert molecule(pair) is None
    pair[0, 2] = pair[1, 1] = 1
    assert smiles(pair) == "CC"


def test_a_file_of_smiles_is_read_and_its_broken_lines_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("CCO ethanol\nOCC again\nC1CC1\nnonsense\nCCN\n" + "C" * 600 + "\n")
    data = own(tmp_path / "a.smi")
    assert data.samples == 3 and not data.reference_held_out
    assert data.skipped[0] == "nonsense"


@pytest.mark.parametrize("body", [b"", b"no\nsmiles\nat all\n", b"\xff\xfe\x00", b"CCCCCCCCCCCCCCCC\n" * 3])
def test_a_file_of_no_use_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.smi").write_bytes(body)
    with pytest.raises(BadData):
        own(tmp_path)


def test_only_what_is_valid_new_and_not_yet_made_counts() -> None:
    data = tiny.data(NCI)
    known, empty = data.fields["graph"][0], torch.zeros(8, 9)
    new = torch.from_numpy(graph(Chem.MolFromSmiles("FC(F)C(F)OF"), 8))
    metric = ValidUniqueNovel(data, 300, CPU)
    found = metric([torch.stack([known] * 100 + [new] * 100 + [empty.long()] * 100)])
    assert found.value == pytest.approx(1 / 300)
    assert found.beside["valid"] == pytest.approx(2 / 3) and found.beside["novel_of_valid"] == pytest.approx(1 / 2)
    assert found.low <= found.value <= found.high
    real = metric([data.reference["graph"][:300]])
    assert real.beside["mass_distance_da"] < found.beside["mass_distance_da"]
    with pytest.raises(BadData, match="needs 250"):
        ValidUniqueNovel(data, 100, CPU)


def test_molgan_learns_to_make_more_valid_molecules_than_marginals_do(tmp_path: Path) -> None:
    shared = {"task": "molecule-graph", "length": 5}
    trivial = tiny.game(tiny.recipe("graph-marginals", **shared))
    trivial.begin()
    own = {"batch_size": 32, "latent_dim": 32, "width": 32, "lr_g": 1e-3, "lr_d": 1e-3, "beta1": 0.0, "beta2": 0.9, "d_steps": 5}
    game = tiny.game(tiny.recipe("molgan", **shared, **own, gradient_penalty=10.0, ema_half_life_kimg=0.5))

    def valid(one: object) -> float:
        rows = tiny.pictures(one, 200)  # type: ignore[arg-type]
        return sum(molecule(row) is not None for row in rows) / len(rows)

    untrained, marginal = valid(game), valid(trivial)
    tiny.moved(game, 250)
    assert valid(game) > 1.3 * marginal > 1.3 * untrained
    game.dataset.picture(tiny.pictures(game, 24), tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").width > 900


def test_a_run_on_graphs_is_watched_to_its_report(tmp_path: Path) -> None:
    """The watch judges samples as the data have them, here whole numbers."""
    shared = {
        "task": "molecule-graph",
        "length": 12,
        "metric": "valid_unique_novel_rdkit",
        "metric_samples": 250,
        "samples": None,
    }
    contract.write_recipe(tmp_path, tiny.recipe("molgan", **shared, dataset="nci-small"), contract.RunBudget(seconds=1))
    assert train.train(tmp_path) == 0
    assert (tmp_path / contract.REPORT).is_file()
