"""The advisor of the shipped knowledge, fitted once and kept beside it: a command that only asks starts in half a second.

Kept as Python keeps its bytecode, in `__pycache__` of the folder it was made from and as trusted as that, under a name that
digests all it follows from: the knowledge files, the code that fits, and the versions that fitted. Where the folder cannot be
written, every start fits anew.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import pickle
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from app.knowledge.files import SHIPPED, digest
from app.knowledge.load import load, networks
from app.knowledge.record import FILE as RECORD
from app.recommend import Advisor, fit
from app.recommend.advisor import under
from app.settings import settings

_KEPT = SHIPPED / "__pycache__"
_CODE = SHIPPED.parent


def advisor(policy: Sequence[Path] = ()) -> Advisor:
    """Under the policies of the settings and of these files, each proved. Raises KnowledgeError and PolicyError."""
    found = shipped()
    if not policy and settings().policies is None:
        return found
    from app import policies

    return policies.prove(under(found, policies.in_force(found.knowledge, policy)), policy)


def shipped(folder: Path = _KEPT) -> Advisor:
    """As fitted before on the same files by the same code, or fitted now and kept."""
    kept = folder / f"fitted.{sys.implementation.cache_tag}.{_key()}.pickle"
    with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError, ValueError):
        return _read(kept)
    made = fit(load())
    with contextlib.suppress(OSError):
        _write(kept, made)
    return made


def _read(path: Path) -> Advisor:
    gc.disable()  # a hundred thousand objects come to stay; looking for cycles among them takes as long as reading them
    try:
        with path.open("rb") as kept:
            found = pickle.load(kept)  # noqa: S301 - written by this program, beside its own code
        if not isinstance(found, Advisor):
            raise pickle.UnpicklingError(f"{path} holds no advisor")
        return found
    finally:
        gc.enable()


def _write(path: Path, made: Advisor) -> None:
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_bytes(pickle.dumps(made, protocol=pickle.HIGHEST_PROTOCOL))
    partial.replace(path)
    for old in path.parent.glob(f"fitted.{sys.implementation.cache_tag}.*"):
        if old != path:
            old.unlink(missing_ok=True)


def _key() -> str:
    total = hashlib.sha256(f"{digest(SHIPPED)} {sorted(networks())} {sys.version}".encode())
    total.update(" ".join(version(name) for name in ("numpy", "scipy", "pydantic")).encode())
    record = SHIPPED / RECORD
    sources = [
        *sorted((_CODE / "vocabulary").glob("*.py")),
        *sorted((_CODE / "recommend").rglob("*.py")),
        *sorted((_CODE / "knowledge").glob("*.py")),
    ]
    for path in (*([record] if record.is_file() else []), *sources):
        total.update(path.read_bytes())
    return total.hexdigest()[:32]
