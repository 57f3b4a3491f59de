"""Tables: files of the user, the coding of rows, the figure that decides, and that CTGAN learns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image

from models.contract import Recipe
from models.data import load
from models.data.dataset import BadData
from models.data.table import Column, Table
from models.metrics.pairs import PairOverlap
from models.modes import Coding
from models.networks import build
from tests.models import tiny

HEALTH = Recipe(architecture="", task="tabular", dataset="rand-health")
CPU = torch.device("cpu")


def own(path: Path, text: str) -> Table:
    path = path / "a.csv"
    path.write_text(text)
    data = load(dataclasses.replace(HEALTH, dataset=f"csv:{path}"))
    assert isinstance(data, Table)
    return data


def health() -> Table:
    data = tiny.data(HEALTH)
    assert isinstance(data, Table)
    return data


def test_columns_of_a_file_are_numbers_or_categories_and_missing_ones_are_told(tmp_path: Path) -> None:
    lines = ["age,town,height,id"]
    lines += [f"{i + 20 if i else ''},{('Rome', 'Oslo', '')[i % 3]},{i / 7},name{i}" for i in range(300)]
    data = own(tmp_path, "\n".join(lines))
    assert [column.name for column in data.columns] == ["age", "age missing", "town", "height"]
    assert data.columns[2].categories == ("", "Oslo", "Rome")
    assert data.columns[0].whole and not data.columns[3].whole
    rows = torch.cat((data.fields["row"], data.reference["row"])) if data.reference_held_out else data.fields["row"]
    assert rows[:, 1].sum() == 1 and rows.isfinite().all()
    assert "'id'" in data.skipped[0]


def test_a_file_without_names_gets_some(tmp_path: Path) -> None:
    data = own(tmp_path, "\n".join(f"{i},{i % 2}" for i in range(40)))
    assert [column.name for column in data.columns] == ["column-1", "column-2"] and data.samples == 40


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 cells"),
        ("a,a\n1,2\n3,4\n", "there twice"),
        ("a,b\n" + "".join(f"{i},{i}\n" for i in range(30)) + "oops,3\n", "line 32, column 'a': 'oops'"),
        ("a,b\n" + "".join(f"{i},{i}\n" for i in range(30)) + "inf,3\n", "line 32, column 'a'"),
        ('a,b\n"1,2\n', "cannot be read"),
        ("a,b\n1,1\n1,1\n", "usable columns"),
        ("", "0 rows"),
    ],
)
def test_a_hostile_file_is_refused_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(BadData, match=reason):
        own(tmp_path, text)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00a,b\n")
    with pytest.raises(BadData, match="UTF-8"):
        load(dataclasses.replace(HEALTH, dataset=f"csv:{tmp_path / 'a.csv'}"))


def test_a_coded_row_comes_back() -> None:
    data = health()
    rows = data.fields["row"][:500]
    coding = Coding(data.columns, rows, 3)
    raw = coding.encode(rows)
    for at, choice, size in zip(torch.tensor([0, *coding.sizes]).cumsum(0).tolist(), coding.choices, coding.sizes, strict=False):
        raw[:, at : at + size] = raw[:, at : at + size] * 100 if choice else raw[:, at : at + size].atanh()
    back = coding.decode(raw, torch.zeros_like(raw))
    assert ((back - rows).abs() / rows.std(0) < 0.05).float().mean() > 0.98


def test_conditions_prefer_rare_categories_in_training_and_not_in_samples() -> None:
    data = health()
    coding = Coding(data.columns, data.fields["row"], 2)
    rare = int(coding.shares.argmin())
    balanced = (coding.drawn(4000, balanced=True) == rare).float().mean()
    plain = (coding.drawn(4000, balanced=False) == rare).float().mean()
    assert balanced > 3 * plain


def test_the_figure_falls_as_a_table_gets_worse() -> None:
    data = health()
    metric = PairOverlap(data, 500, CPU)
    real = data.fields["row"][1000:1500]
    draw = torch.Generator().manual_seed(0)
    alone = torch.stack([values[torch.randperm(500, generator=draw)] for values in real.T], 1)
    noise = torch.randn(real.shape, generator=draw) * real.std(0)
    half = torch.cat((alone[:250], real[250:]))
    for ladder in (
        (real, half, alone, real + noise),
        (real, real + 0.3 * noise, real + noise, real + 3 * noise),
        (real, *(real[:k].repeat(500 // k, 1) for k in (100, 25, 5))),
    ):
        values = [metric([rows]).value for rows in ladder]
        assert values == sorted(values, reverse=True)
    assert metric.floor is not None and abs(metric([real]).value - metric.floor) < 0.02
    assert metric([data.fields["row"][:500]]).beside["nearest_training_row"] < 1e-6
    with pytest.raises(BadData, match="250 rows"):
        PairOverlap(data, 100, CPU)


@pytest.mark.parametrize("architecture", ["gaussian-copula", "independent-sampler"])
def test_a_baseline_keeps_columns_and_only_the_copula_what_goes_together(architecture: str) -> None:
    x = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    data = dataclasses.replace(health(), fields={"row": torch.cat((x, x.exp()), 1)})
    baseline = build(tiny.recipe(architecture), data)
    assert baseline.begin is not None
    baseline.begin(data.fields)
    made = baseline.sample(baseline.networks, 2000, torch.Generator().manual_seed(0), {})
    assert torch.allclose(made.median(0).values, torch.tensor([0.0, 1.0]), atol=0.15)
    together = float(torch.corrcoef(made.argsort(0).argsort(0).double().T)[0, 1])
    assert together > 0.95 if architecture == "gaussian-copula" else abs(together) < 0.1


def test_smote_makes_rows_between_neighbours_with_the_category_that_most_of_them_have() -> None:
    x = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    rows = torch.cat((x, 10 * x.abs(), (x > 0).float(), (x * 20).round()), 1)
    columns = (Column("x"), Column("y"), Column("sign", ("-", "+")), Column("n", whole=True))
    baseline = build(tiny.recipe("smote"), dataclasses.replace(health(), columns=columns, fields={"row": rows}))
    assert baseline.begin is not None
    baseline.begin({"row": rows})
    made = baseline.sample(baseline.networks, 700, torch.Generator().manual_seed(0), {})
    assert made.shape == (700, 4) and float(torch.cdist(made[:, :2], rows[:, :2]).amin(1).median()) > 0
    assert bool((made[:, 0] >= x.min()).all() and (made[:, 0] <= x.max()).all())
    assert float((made[:, 1] - 10 * made[:, 0].abs()).abs().median()) < 0.01
    assert float((made[:, 2] == (made[:, 0] > 0)).float().mean()) > 0.97
    assert torch.equal(made[:, 3], made[:, 3].round())


def test_the_published_generator_and_critic_have_their_sizes() -> None:
    data = dataclasses.replace(health(), fields={"row": health().fields["row"][:300]})
    game = tiny.game(tiny.recipe("ctgan", latent_dim=128, width=256, batch_size=20, options={"threads": 1, "pack": 10}), data)
    coding = game.networks["generator"].coding
    assert isinstance(coding, Coding)
    n, c, d = 128 + coding.conditions, coding.conditions, coding.size  # type: ignore[operator]
    generator = (n + 1) * 256 + 512 + (n + 257) * 256 + 512 + (n + 513) * d
    critic = (10 * (d + c) + 1) * 256 + 257 * 256 + 257
    assert sum(p.numel() for p in game.parameters["generator"]) == generator
    assert sum(p.numel() for p in game.parameters["discriminator"]) == critic


def test_ctgan_learns_what_goes_together() -> None:
    """Two categories that are always equal: after a few hundred steps nearly all rows have them equal."""
    kind = torch.arange(400) % 2
    columns = tuple(column for column in health().columns if column.categories)[:2]
    data = dataclasses.replace(health(), columns=columns, fields={"row": torch.stack((kind, kind), 1).float()})
    game = tiny.game(tiny.recipe("ctgan", width=32, batch_size=64, lr_g=2e-3, lr_d=2e-3, ema_half_life_kimg=0.0), data)

    def equal() -> float:
        rows = tiny.pictures(game, 400)
        return float((rows[:, 0] == rows[:, 1]).float().mean())

    assert equal() < 0.7
    tiny.moved(game, 300)
    assert equal() > 0.85


def test_rows_are_shown_as_text(tmp_path: Path) -> None:
    health().picture(health().fields["row"][:30], tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as page:
        assert page.width == 920 and page.height > 400
