"""What the readers share: limits, the digest of files, the summary of numbers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from app.errors import FieldProblem, Unprocessable
from app.vocabulary import Fault, Spread

MOST_FILES = 1_000_000
MOST_BROKEN = 0.1
"""Above this share of unreadable files a folder is refused."""
EXAMPLES = 3

Progress = Callable[[int, int], None]
"""Called with files or bytes done, and their total."""


class Refused(Unprocessable):
    """What is at the path cannot be a data set; the detail says why and what could."""

    code, title = "bad_data", "This cannot be used as a data set"

    def __init__(self, detail: str, code: str = "bad_data") -> None:
        super().__init__(detail, [FieldProblem(pointer="#/path", code=code, detail=detail)])


def quiet(done: int, total: int) -> None:
    """Progress that nobody watches."""


def files_under(folder: Path) -> list[Path]:
    """Plain files in a fixed order, without hidden ones and links that lead out of the folder. Raises Refused above the limit."""
    root, found, left = folder.resolve(), list[Path](), [folder]
    while left:
        with suppress(PermissionError), os.scandir(left.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.name.startswith((".", "__MACOSX")):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    left.append(path)
                elif path.is_file() and (not entry.is_symlink() or path.resolve().is_relative_to(root)):
                    found.append(path)
                    if len(found) > MOST_FILES:
                        raise Refused(f"more than {MOST_FILES:,} files in one folder", "too_many")
    return sorted(found)


def file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def spread(values: Sequence[float]) -> Spread | None:
    """Least, middle and most; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return Spread(low=ordered[0], median=ordered[len(ordered) // 2], high=ordered[-1])


def fault(code: str, count: int, text: str, examples: Iterable[str] = ()) -> Fault:
    return Fault(code=code, count=count, text=text, examples=tuple(examples)[:EXAMPLES])


def tree_digest(folder: Path, digests: list[tuple[Path, bytes]]) -> str:
    """One digest for the names and contents of files."""
    whole = hashlib.sha256()
    for path, digest in digests:
        whole.update(f"{path.relative_to(folder)}\0".encode() + digest)
    return whole.hexdigest()
