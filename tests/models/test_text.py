"""Sentences, what is drawn from a language model, and the figure that compares them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from PIL import Image

from models.contract import Recipe
from models.data import load
from models.data.dataset import BadData
from models.data.text import END, Sentences
from models.metrics.ngrams import MsJaccard
from models.networks.seqgan import completions
from models.tokens import TokenLSTM, said
from tests.models import tiny

PROSE = Recipe(architecture="", task="text", dataset="sklearn-docs", length=8)


def prose() -> Sentences:
    data = tiny.data(PROSE)
    assert isinstance(data, Sentences)
    return data


def own(path: Path, length: int = 0) -> Sentences:
    data = load(dataclasses.replace(PROSE, dataset=str(path), length=length))
    assert isinstance(data, Sentences)
    return data


def test_a_text_file_is_read_line_by_line_and_comes_back_as_it_was(tmp_path: Path) -> None:
    lines = [
        f"{subject} {verb}, {thing}." for subject in ("ann", "bob", "eve") for verb in ("saw", "ate") for thing in ("it", "all")
    ]
    (tmp_path / "a.txt").write_text("\n".join([*lines, "a word so rare", "far too long " * 20]))
    data = own(tmp_path / "a.txt", length=6)
    assert sorted(data.written(row) for row in data.fields["tokens"]) == sorted(lines)
    assert data.skipped == ("2 of 14 sentences are too long or hold a rare word",)
    assert own(tmp_path).sha256 == data.sha256


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"one\0two\n" * 9, b"every word here is rare\n"])
def test_what_is_no_text_is_refused(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(body)
    with pytest.raises(BadData):
        own(tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.txt").write_text("one two three four five\n" * 9)
    (tmp_path / "in" / "a.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(BadData, match="no file"):
        own(tmp_path / "in")


def test_samples_are_written_as_a_picture(tmp_path: Path) -> None:
    prose().picture(prose().fields["tokens"].float(), tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").height > 400


def test_completions_keep_the_words_before_them_and_nothing_follows_an_end() -> None:
    torch.manual_seed(0)
    generator, tokens = TokenLSTM(7, 8), torch.randint(1, 7, (5, 6))
    drawn = completions(generator, tokens, 3)
    assert drawn.shape == (5, 3, 5, 6)
    for known in range(1, 6):
        assert torch.equal(drawn[known - 1, :, :, :known], tokens[:, :known].expand(3, -1, -1))
    assert drawn[~said(drawn.flatten(0, 2)).view_as(drawn)].eq(END).all()


def test_completions_are_drawn_as_the_language_model_has_them() -> None:
    torch.manual_seed(0)
    generator, tokens = TokenLSTM(3, 8), torch.tensor([[1, 2, 1, 1]])
    drawn = completions(generator, tokens, 4000)[1, :, 0, 2]  # the third word after the first two
    expected = generator(tokens)[0, 2].softmax(-1)
    assert torch.allclose(drawn.bincount(minlength=3) / 4000, expected, atol=0.03)


def test_the_figure_is_one_for_the_same_sentences_and_falls_for_shuffled_and_for_repeated_ones() -> None:
    data = prose()
    metric = MsJaccard(data, 300, torch.device("cpu"))
    real = data.reference["tokens"][:300]
    shuffled = real.gather(1, torch.rand(real.shape).argsort(1))
    whole, mixed, repeated = (metric([rows.float()]) for rows in (real, shuffled, real[:10].repeat(30, 1)))
    assert whole.value == pytest.approx(1)
    assert metric.floor is not None and mixed.value < metric.floor < whole.value
    assert repeated.value < metric.floor and repeated.beside["distinct_sentences"] == pytest.approx(1 / 30)
    assert mixed.low < mixed.value < mixed.high and len(mixed.replicates) == 100
    assert whole.beside["bleu4"] > mixed.beside["bleu4"]
    with pytest.raises(BadData, match="needs 250"):
        MsJaccard(data, 100, torch.device("cpu"))


def test_likelihood_learns_four_sentences_by_heart() -> None:
    four = dataclasses.replace(prose(), fields={"tokens": prose().fields["tokens"][:4]})
    one = tiny.recipe("mle", task="text", width=32, lr_g=1e-2, beta1=0.9, ema_half_life_kimg=0.1)
    game = tiny.moved(tiny.game(one, four), 120)
    rows = {tuple(row.tolist()) for row in four.fields["tokens"]}
    drawn = [tuple(row.long().tolist()) for row in tiny.pictures(game, 100)]
    assert sum(row in rows for row in drawn) > 80 and set(drawn) >= rows


def test_the_policy_gradient_raises_what_the_discriminator_says() -> None:
    game = tiny.game(tiny.recipe("seqgan", task="text", lr_g=1e-2, lr_d=1e-9, d_steps=1, ema_half_life_kimg=0.0))
    judge = game.networks["discriminator"].eval()
    judge.head.weight.data *= 20  # untrained it hardly tells one sentence from another
    judge.head.bias.data -= judge(game.dataset.fields["tokens"][:200]).mean()

    def said_of_samples() -> float:
        with torch.no_grad():
            return float(judge(tiny.pictures(game, 400).long()).sigmoid().mean())

    before = said_of_samples()
    game.phase = 2
    tiny.moved(game, 40)
    assert said_of_samples() > before + 0.05
