"""Molecules as graphs: SMILES of the user's file, or of the one that RDKit ships, as atoms and bonds in fixed numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import rdkit
import torch
from rdkit import Chem, rdBase
from rdkit.Chem import Draw
from torch import Tensor

from models.contract import Recipe
from models.data import known, path_of
from models.data.dataset import BadData, Dataset
from models.data.grid import keep
from models.data.own import files, parts

ELEMENTS = ("", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I")
"""By number; 0 is no atom."""
BONDS = (None, Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
"""By number; 0 is no bond. Aromatic rings are written with alternating single and double bonds."""
LENGTH = 12
"""Atoms where the recipe does not say. QM9, which these networks were made for, has 9; of the shipped ones too few are as small."""
MOST_LENGTH = 64
MOST_BYTES = 200_000_000
MOST_LETTERS = 500
"""A longer line is no molecule of this size; parsing it could take long."""
MOST_BROKEN = 0.5
SHOWN = 24


@dataclass(frozen=True, kw_only=True)
class Molecules(Dataset):
    """`graph`: N x A x (1 + A) numbers; in row i of a molecule first the element of atom i, then its bonds to every atom."""

    kind: ClassVar[str] = "graph"
    output: ClassVar[str] = "graph"

    def picture(self, samples: Tensor, path: Path) -> None:
        """The structures that are valid, drawn; the others as empty boxes."""
        found = [molecule(row) for row in samples[:SHOWN]]
        names = [Chem.MolToSmiles(one) if one else "not valid" for one in found]
        page = Draw.MolsToGridImage(  # type: ignore[no-untyped-call]
            [one or Chem.Mol() for one in found], molsPerRow=6, subImgSize=(170, 150), legends=names
        )
        keep(page, path)


def load(recipe: Recipe) -> Molecules:
    """Neutral molecules in one piece of at most `recipe.length` heavy atoms. Raises BadData for an unknown slug, a file in which more
    than half of the lines are no SMILES, or too few molecules that fit."""
    length = recipe.length or LENGTH
    if length > MOST_LENGTH:
        raise BadData(f"molecules have at most {MOST_LENGTH} atoms here, the recipe wants {length}")
    lines = list(_lines(recipe))
    graphs, broken, larger = dict[str, np.ndarray](), list[str](), 0
    with rdBase.BlockLogs():
        for line in lines:
            one = Chem.MolFromSmiles(line) if len(line) <= MOST_LETTERS else None
            if one is None:
                broken.append(line[:60])
            elif (found := graph(one, length)) is None:
                larger += 1
            else:
                graphs.setdefault(Chem.MolToSmiles(one, isomericSmiles=False), found)
    if len(broken) > max(1, MOST_BROKEN * len(lines)):
        raise BadData(f"{len(broken)} of {len(lines)} lines are no SMILES, such as {'; '.join(broken[:3])}")
    whole = torch.from_numpy(np.stack(list(graphs.values()))) if graphs else torch.empty(0, length, 1 + length)
    note = f"{larger} of {len(lines)} are larger than {length} atoms, charged, in pieces or of other elements"
    return Molecules(
        slug=recipe.dataset,
        sha256=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        **parts({"graph": whole}, recipe),
        skipped=(*broken, *([note] if larger else [])),
    )


def graph(one: Chem.Mol, length: int) -> np.ndarray | None:
    """A molecule as a row of the data, None when it does not fit. Stereochemistry and isotopes are dropped."""
    one = Chem.Mol(one)
    Chem.RemoveStereochemistry(one)
    Chem.Kekulize(one, clearAromaticFlags=True)
    atoms = list(one.GetAtoms())
    plain = all(
        atom.GetSymbol() in ELEMENTS and not atom.GetFormalCharge() and not atom.GetNumRadicalElectrons() for atom in atoms
    )
    if not 0 < len(atoms) <= length or not plain or len(Chem.GetMolFrags(one)) > 1:
        return None
    found = np.zeros((length, 1 + length), np.int64)
    for atom in atoms:
        found[atom.GetIdx(), 0] = ELEMENTS.index(atom.GetSymbol())
    for bond in one.GetBonds():
        if bond.GetBondType() not in BONDS:
            return None
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        found[i, 1 + j] = found[j, 1 + i] = BONDS.index(bond.GetBondType())
    return found


def molecule(row: Tensor) -> Chem.Mol | None:
    """The molecule of a row, None when chemistry forbids it, it is empty, or in more than one piece."""
    numbers = row.long().tolist()
    place = {atom: new for new, atom in enumerate(i for i, (element, *_) in enumerate(numbers) if element)}
    built = Chem.RWMol()
    for i in place:
        built.AddAtom(Chem.Atom(ELEMENTS[numbers[i][0]]))
    for i in place:
        for j in place:
            if i < j and (bond := BONDS[numbers[i][1 + j]]) is not None:
                built.AddBond(place[i], place[j], bond)
    whole: Chem.Mol = built.GetMol()
    with rdBase.BlockLogs():
        if not place or len(Chem.GetMolFrags(whole)) > 1 or Chem.SanitizeMol(whole, catchErrors=True):
            return None
    return whole


def _lines(recipe: Recipe) -> Iterable[str]:
    path = path_of(recipe.dataset)
    if path is None and recipe.dataset != "nci-small":
        raise BadData(
            f"data set {recipe.dataset!r} is not known; known are {', '.join(known())}, and folder:PATH of SMILES files"
        )
    shipped = Path(rdkit.__file__).parent / "Data" / "NCI" / "first_5K.smi"
    for one in [shipped] if path is None else files(path, (".smi", ".smiles", ".txt"), MOST_BYTES):
        try:
            text = one.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadData(f"{one.name} cannot be read as UTF-8: {error}") from error
        yield from (line.split()[0] for line in text.splitlines() if line.strip())
