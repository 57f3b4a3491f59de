"""A small knowledge base that breaks no law, for tests that plant a defect."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.knowledge.files import SHIPPED
from app.knowledge.fmt import fmt

CARDS = {
    "dcgan": "family: dcgan\ntasks: [unconditional-image]\ndata_types: [image]\nsucceeded_by: [sngan]\n",
    "sngan": "family: sngan\ntasks: [unconditional-image, class-conditional-image]\ndata_types: [image]\n",
}
FIGURES = """dcgan,,unconditional-image,50000,32,3,fid,49.03,10k samples,,64,,,,,2022,third-party,arXiv:1511.06434,Table 1,
sngan,,unconditional-image,50000,32,3,fid,13.25,10k samples,,64,,,,,2022,third-party,arXiv:1802.05957,Table 2,
"""
RULE = """- id: augment
  topic: augmentation
  when: {data.samples: {max: 30000}}
  then: {advise: Augment.}
  text: Augment.
  because: It helps.
  sources: ['arXiv:2006.10738']
  golden:
    - task: {data: {type: image, samples: 1000}}
      architecture: dcgan
"""


@pytest.fixture
def small(template: Path, tmp_path: Path) -> Path:
    """Two architectures, two figures, one rule; metrics, tasks, data sets and GPUs as shipped."""
    shutil.copytree(template, tmp_path / "knowledge")
    return tmp_path / "knowledge"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("template") / "knowledge"
    (root / "architectures").mkdir(parents=True)
    (root / "benchmarks").mkdir()
    (root / "rules").mkdir()
    for name in ("metrics.yaml", "tasks.yaml", "datasets.yaml", "gpus.csv", "version.txt"):
        shutil.copy(SHIPPED / name, root / name)
    for slug, body in CARDS.items():
        text = f"slug: {slug}\nname: {slug.upper()}\n{body}sources: ['arXiv:1511.06434']\n"
        (root / "architectures" / f"{slug}.yaml").write_text(text)
    (root / "benchmarks" / "cifar10.csv").write_text(header("benchmarks/cifar10.csv") + FIGURES)
    (root / "costs.csv").write_text(header("costs.csv"))
    (root / "rules" / "augmentation.yaml").write_text(RULE)
    fmt(root)
    return root


def header(name: str) -> str:
    """The first line of a shipped table."""
    return (SHIPPED / name).read_text().splitlines(keepends=True)[0]
