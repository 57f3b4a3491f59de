"""Sound from files, its spectra, and the figures that judge what was generated."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from models.contract import Recipe
from models.data import load
from models.data.audio import Sounds, read
from models.data.dataset import BadData
from models.metrics.coverage import SoundCoverage
from models.metrics.vocoder import MelDistance
from models.networks import hifi_gan, wavegan
from models.waves import Bands, filters
from tests.models import tiny

WAVE = Recipe(architecture="", task="audio-waveform", dataset="spoken-characters", length=1024)
VOCODER = dataclasses.replace(WAVE, task="audio-vocoder")
CPU = torch.device("cpu")


def spoken(recipe: Recipe = WAVE) -> Sounds:
    data = tiny.data(recipe)
    assert isinstance(data, Sounds)
    return data


def own(path: Path, **options: float) -> Sounds:
    data = load(dataclasses.replace(WAVE, dataset=str(path), length=2048, options=options))
    assert isinstance(data, Sounds)
    return data


def tone(hertz: float, rate: int, seconds: float = 0.5) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def test_files_of_any_rate_width_and_channels_become_windows_of_one_rate(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(500, 44_100), 44_100, subtype="PCM_24")
    soundfile.write(tmp_path / "b.flac", np.stack([tone(500, 8000), tone(500, 8000)], 1), 8000)
    soundfile.write(tmp_path / "short.ogg", tone(500, 16_000, 0.05), 16_000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing of the kind")
    data = own(tmp_path)
    assert data.fields["wave"].shape[1:] == (1, 2048) and data.bands.rate == 16_000
    assert data.skipped[0].startswith("broken.wav")
    assert not data.reference_held_out
    for wave in data.fields["wave"][:, 0]:
        peak = torch.fft.rfft(wave).abs().argmax() * 16_000 / 2048
        assert abs(peak - 500) < 20 and 0.5 < wave.abs().max() <= 1


@pytest.mark.parametrize("body", [b"", b"not a sound at all", b"RIFF\xff\xff\xff\x7fWAVEfmt "])
def test_what_is_no_sound_is_refused(tmp_path: Path, body: bytes) -> None:
    for i in range(3):
        (tmp_path / f"{i}.wav").write_bytes(body)
    with pytest.raises(BadData):
        own(tmp_path)


def test_silence_numbers_that_are_none_and_impossible_rates_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(9000), 16_000)
    with pytest.raises(BadData, match="yields 0 windows"):
        own(tmp_path)
    with pytest.raises(BadData, match="samples a second"):
        own(tmp_path, sample_rate=3)
    soundfile.write(tmp_path / "a.wav", np.full(9000, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(ValueError, match="not finite"):
        read(tmp_path / "a.wav", 16_000)


def test_no_recording_is_both_trained_on_and_held_out() -> None:
    data = spoken()
    trained = {window.numpy().tobytes() for window in data.fields["wave"]}
    assert data.reference_held_out and not any(window.numpy().tobytes() in trained for window in data.reference["wave"])


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000])
def test_a_spectrum_leads_back_to_its_wave_and_a_tone_to_its_band(rate: int) -> None:
    bands = Bands(rate)
    wave = torch.from_numpy(tone(1000, rate, 1)).float()[None, : 16 * bands.hop]
    edge = (bands.window - bands.hop) // 2
    assert torch.allclose(bands.wave(bands.spectrum(wave))[:, edge:-edge], wave, atol=1e-4)
    mel = bands.log_mel(wave)
    assert mel.shape == (1, bands.count, 16)
    loudest = int(mel.mean(2).argmax())
    near = round(1000 / (rate / 2) * (bands.window // 2))
    assert filters(bands)[loudest, near] > 0
    assert (filters(bands).sum(1) > 0).all()


def test_generators_have_the_published_numbers_of_parameters() -> None:
    def millions(network: torch.nn.Module) -> float:
        return sum(p.numel() for p in network.parameters()) / 1e6

    with torch.device("meta"):
        assert millions(wavegan.Generator(16_384, 100, 64)) == pytest.approx(19.1, rel=0.02)
        for width, variant, published in ((32, 1, 13.92), (8, 1, 0.92), (32, 3, 1.46)):
            assert millions(hifi_gan.Generator(80, 256, width, variant)) == pytest.approx(published, rel=0.02)


def test_the_phase_shuffle_moves_each_sample_by_two_places_at_most() -> None:
    torch.manual_seed(0)
    x = torch.arange(40.0).repeat(64, 3, 1)
    moved = wavegan.PhaseShuffle()(x)
    shifts = (moved - x)[:, :, 5:-5]
    assert set(shifts.unique().tolist()) == {-2, -1, 0, 1, 2}
    assert torch.equal(shifts, shifts[:, :1, :1].expand_as(shifts))
    with pytest.raises(ValueError, match="power of four"):
        wavegan.fourfolds(1000 * 3 + 1)


def test_real_sounds_cover_held_out_ones_and_coloured_noise_none(tmp_path: Path) -> None:
    data = spoken()
    metric = SoundCoverage(data, 200, CPU)
    noise = tiny.game(tiny.recipe("shaped-noise"))
    noise.begin()
    found = metric([tiny.pictures(noise, 200)])
    assert metric.floor is not None and metric.floor > 0.3 and found.value < 0.05
    colour = (
        torch.fft.rfft(tiny.pictures(noise, 200)[:, 0]).abs().square().mean(0),
        torch.fft.rfft(data.fields["wave"][:, 0]).abs(),
    )
    assert torch.corrcoef(torch.stack((colour[0], colour[1].square().mean(0))))[0, 1] > 0.9
    data.picture(data.fields["wave"], tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").width == 820


def test_the_mel_distance_is_nothing_for_the_recording_and_griffin_lim_comes_near_it() -> None:
    data = spoken(VOCODER)
    metric = MelDistance(data, 60, CPU)
    assert metric([data.reference["wave"][:40], data.reference["wave"][40:60]]).value == 0
    known = metric([tiny.pictures(tiny.game(tiny.recipe("griffin-lim")), 60)])
    other = metric([data.fields["wave"][:60]])
    assert known.value < 0.2 * other.value
    assert known.low < known.value < known.high and known.beside["log_stft_l1"] < other.beside["log_stft_l1"]


def test_hifi_gan_learns_to_follow_the_mel_bands() -> None:
    rates = {"lr_g": 3e-3, "lr_d": 1e-3, "beta1": 0.8, "beta2": 0.99, "ema_half_life_kimg": 0.02}
    game = tiny.game(tiny.recipe("hifi-gan", batch_size=4, width=4, **rates))
    metric = MelDistance(game.dataset, 60, CPU)
    before = metric([tiny.pictures(game, 60)]).value
    tiny.moved(game, 20)
    assert metric([tiny.pictures(game, 60)]).value < 0.75 * before


def test_wavegan_comes_nearer_to_four_sounds() -> None:
    rates = {"lr_g": 1e-3, "lr_d": 1e-3, "beta1": 0.5, "beta2": 0.9, "gradient_penalty": 10.0, "ema_half_life_kimg": 0.2}
    game = tiny.game(tiny.recipe("wavegan", **rates))
    four = dataclasses.replace(game.dataset, fields={"wave": game.dataset.fields["wave"][:4]})
    game = tiny.game(tiny.recipe("wavegan", **rates), four)
    metric = SoundCoverage(spoken(), 100, CPU)
    real = metric.features(four.fields["wave"])

    def distance() -> float:
        return float(metric.between(real, metric.features(tiny.pictures(game, 32))).min(1).mean())

    before = distance()
    tiny.moved(game, 150)
    assert distance() < 0.85 * before
