"""One path in, one fingerprint out: which reader, then the task that follows."""

from __future__ import annotations

import tempfile
from pathlib import Path

from app.fingerprint import arrays, audio, images, lines, table
from app.fingerprint.facts import Progress, Refused, file_digest, files_under, quiet
from app.fingerprint.unpack import unpack
from app.vocabulary import Fingerprint

FILES = {".csv": table.read, ".tsv": table.read, ".npz": arrays.read, ".npy": arrays.read, ".txt": lines.read, ".smi": lines.read}
FOLDERS = ((images.SUFFIXES, images.read), (audio.SUFFIXES, audio.read))
"""What a folder may hold; the kind most of its files are of is read."""


def fingerprint(path: Path, progress: Progress = quiet) -> Fingerprint:
    """The fingerprint of a folder, a zip of one, or a file (csv, tsv, npz, npy, txt, smi). Raises Refused with the reason."""
    if not path.exists():
        raise Refused(f"there is nothing at {path.name}", "not_found")
    if path.is_dir():
        return _folder(path, progress)
    if path.suffix.lower() == ".zip":
        with tempfile.TemporaryDirectory(prefix="gan-advisor-") as folder:
            return _folder(unpack(path, Path(folder), progress), progress).model_copy(update={"sha256": file_digest(path).hex()})
    reader = FILES.get(path.suffix.lower())
    if reader is None:
        raise Refused(
            f"{path.name} is of no kind that is read; these are: a folder, zip, {', '.join(sorted(FILES))}", "wrong_type"
        )
    return reader(path, progress)


def _folder(folder: Path, progress: Progress) -> Fingerprint:
    files = files_under(folder)
    if not files:
        raise Refused(f"{folder.name or 'the folder'} holds no file", "empty")
    of_kind = [[file for file in files if file.suffix.lower() in suffixes] for suffixes, _ in FOLDERS]
    most = max(range(len(FOLDERS)), key=lambda kind: len(of_kind[kind]))
    if of_kind[most]:
        return FOLDERS[most][1](folder, of_kind[most], progress)
    readable = [file for file in files if file.suffix.lower() in FILES]
    if len(readable) == 1:
        return FILES[readable[0].suffix.lower()](readable[0], progress)
    if readable:
        raise Refused(
            f"{len(readable)} tables or arrays in one folder, such as {readable[0].name}; name one of them", "ambiguous"
        )
    suffixes = ", ".join(sorted({file.suffix.lower() or "none" for file in files})[:5])
    raise Refused(f"no image, recording, table or array among {len(files)} files (endings: {suffixes})", "wrong_type")
