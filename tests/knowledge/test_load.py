"""Files become knowledge: keys, digests, errors that say where."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import pytest

from app.errors import KnowledgeError
from app.knowledge.files import SHIPPED, figure_id
from app.knowledge.load import load, networks
from app.vocabulary import Kind, Knowledge, TaskSlug


@pytest.fixture(scope="module")
def shipped() -> Knowledge:
    return load()


def test_every_figure_has_its_own_stable_id(shipped: Knowledge) -> None:
    ids = [b.id for b in shipped.benchmarks]
    assert len(set(ids)) == len(ids) > 4000
    assert all(re.fullmatch(rf"{b.dataset}/{b.metric}/{b.architecture}/[0-9a-f]{{8}}", b.id) for b in shipped.benchmarks)
    assert len({c.id for c in shipped.costs}) == len(shipped.costs) > 290


def test_a_corrected_value_keeps_the_id_and_another_locator_does_not() -> None:
    row = {"dataset": "cifar10", "metric": "fid", "architecture": "dcgan", "source": "arXiv:1511.06434", "locator": "Table 1"}
    assert figure_id(row | {"value": "49.03"}) == figure_id(row | {"value": "49.3", "notes": "corrected"})
    assert figure_id(row) != figure_id(row | {"locator": "Table 2"})
    assert figure_id(row | {"resolution": "32"}) == figure_id(row | {"resolution": 32})


def test_every_task_has_an_architecture_a_metric_and_a_figure(shipped: Knowledge) -> None:
    for slug in TaskSlug:
        gans = [a for a in shipped.architectures.values() if slug in a.tasks and a.kind is Kind.GAN]
        ranking = set(shipped.tasks[slug].metrics)
        assert gans, slug
        assert any(b.task == slug and b.metric in ranking for b in shipped.benchmarks), slug


def test_controls_and_likelihood_models_are_no_gans(shipped: Knowledge) -> None:
    for slug in ("real-data", "no-augmentation", "uniform-sampler"):
        assert shipped.architectures[slug].control
    for slug in (
        "tvae",
        "tabddpm",
        "smote",
        "gpt2-mle",
        "wavenet",
        "diffwave",
        "char-rnn",
        "csdi",
        "gaussian-copula",
        "real-data",
    ):
        if slug in shipped.architectures:
            assert shipped.architectures[slug].kind is Kind.REFERENCE, slug
    for slug in ("stylegan2-ada", "hifi-gan", "ctgan", "timegan", "molgan", "seqgan", "tree-gan", "f-anogan"):
        assert shipped.architectures[slug].kind is Kind.GAN, slug


def test_a_family_holds_more_than_names(shipped: Knowledge) -> None:
    assert shipped.architectures["stylegan2-ada"].family == shipped.architectures["stylegan2"].family
    assert shipped.architectures["biggan"].family != shipped.architectures["stylegan2"].family


def test_the_licence_class_follows_the_licence(shipped: Knowledge) -> None:
    classes = {slug: shipped.architectures[slug].licence for slug in ("biggan", "stylegan2-ada", "oasis", "ctgan", "dcgan")}
    assert classes == {
        "biggan": "permissive",
        "stylegan2-ada": "non-commercial",
        "oasis": "commercial",
        "ctgan": "non-commercial",
        "dcgan": "unknown",
    }


def test_nothing_of_torch_is_imported(shipped: Knowledge) -> None:
    assert networks() == shipped.trainable or not networks()
    assert "models.train" not in sys.modules or "torch" in sys.modules


def test_network_files_are_read_by_name_alone(tmp_path: Path) -> None:
    for name in ("wgan_gp.py", "dcgan.py", "_shared.py", "__init__.py"):
        (tmp_path / name).write_text("raise RuntimeError")
    assert networks(tmp_path) == {"wgan-gp", "dcgan"}


def test_the_digest_follows_the_bytes_and_only_them(small: Path) -> None:
    before = load(small, frozenset()).sha256
    assert load(small, frozenset({"dcgan"})).sha256 == before
    path = small / "benchmarks" / "cifar10.csv"
    path.write_text(path.read_text().replace("49.03", "49.04"))
    assert load(small, frozenset()).sha256 != before


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        (
            "architectures/dcgan.yaml",
            "name: DCGAN",
            "name: [DCGAN]",
            "architectures/dcgan.yaml:2 name: Input should be a valid string",
        ),
        ("benchmarks/cifar10.csv", ",49.03,", ",low,", "benchmarks/cifar10.csv:2 value: Input should be a valid number"),
        ("rules/augmentation.yaml", "type: image", "type: [", "rules/augmentation.yaml:"),
        ("benchmarks/cifar10.csv", "dcgan,,uncond", "dcgan,uncond", "benchmarks/cifar10.csv:2 has 19 columns, not 20"),
    ],
)
def test_an_error_names_file_line_and_field(small: Path, name: str, old: str, new: str, says: str) -> None:
    path = small / name
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(KnowledgeError, match=re.escape(says)):
        load(small)


def test_a_folder_without_knowledge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"version\.txt is missing"):
        load(tmp_path)


def test_a_figure_is_one_line_of_its_file() -> None:
    path = SHIPPED / "benchmarks" / "cifar10.csv"
    with path.open(newline="") as text:
        assert sum(1 for _ in csv.reader(text)) == len(path.read_text().splitlines())
