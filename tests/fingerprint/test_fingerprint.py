"""What a data set is and which task it implies; and which files are refused, with what reason."""

from __future__ import annotations

import struct
import sys
import tracemalloc
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from app.fingerprint import Refused, fingerprint, unpack
from app.vocabulary import DataType, Fingerprint, Labels, Pairing

RANDOM = np.random.default_rng(0)


def picture(path: Path, side: int = 40, bands: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (side, side, 3) if bands == 3 else (side, side)
    Image.fromarray(RANDOM.integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def codes(found: Fingerprint) -> dict[str, int]:
    return {fault.code: fault.count for fault in found.faults}


def refused(path: Path) -> Refused:
    with pytest.raises(Refused) as caught:
        fingerprint(path)
    assert str(path.parent) not in caught.value.detail, "a refusal names no path of the machine"
    return caught.value


# ------------------------------------------------------------------ pictures


def test_folders_inside_are_classes_and_faults_are_counted(tmp_path: Path) -> None:
    for name, count in (("cats", 12), ("dogs", 1)):
        for i in range(count):
            picture(tmp_path / name / f"{i}.png")
    (tmp_path / "cats" / "copy.png").write_bytes((tmp_path / "cats" / "0.png").read_bytes())
    (tmp_path / "cats" / "broken.jpg").write_bytes(b"GIF89a is not enough")
    found = fingerprint(tmp_path)
    assert {c.name: c.samples for c in found.classes} == {"cats": 13, "dogs": 1}
    assert codes(found) == {"broken": 1, "duplicate": 1, "imbalance": 1}
    data = found.task.data
    assert (data.type, data.samples, data.classes, data.labels) == (DataType.IMAGE, 14, 2, Labels.CLASS)
    assert (data.resolution, data.channels) == (32, 3)


def test_the_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    picture(tmp_path / "a" / "x.png")
    first = fingerprint(tmp_path / "a").sha256
    (tmp_path / "a").rename(tmp_path / "b")
    assert fingerprint(tmp_path / "b").sha256 == first
    (tmp_path / "b" / "x.png").rename(tmp_path / "b" / "y.png")
    assert fingerprint(tmp_path / "b").sha256 != first


def test_a_slightly_changed_picture_is_near_another_and_noise_is_not(tmp_path: Path) -> None:
    smooth = np.add.outer(np.linspace(0, 120, 64) ** 1.1, 60 * np.sin(np.linspace(0, 9, 64))).clip(0, 255).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "one.png")
    Image.fromarray((smooth * 0.97).astype(np.uint8)).save(tmp_path / "two.jpg", quality=80)
    for i in range(5):
        picture(tmp_path / f"noise{i}.png", 64, 1)
    assert codes(fingerprint(tmp_path)).get("near_duplicate") == 1


def test_equal_names_in_two_folders_are_pairs_and_a_missing_partner_is_told(tmp_path: Path) -> None:
    for side in "AB":
        for i in range(20):
            picture(tmp_path / side / f"{i}.png", 32, 1)
    picture(tmp_path / "A" / "alone.png", 32, 1)
    picture(tmp_path / "B" / "3.png", 48, 1)
    found = fingerprint(tmp_path)
    assert found.task.data.pairing is Pairing.PAIRED
    assert found.task.data.channels == 1
    assert codes(found) == {"pair_sizes": 1, "pair_missing": 1, "sizes": 2}


def test_two_domains_with_other_names_are_unpaired(tmp_path: Path) -> None:
    for i in range(5):
        picture(tmp_path / "trainA" / f"horse{i}.png")
        picture(tmp_path / "trainB" / f"zebra{i}.png")
    assert fingerprint(tmp_path).task.data.pairing is Pairing.UNPAIRED


def test_depth_transparency_and_mixed_colours_are_told(tmp_path: Path) -> None:
    Image.fromarray(RANDOM.integers(0, 65535, (16, 16)).astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(RANDOM.integers(0, 256, (16, 16, 4), dtype=np.uint8)).save(tmp_path / "clear.png")
    found = fingerprint(tmp_path)
    assert codes(found) == {"alpha": 1, "mixed_colour": 1, "bit_depth": 1}
    assert found.bit_depths == {"16": 1, "8": 1}


def test_a_folder_mostly_broken_a_bomb_and_nothing_at_all_are_refused(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / f"{i}.png").write_bytes(b"\x89PNG no more")
    assert refused(tmp_path).errors[0].code == "broken"
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty").errors[0].code == "empty"
    assert refused(tmp_path / "absent").errors[0].code == "not_found"
    bomb = tmp_path / "bomb"
    bomb.mkdir()
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    picture(bomb / "x.png", 8)
    whole = (bomb / "x.png").read_bytes()
    import zlib

    chunk = b"IHDR" + header
    (bomb / "x.png").write_bytes(whole[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + whole[33:])
    assert "pixels" in refused(bomb).detail


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    picture(tmp_path / "outside" / "secret.png")
    picture(tmp_path / "data" / "own.png")
    (tmp_path / "data" / "link.png").symlink_to(tmp_path / "outside" / "secret.png")
    (tmp_path / "data" / "folder").symlink_to(tmp_path / "outside")
    assert fingerprint(tmp_path / "data").samples == 1


# ------------------------------------------------------------------ tables


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_columns_get_their_kind_and_their_gaps(tmp_path: Path) -> None:
    lines = ["id,age,job,pay,note"]
    lines += [f"{i},{20 + i % 30},{'abc'[i % 3]},{'' if i % 10 == 0 else i / 7},word{i} here" for i in range(60)]
    found = fingerprint(table(tmp_path / "t.csv", "\n".join([*lines, lines[1]])))
    assert {c.name: c.kind for c in found.columns} == {
        "id": "numeric", "age": "numeric", "job": "categorical", "pay": "numeric", "note": "text",
    }  # fmt: skip
    assert next(c for c in found.columns if c.name == "pay").missing == 7
    assert codes(found) == {"duplicate": 1, "missing": 1, "identifier": 1}
    assert (found.task.data.type, found.task.data.samples, found.task.data.columns) == (DataType.TABULAR, 61, 5)


def test_time_down_the_first_column_makes_a_series(tmp_path: Path) -> None:
    lines = ["when;x;y", *(f"2024-01-01 {i // 60:02d}:{i % 60:02d};{i / 3};{i * i}" for i in range(120))]
    data = fingerprint(table(tmp_path / "s.csv", "\n".join(lines))).task.data
    assert (data.type, data.columns, data.length, data.samples) == (DataType.TIME_SERIES, 2, 24, 97)


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"a,b\n1,2\n1,2,3\n", "ragged", ":3 has 3 cells"),
        (b"1,2\n3,4\n", "no_header", ":1 holds numbers"),
        (b"a,a\n1,2\n", "duplicate_column", "'a' twice"),
        (b"a,b\n", "empty", "no row"),
        (b"a,b\n\xff\xfe,1\n", "encoding", "not UTF-8"),
        (b"a,b\n\0,1\n", "binary", "NUL"),
        (b'a,b\n"open,1\n', "malformed", "no table"),
        (b",".join(b"c%d" % i for i in range(3000)) + b"\n1\n", "too_many", "3,000 columns"),
    ],
)
def test_a_bad_table_is_refused_with_the_line(tmp_path: Path, content: bytes, code: str, says: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    error = refused(tmp_path / "t.csv")
    assert error.errors[0].code == code
    assert says in error.detail


def test_a_formula_in_a_cell_is_told_and_a_negative_number_is_none(tmp_path: Path) -> None:
    found = fingerprint(table(tmp_path / "t.csv", "a,b\n-1,x\n+2,=cmd()\n3,@sum\n"))
    assert [fault.examples for fault in found.faults if fault.code == "formula"] == [("b",)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_and_never_crash(tmp_path: Path, content: bytes) -> None:
    for name in ("x.csv", "x.npz", "x.npy", "x.txt", "x.smi", "x.zip"):
        (tmp_path / name).write_bytes(content)
        try:
            found = fingerprint(tmp_path / name)
        except Refused as error:
            assert error.detail
        else:
            assert found.samples > 0


# ------------------------------------------------------------------ arrays, sounds, lines


@pytest.mark.parametrize(
    ("shape", "kind", "expected"),
    [
        ((9, 28, 28), "u1", (DataType.IMAGE, 28, 1)),
        ((9, 3, 16, 16), "u1", (DataType.IMAGE, 16, 3)),
        ((9, 24, 5), "f4", (DataType.TIME_SERIES, None, None)),
        ((9, 512, 3), "f4", (DataType.POINT_CLOUD, None, None)),
        ((9, 16, 16, 16), "f4", (DataType.VOXEL, 16, None)),
        ((9, 8, 32, 32, 3), "u1", (DataType.VIDEO, 32, 3)),
    ],
)
def test_an_array_is_told_by_its_shape(tmp_path: Path, shape: tuple[int, ...], kind: str, expected: tuple[object, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, kind))
    data = fingerprint(tmp_path / "a.npy").task.data
    assert (data.type, data.resolution, data.channels) == expected
    assert data.samples == 9


def test_labels_beside_images_count_and_nothing_is_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((6, 8, 8), np.uint8), labels=np.arange(6))
    assert fingerprint(tmp_path / "a.npz").task.data.labels is Labels.CLASS
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert refused(tmp_path / "o.npy").errors[0].code == "pickle"


def test_a_header_that_claims_the_world_costs_nothing(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 4), np.float32))
    whole = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(
        whole.replace(b"(2, 4), }      ", b"(10**99, 4), } ").replace(b"(2, 4)", b"(9999999999999, 4)")
    )
    assert refused(tmp_path / "a.npy").errors[0].code in ("too_large", "malformed")


