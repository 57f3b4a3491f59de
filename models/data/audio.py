"""Sound as windows of equal length: of the user's files, or of the spoken characters that a package ships."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile
import torch
from PIL import Image, ImageDraw
from scipy.signal import resample_poly
from torch import Tensor

from models.contract import Recipe
from models.data import known, path_of
from models.data.dataset import BadData, Dataset
from models.data.grid import keep
from models.data.own import files
from models.waves import Bands

SUFFIXES = (".wav", ".flac", ".ogg")
RATE = 16_000
"""Samples a second of the user's files where `options.sample_rate` does not say; others are converted."""
LENGTH = 16_384
MOST_LENGTH = 262_144
MOST_WINDOWS = 20_000
MOST_BYTES = 2_000_000_000
MOST_BROKEN = 0.1
OVERLAP = 16
"""A window begins every sixteenth of its length: few recordings must yield enough of them."""
HELD_OUT = 4
"""Every fourth recording is held out, with all of its windows, as long as there are twice as many."""
SILENCE = 0.05
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Sounds(Dataset):
    """`wave`: N x 1 x L in -1..1; for a vocoder also `mel`: N x bands x frames, natural logarithm."""

    kind: ClassVar[str] = "audio"
    output: ClassVar[str] = "wave"
    bands: Bands

    def picture(self, samples: Tensor, path: Path) -> None:
        """Each sound as its wave and, beside it, its mel bands over time, high ones above."""
        rows = min(len(samples), SHOWN)
        page = Image.new("RGB", (820, 84 * rows), "white")
        draw = ImageDraw.Draw(page)
        for i, wave in enumerate(samples[:rows, 0].float().cpu()):
            chunks = wave[: len(wave) // 400 * 400].view(400, -1) if len(wave) >= 400 else wave[:, None]
            for x, (low, high) in enumerate(zip(chunks.amin(1).tolist(), chunks.amax(1).tolist(), strict=True)):
                draw.line((x + 4, 84 * i + 42 - 38 * high, x + 4, 84 * i + 42 - 38 * low), fill=(40, 80, 140))
            mel = ((self.bands.log_mel(wave[None])[0] + 11.5) / 13).clamp(0, 1).flip(0)
            page.paste(Image.fromarray((mel * 255).to(torch.uint8).numpy()).resize((400, 76)), (412, 84 * i + 4))
        keep(page, path)


def load(recipe: Recipe) -> Sounds:
    """Raises BadData for an unknown slug, files that are no sound, or too little of it."""
    rate, length = int(recipe.options.get("sample_rate", RATE)), recipe.length or LENGTH
    path, skipped = path_of(recipe.dataset), list[str]()
    if path is not None:
        found = files(path, SUFFIXES, MOST_BYTES)
        root = path if path.is_dir() else path.parent
    elif recipe.dataset == "spoken-characters":
        root, rate, length = _package("captcha") / "data", 8000, recipe.length or 2048
        found = files(root, SUFFIXES, MOST_BYTES)
    else:
        raise BadData(
            f"data set {recipe.dataset!r} is not known; known are {', '.join(known())}, and folder:PATH of wav, flac or ogg"
        )
    bands = Bands(rate)
    if not 4000 <= rate <= 96_000 or length > MOST_LENGTH or length % bands.hop or length < 2 * bands.window:
        raise BadData(
            f"{rate} samples a second, {length} in a window: wanted are 4,000 to 96,000, and a multiple of {bands.hop} of at least "
            f"{2 * bands.window} and at most {MOST_LENGTH}"
        )
    waves, digest = list[np.ndarray](), hashlib.sha256()
    for one in found:
        try:
            waves.append(read(one, rate))
        except (OSError, ValueError, soundfile.LibsndfileError) as error:
            skipped.append(f"{one.relative_to(root)}: {str(error)[:100]}")
            if len(skipped) > max(1, MOST_BROKEN * len(found)):
                raise BadData(f"too many of {len(found)} files are broken, such as {'; '.join(skipped[:3])}") from error
            continue
        digest.update(waves[-1].tobytes())
    held = len(waves) >= 2 * HELD_OUT
    sets = [windows([w for i, w in enumerate(waves) if (held and i % HELD_OUT == 0) is part], length) for part in (False, True)]
    if len(sets[0]) < 2:
        raise BadData(
            f"{recipe.dataset} yields {len(sets[0])} windows of {length} samples; two are the least that can be trained on"
        )
    made = [_fields(one, recipe, bands) for one in (sets[0][: recipe.samples], sets[1])]
    return Sounds(
        slug=recipe.dataset,
        sha256=digest.hexdigest(),
        fields=made[0],
        streams=(tuple(made[0]),),
        reference=made[1] if held else made[0],
        reference_held_out=held,
        conditions=("mel",) if "mel" in made[0] else (),
        skipped=tuple(skipped),
        bands=bands,
    )


def read(path: Path, rate: int) -> np.ndarray:
    """One channel (the mean of all) at this rate, its peak at 0.95. Raises soundfile.LibsndfileError for what is no sound, ValueError
    for an empty one, or numbers that are not finite."""
    wave, own = soundfile.read(path, dtype="float32", always_2d=True)
    mono = wave.mean(1)
    if not len(mono) or not np.isfinite(mono).all():
        raise ValueError("holds no samples, or some that are not finite")
    if own != rate:
        common = gcd(own, rate)
        mono = resample_poly(mono, rate // common, own // common)
    loudest = max(float(np.abs(mono).max()), 1e-9)
    return np.asarray(0.95 * mono / loudest, np.float32)


def windows(waves: list[np.ndarray], length: int) -> Tensor:
    """N x 1 x length in a fixed shuffled order; a shorter recording is followed by silence, silent windows are left out."""
    cut = list[np.ndarray]()
    for wave in waves:
        whole = np.pad(wave, (0, max(0, length - len(wave))))
        cut += [whole[at : at + length] for at in range(0, len(whole) - length + 1, length // OVERLAP)]
    loud = [window for window in cut if np.abs(window).max() > SILENCE]
    order = np.random.default_rng(0).permutation(len(loud))[:MOST_WINDOWS]
    return torch.from_numpy(np.stack([loud[i] for i in order]))[:, None] if loud else torch.empty(0, 1, length)


def _fields(wave: Tensor, recipe: Recipe, bands: Bands) -> dict[str, Tensor]:
    if recipe.task != "audio-vocoder" or not len(wave):
        return {"wave": wave}
    return {"wave": wave, "mel": torch.cat([bands.log_mel(part[:, 0]) for part in torch.split(wave, 256)])}


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise BadData(f"the package {name} that holds this data set is not installed")
    return Path(spec.origin).parent
