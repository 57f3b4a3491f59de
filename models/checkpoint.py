"""Checkpoints that survive a kill at any instant: tensors under a name of their own, then the JSON that names them, by rename.

Until the new JSON is in place the old pair is whole; tensors that no JSON names are swept at the next save. Never pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.contract import CHECKPOINT, CHECKPOINT_STATE

_STEM = CHECKPOINT.removesuffix(".safetensors")


class Damaged(Exception):
    """There is a checkpoint, but it cannot be read."""


def save_checkpoint(run_dir: Path, tensors: bytes, state: Mapping[str, Any]) -> None:
    """Replaces the checkpoint of a run; on disk when it returns."""
    digest = hashlib.sha256(tensors).hexdigest()
    name = f"{_STEM}-{digest[:16]}.safetensors"
    write(run_dir / name, tensors)
    write(run_dir / CHECKPOINT_STATE, json.dumps({**state, "tensors": name, "tensors_sha256": digest}).encode())
    for old in run_dir.glob(f"{_STEM}-*.safetensors"):
        if old.name != name:
            old.unlink()


def load_checkpoint(run_dir: Path) -> tuple[bytes, dict[str, Any]] | None:
    """Tensors and state of the last whole checkpoint, None when there is none. Raises Damaged."""
    path = run_dir / CHECKPOINT_STATE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = json.loads(path.read_text())
        body = (run_dir / state["tensors"]).read_bytes()
        if hashlib.sha256(body).hexdigest() != state["tensors_sha256"]:
            raise Damaged(f"{state['tensors']} is not the file that {CHECKPOINT_STATE} names")
        return body, state
    except (OSError, ValueError, KeyError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error


def write(path: Path, body: bytes) -> None:
    """Replaces a file whole: written aside, flushed to the disk, renamed. Raises OSError, and leaves nothing aside, where there is no
    room."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