def test_recordings_give_length_and_rate(tmp_path: Path) -> None:
    for i, rate in enumerate((16_000, 16_000, 8_000)):
        with wave.open(str(tmp_path / f"{i}.wav"), "wb") as sound:
            sound.setparams((1, 2, rate, 0, "NONE", ""))
            sound.writeframes(b"\0\1" * (1000 + i))
    found = fingerprint(tmp_path)
    assert (found.task.data.type, found.task.data.samples, found.task.data.length) == (DataType.AUDIO, 3, 1001)
    assert codes(found) == {"rates": 2}


def test_lines_are_sentences_or_molecules(tmp_path: Path) -> None:
    found = fingerprint(table(tmp_path / "t.txt", "one two\nthree\n\none two\n"))
    assert (found.type, found.samples, found.vocabulary) == (DataType.TEXT, 3, 3)
    found = fingerprint(table(tmp_path / "m.smi", "CCO ethanol\nc1ccccc1\n" * 10 + "ä is no molecule\n"))
    assert (found.type, found.samples, codes(found)) == (DataType.GRAPH, 20, {"duplicate": 18, "broken": 1})


# ------------------------------------------------------------------ archives


def zipped(path: Path, entries: dict[str, bytes], **attributes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = attributes.get("mode", 0o644) << 16
            archive.writestr(info, content)
    return path


def test_a_zip_of_a_folder_is_read_as_the_folder(tmp_path: Path) -> None:
    images = {f"faces/{i}.png": picture(tmp_path / "f" / f"{i}.png").read_bytes() for i in range(3)}
    found = fingerprint(zipped(tmp_path / "f.zip", images))
    assert (found.type, found.samples, found.classes) == (DataType.IMAGE, 3, ())


@pytest.mark.parametrize(
    ("entries", "mode", "code"),
    [
        ({"../out.png": b"x"}, 0o644, "traversal"),
        ({"/etc/out.png": b"x"}, 0o644, "traversal"),
        ({"a\\..\\..\\out.png": b"x"}, 0o644, "traversal"),
        ({"link.png": b"/etc/passwd"}, 0o120777, "link"),
        ({"zeros.csv": bytes(30_000_000)}, 0o644, "bomb"),
        ({"a/" * 33 + "a.png": b"x"}, 0o644, "too_deep"),
        ({f"{i}/a.png": b"x" for i in range(30_000)}, 0o644, "too_many"),
        ({"a.png": b"x", "a.png/b.png": b"x"}, 0o644, "bad_archive"),
    ],
)
def test_a_hostile_archive_is_refused_and_leaves_nothing_outside(
    tmp_path: Path, entries: dict[str, bytes], mode: int, code: str
) -> None:
    archive = zipped(tmp_path / "a.zip", entries, mode=mode)
    with pytest.raises(Refused) as caught:
        unpack(archive, tmp_path / "deep" / "inside")
    assert caught.value.errors[0].code == code
    assert str(tmp_path) not in caught.value.detail, "no place of this machine is told"
    assert len(list((tmp_path / "deep" / "inside").glob("*"))) <= 1, "what can be told from the index is refused before unpacking"
    assert not (tmp_path / "out.png").exists()
    assert not (tmp_path / "deep" / "out.png").exists()


@pytest.mark.parametrize("names", [(), ("empty/",), tuple(f"{i}/" for i in range(100))])
def test_an_archive_without_a_file_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="holds no file"):
        fingerprint(unpack(zipped(tmp_path / "a.zip", dict.fromkeys(names, b"")), tmp_path / "inside"))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_with_any_byte_wrong_is_unpacked_or_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a/b.txt", np.random.default_rng(0).bytes(40) * 3)
    whole, wrong, refused = (tmp_path / "a.zip").read_bytes(), tmp_path / "wrong.zip", 0
    for place in range(0, len(whole), 2):
        wrong.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            unpack(wrong, tmp_path / str(place))
        except Refused:
            refused += 1
    assert refused > len(whole) / 10


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_an_array_with_any_byte_wrong_is_read_or_refused(tmp_path: Path, method: int) -> None:
    np.save(tmp_path / "images.npy", np.zeros((4, 8, 8), np.uint8))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.write(tmp_path / "images.npy", "images.npy")
    whole, wrong, refused = (tmp_path / "a.npz").read_bytes(), tmp_path / "wrong.npz", 0
    for place in range(len(whole)):
        wrong.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            fingerprint(wrong)
        except Refused:
            refused += 1
    assert refused > len(whole) / 10


