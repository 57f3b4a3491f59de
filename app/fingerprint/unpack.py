"""Archives from strangers: a zip unpacked inside its folder, within limits, or refused."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from app.fingerprint.facts import MOST_FILES, Progress, Refused, quiet

MOST_BYTES = 50_000_000_000
MOST_RATIO = 200
"""Unpacked over packed bytes: photographs hardly shrink, text shrinks tenfold, a bomb a thousandfold."""
SMALL = 10_000_000
"""The ratio does not matter below this many bytes."""
MOST_FOLDERS, DEEPEST = 30_000, 32
"""Folders in all (ImageNet-21k has one for each class), and within each other: one costs a file system more than a file."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_CHUNK = 1 << 20
_ENTRY = b"PK\1\2"
"""What each entry of the index begins with."""


class Archive(io.FileIO):
    """A zip whose index, which the library reads at once, holds no more entries than may be unpacked, folders and all."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(-1 if size is None else size) or b""
        if len(found) > _CHUNK and found.count(_ENTRY) > MOST_FILES + MOST_FOLDERS:
            raise Refused(f"more than {MOST_FILES:,} files in one archive", "too_many")
        return found


def unpack(archive: Path, into: Path, progress: Progress = quiet, most_bytes: int = MOST_BYTES) -> Path:
    """Unpacks a zip and gives the folder with its files: `into`, or the one inside where there is nothing else.

    Raises Refused for links, paths that lead out, encryption, damage, and more files, folders or bytes than allowed; what an entry
    claims of its size is not believed.
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
        with Archive(archive) as file, zipfile.ZipFile(file) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            _check(entries, archive.stat().st_size, most_bytes)
            written = 0
            for number, entry in enumerate(entries, start=1):
                written += _write(opened, entry, into, most_bytes - written)
                progress(number, len(entries))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error  # which names no place of this machine
        raise Refused(f"{archive.name} cannot be unpacked: {str(why)[:200]}", "bad_archive") from error
    return _inner(into)


def _inner(folder: Path) -> Path:
    """The folder inside, where an archive holds nothing else."""
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
    return _inner(entries[0]) if len(entries) == 1 and entries[0].is_dir() else folder


def _check(entries: list[zipfile.ZipInfo], packed: int, most_bytes: int) -> None:
    claimed = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_FILES:
        raise Refused(f"{len(entries):,} files in one archive; {MOST_FILES:,} are allowed", "too_many")
    if claimed > most_bytes:
        raise Refused(f"the archive unpacks to {claimed:,} bytes; {most_bytes:,} are allowed", "too_large")
    if claimed > SMALL and claimed > MOST_RATIO * packed:
        raise Refused(f"the archive unpacks to {claimed / packed:.0f} times its size; {MOST_RATIO} are allowed", "bomb")
    folders: set[tuple[str, ...]] = {()}
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        _count(path, folders)
        if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
            raise Refused(f"{entry.filename[:100]!r} leads out of the archive", "traversal")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused(f"{entry.filename[:100]!r} is a link", "link")
        if entry.flag_bits & 1:
            raise Refused(f"{entry.filename[:100]!r} is encrypted", "encrypted")
        if entry.compress_type not in METHODS:  # LZMA takes as much memory as the archive says, up to 4 GB
            raise Refused(f"{entry.filename[:100]!r} is packed by method {entry.compress_type}; deflate it", "method")


def _count(path: PurePosixPath, folders: set[tuple[str, ...]]) -> None:
    """Adds the folders above a file to those known. Raises Refused."""
    above = path.parts[:-1]
    if len(above) > DEEPEST:
        raise Refused(f"folders {len(above)} deep in each other; {DEEPEST} are allowed", "too_deep")
    while above not in folders:
        folders.add(above)
        above = above[:-1]
    if len(folders) > MOST_FOLDERS:
        raise Refused(f"more than {MOST_FOLDERS:,} folders in one archive", "too_many")


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, into: Path, left: int) -> int:
    target = into / PurePosixPath(entry.filename.replace("\\", "/"))
    target.parent.mkdir(parents=True, exist_ok=True)
    if min(entry.file_size, left) + _CHUNK > shutil.disk_usage(into).free:
        raise Refused("there is no room on the disk to unpack it", "disk_full")
    with opened.open(entry) as source, target.open("xb") as sink:
        written = 0
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > left:
                raise Refused(f"{entry.filename[:100]!r} unpacks to more than it claims", "bomb")
            sink.write(chunk)
    return written
