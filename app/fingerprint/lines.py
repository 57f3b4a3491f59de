"""Files of one sample a line: sentences, or molecules as SMILES."""

from __future__ import annotations

import io
import re
from pathlib import Path

from app.fingerprint.facts import Progress, Refused, fault, file_digest, spread
from app.vocabulary import Data, DataType, Fingerprint, Labels, Task

_SMILES = re.compile(r"[A-Za-z0-9@+\-\[\]()=#$:/\\.%*]+$")
_LONGEST = 1_000_000


def read(path: Path, progress: Progress) -> Fingerprint:
    """Raises Refused for bytes that are no UTF-8, NUL, a line of a million characters, or nothing to read."""
    graph = path.suffix.lower() == ".smi"
    lengths, seen, doubled, odd = list[int](), set[int](), 0, list[str]()
    words = set[str]()
    size = path.stat().st_size
    try:
        with path.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig") as file:
            number = 0
            while line := file.readline(_LONGEST):
                number += 1
                if len(line) == _LONGEST or "\0" in line:
                    raise Refused(f"{path.name}:{number} is no line of text", "binary")
                text = line.strip()
                if not text:
                    continue
                if graph and not _SMILES.match(text := text.split()[0]):
                    odd.append(f"line {number}")
                    continue
                lengths.append(len(text) if graph else len(text.split()))
                words.update(text if graph else text.lower().split() if len(words) < 1_000_000 else ())
                doubled += hash(text) in seen
                seen.add(hash(text))
                if number % 100_000 == 0:
                    progress(raw.tell(), size)
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name} is not UTF-8: {error.reason}", "encoding") from error
    if not lengths or len(odd) > 0.1 * (len(odd) + len(lengths)):
        raise Refused(
            f"{path.name} holds {len(lengths)} usable lines and {len(odd)} others, such as {', '.join(odd[:3])}", "empty"
        )
    faults = [fault("duplicate", doubled, "a line repeats an earlier one")] if doubled else []
    if odd:
        faults.append(fault("broken", len(odd), "a line is no SMILES", odd))
    kind = DataType.GRAPH if graph else DataType.TEXT
    return Fingerprint(
        type=kind,
        samples=len(lengths),
        bytes=size,
        sha256=file_digest(path).hex(),
        length=spread(lengths),
        vocabulary=len(words),
        faults=tuple(faults),
        task=Task(data=Data(type=kind, samples=len(lengths), length=max(1, int(spread(lengths).high)), labels=Labels.NONE)),  # type: ignore[union-attr]
    )