def test_the_head_of_an_array_is_not_held_at_the_length_that_it_claims(tmp_path: Path) -> None:
    claimed = b"\x93NUMPY\x02\x00" + struct.pack("<I", 100_000_000) + b" " * 100_000_000
    archive = zipped(tmp_path / "a.npz", {"images.npy": claimed})
    tracemalloc.start()
    with pytest.raises(Refused):
        fingerprint(archive)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10_000_000


def test_an_index_of_more_entries_than_are_allowed_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = zipped(tmp_path / "a.zip", dict.fromkeys((f"{i}/" for i in range(2000)), b""))
    unpacking = sys.modules["app.fingerprint.unpack"]  # a function of the same name stands before it
    monkeypatch.setattr(unpacking, "_CHUNK", 1000)
    monkeypatch.setattr(unpacking, "MOST_FILES", 1000)
    monkeypatch.setattr(unpacking, "MOST_FOLDERS", 1000)
    assert unpack(archive, tmp_path / "fits").is_dir()
    monkeypatch.setattr(unpacking, "MOST_FOLDERS", 999)
    with pytest.raises(Refused, match="more than 1,000 files"):
        unpack(archive, tmp_path / "inside")


def test_an_entry_that_lies_about_its_size_is_caught_while_unpacking(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a.txt": b"x" * 5000})
    whole = bytearray(archive.read_bytes())
    whole = whole.replace(struct.pack("<I", 5000), struct.pack("<I", 10))
    archive.write_bytes(bytes(whole))
    with pytest.raises(Refused):
        unpack(archive, tmp_path / "inside", most_bytes=100)
    assert sum(p.stat().st_size for p in (tmp_path / "inside").rglob("*") if p.is_file()) <= 5000
