"""Folders of recordings: rates, channels, lengths. Wave files alone, since those need no decoder."""

from __future__ import annotations

import wave
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from app.fingerprint.facts import MOST_BROKEN, Progress, Refused, fault, file_digest, spread, tree_digest
from app.vocabulary import Data, DataType, Fingerprint, Labels, Task

SUFFIXES = frozenset({".wav", ".wave"})


def read(folder: Path, files: Sequence[Path], progress: Progress) -> Fingerprint:
    """Raises Refused where more than a tenth of the files is broken, or nothing is left."""
    heads, broken = list[tuple[Path, int, int, int, int]](), list[str]()
    for number, path in enumerate(files, start=1):
        try:
            with wave.open(str(path), "rb") as sound:
                if not sound.getnframes():
                    raise EOFError("it is empty")
                heads.append((path, sound.getnframes(), sound.getframerate(), sound.getnchannels(), 8 * sound.getsampwidth()))
        except (wave.Error, EOFError, OSError) as error:
            broken.append(f"{path.relative_to(folder)}: {str(error)[:80]}")
        progress(number, len(files))
    if not heads or len(broken) > max(1, MOST_BROKEN * len(files)):
        raise Refused(f"{len(broken)} of {len(files)} recordings cannot be read, such as {'; '.join(broken[:3])}", "broken")
    digests = [(head[0], file_digest(head[0])) for head in heads]
    lengths = [head[1] for head in heads]
    rates, channels = Counter(str(head[2]) for head in heads), Counter(head[3] for head in heads)
    faults = [fault("broken", len(broken), "a file cannot be read as a recording", broken)] if broken else []
    if doubled := len(digests) - len({digest for _, digest in digests}):
        faults.append(fault("duplicate", doubled, "a file is the copy of another, byte for byte"))
    if len(rates) > 1:
        faults.append(fault("rates", len(rates), f"recordings have several sampling rates: {', '.join(sorted(rates))} Hz"))
    if len(channels) > 1:
        faults.append(fault("channels", len(channels), "recordings have different numbers of channels"))
    data = Data(
        type=DataType.AUDIO,
        samples=len(heads),
        length=sorted(lengths)[len(lengths) // 2],
        channels=channels.most_common(1)[0][0],
        labels=Labels.NONE,
    )
    return Fingerprint(
        type=DataType.AUDIO,
        samples=len(heads),
        bytes=sum(path.stat().st_size for path in files),
        sha256=tree_digest(folder, digests),
        length=spread(lengths),
        seconds=spread([round(head[1] / head[2], 3) for head in heads]),
        rates=dict(rates),
        bit_depths=dict(Counter(str(head[4]) for head in heads)),
        formats=dict(Counter(path.suffix.lower() for path in files)),
        faults=tuple(faults),
        task=Task(data=data),
    )
