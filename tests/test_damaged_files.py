"""Damaged, hostile and far too large files: refused in one line, before a library reads or memory is taken."""

import gzip
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py  # pyright: ignore[reportMissingTypeStubs]
import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import FluorobenchError
from bench.protocol import ProtocolError, read_protocol
from bench.text import read_text
from bench.volume.hdf5 import open_hdf5
from bench.volume.read import read_volume
from bench.xray.read import read_xray

_sitk: Any = SimpleITK
_h5py: Any = h5py
_nib: Any = nibabel
HU = np.random.default_rng(0).normal(0, 300, (9, 11, 13)).astype(np.int16)
META = "ObjectType = Image\nNDims = 3\nDimSize = 13 11 9\nElementType = MET_SHORT\nElementSpacing = 1 1 1\n" + (
    "Offset = 0 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
)
NRRD = "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 13 11 9\n" + (
    "space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nendian: little\n"
)


def refusal(path: Path) -> str:
    with pytest.raises(FluorobenchError) as caught:
        read_volume(path)
    assert str(caught.value).isprintable()
    return str(caught.value)


def same(path: Path) -> bool:
    hu = read_volume(path).hu.transpose(2, 1, 0)
    return hu.shape == HU.shape and np.array_equal(hu, HU)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    for name in ("ct.mha", "ct.nrrd", "ct.nii.gz", "ct.mhd", "ct.nhdr"):
        _sitk.WriteImage(_sitk.GetImageFromArray(HU), str(folder / name), True)
    halves = gzip.compress(HU.tobytes()[:500]) + gzip.compress(HU.tobytes()[500:])
    (folder / "two.nrrd").write_bytes((NRRD + "encoding: gzip\n\n").encode() + halves)
    (folder / "text.nrrd").write_text(NRRD + "encoding: text\n\n" + " ".join(map(str, HU.ravel())))
    (folder / "skip.nrrd").write_bytes((NRRD + "encoding: raw\nbyte skip: 4\n\n").encode() + b"head" + HU.tobytes())
    return folder


FORMATS = ("ct.mha", "ct.nrrd", "ct.nii.gz", "ct.mhd", "ct.nhdr", "text.nrrd", "skip.nrrd")


@pytest.mark.parametrize("name", FORMATS)
def test_sound_files_are_read(name: str, whole: Path) -> None:
    assert same(whole / name)


@pytest.mark.parametrize("name", ["ct.mha", "ct.nrrd", "ct.nii.gz", "two.nrrd"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_bit_of_compressed_numbers_is_noticed(
    name: str, whole: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray((whole / name).read_bytes())
    # Beyond the headers, whose every bit is not sealed: a name in a comment may change.
    place = data.draw(st.integers(min_value=0 if name.endswith(".gz") else 400, max_value=len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / name).write_bytes(content)
    with suppress(FluorobenchError):
        assert same(tmp_path / name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_short_is_refused(name: str, whole: Path, tmp_path: Path) -> None:
    for beside in whole.iterdir():
        (tmp_path / beside.name).write_bytes(beside.read_bytes())
    cut = {"ct.mhd": "ct.zraw", "ct.nhdr": "ct.raw.gz"}.get(name, name)
    content = (tmp_path / cut).read_bytes()
    (tmp_path / cut).write_bytes(content[: int(len(content) * 0.8)])
    assert "cut short" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (META + "ElementDataFile = slices%03d.raw\n", "several files"),
        (META + "ElementDataFile = %s%s%s%n\n", "several files"),
        (META + "ElementDataFile = LIST\na.raw\n", "several files"),
        (META + "ElementDataFile = ../secret.raw\n", "own folder"),
        (META + "ElementDataFile = /dev/zero\n", "own folder"),
        (META + "ElementDataFile = pipe\n", "no file beside it"),
        (META + "ElementDataFile = \x1b[2J\n", "no text"),
        (META.replace("NDims = 3", "NDims = 100") + "ElementDataFile = LOCAL\n", "NDims"),
        (META.replace("13 11 9", "13 -11 9") + "ElementDataFile = LOCAL\n", "at least 1 voxel"),
        (META.replace("13 11 9", "99999 99999 99999") + "ElementDataFile = LOCAL\n", "promises"),
        (META.replace("13 11 9", "9" * 400) + "ElementDataFile = LOCAL\n", "whole numbers"),
        (META.replace("MET_SHORT", "MET_OTHER") + "ElementDataFile = LOCAL\n", "ElementType"),
        (META, "names no ElementDataFile"),
    ],
)
def test_headers_of_metaimages(header: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "ct.mhd"
    path.write_text(header)
    assert word in refusal(path)


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (NRRD + "encoding: raw\n" + "\x01" * 4000, "no text"),
        (NRRD + "encoding: raw\n" + "#" * 4000, "no empty line"),
        (NRRD + "encoding: raw\ndata file: ../secret.raw\n\n", "own folder"),
        (NRRD + "encoding: raw\ndata file: slice%03d.raw 1 9 1\n\n", "several files"),
        (NRRD + "encoding: raw\ndata file: LIST\na.raw\n", "several files"),
        (NRRD.replace("dimension: 3", "dimension: 900") + "encoding: raw\n\n", "as many sizes"),
        (NRRD.replace("13 11 9", "13 11 999999999") + "encoding: raw\n\n", "promises"),
        (NRRD.replace("short", "block") + "encoding: raw\n\n", "type"),
        (NRRD + "encoding: bzip2\n\n", "encoding"),
        (NRRD + "encoding: zrl\n\n", "encoding"),
        (NRRD + "encoding: raw\nbyte skip: many\n\n", "byte skip"),
        ("NRRDXXXX\n", "not an NRRD file"),
        # Fields behind numbers: the library dies of it.
        ("NRRD0004\n" + "\x18\x02" * 900 + NRRD[8:] + "encoding: raw\n\n", "no text"),
        (NRRD + "encoding: raw\nwhat is this\n\n", "line 10 of its header"),
    ],
)
def test_headers_of_nrrd_files(header: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "ct.nrrd"
    path.write_text(header)
    assert word in refusal(path)


@pytest.mark.parametrize("suffix", ["vtk", "gipl", "h5", "mnc"])
def test_other_formats_are_tried_by_another_process(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"ct.{suffix}"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    assert "ct." in refusal(path)


def picture(path: Path, content: bytes, *, size: tuple[int, int] = (30, 20)) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_pictures(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    path = tmp_path / "ap.png"
    picture(path, packed)
    assert np.array_equal(read_xray(path, flip="none", bright="air").intensities, rows)
    sound = path.read_bytes()
    for place in range(45, len(sound), 37):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 4]) + sound[place + 1 :])
        with pytest.raises(FluorobenchError, match=r"damaged|cut short"):
            read_xray(path, flip="none", bright="air")
    picture(path, packed, size=(30000, 30000))
    with pytest.raises(FluorobenchError, match="30000 x 30000"):
        read_xray(path, flip="none", bright="air")


def test_a_small_gzip_file_of_a_huge_volume(tmp_path: Path) -> None:
    header = _nib.Nifti1Header()
    header.set_data_shape((2000, 2000, 400))
    header.set_data_dtype(np.int16)
    header["magic"], header["vox_offset"] = b"n+1", 352
    with gzip.open(tmp_path / "ct.nii.gz", "wb") as file:
        file.write(header.binaryblock + bytes(4))
    assert "2000 x 2000 x 400" in refusal(tmp_path / "ct.nii.gz")


def test_a_gzip_file_that_unpacks_to_more_than_it_states(tmp_path: Path, whole: Path) -> None:
    content = gzip.decompress((whole / "ct.nii.gz").read_bytes()) + bytes(64 << 20)
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(content, 1))
    assert "holds more than" in refusal(tmp_path / "ct.nii.gz")


def test_hdf5_files_that_promise_too_much_or_lead_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(bytes(800))
    with _h5py.File(tmp_path / "other.h5", "w") as other:
        other["ct"] = np.zeros(3)
    with _h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("sparse", shape=(20000, 20000, 20000), dtype="f4", chunks=(64, 64, 64))
        file.create_dataset("outside", shape=(100,), dtype="f8", external=[(str(tmp_path / "raw"), 0, 800)])
        file["link"] = _h5py.ExternalLink(str(tmp_path / "other.h5"), "ct")
    with open_hdf5(str(tmp_path / "a.h5")) as group:
        for name, word in (("sparse", "promises"), ("outside", "another file"), ("link", "another file")):
            with pytest.raises(FluorobenchError, match=word):
                group.array(name, (None,) * (3 if name == "sparse" else 1))


def test_numbers_of_a_protocol_have_bounds() -> None:
    for table in ({"camera": {"height": 1_000_000}}, {"start": {"per_patient": 10**9}}, {"data": {"patients": 10**9}}):
        with pytest.raises(ProtocolError, match="less than or equal"):
            read_protocol("sopi-sim", "smoke", table)


def test_devices_are_no_files() -> None:
    with pytest.raises(FluorobenchError, match="device or pipe"):
        read_volume("/dev/zero")
    with pytest.raises(FluorobenchError, match="device or pipe"):
        read_text(Path("/dev/zero"))


def test_numbers_that_are_no_hounsfield_units(tmp_path: Path) -> None:
    wild = HU.astype(np.float32)
    wild[3, 4, 5] = 1e30
    _sitk.WriteImage(_sitk.GetImageFromArray(wild), str(tmp_path / "ct.nrrd"))
    assert "1e+30" in refusal(tmp_path / "ct.nrrd")


@pytest.mark.parametrize("big", [False, True])
def test_tags_of_a_tiff_that_promise_more_than_the_file(big: bool, tmp_path: Path) -> None:
    path = tmp_path / "ap.tif"
    rows = np.arange(600, dtype=np.uint16).reshape(20, 30)
    tifffile.imwrite(path, rows, bigtiff=big, extratags=[(65000, 4, 40, tuple(range(40)), True)])
    assert np.array_equal(read_xray(path, flip="none", bright="air").intensities, rows)
    content = path.read_bytes()
    form = "<HHQ" if big else "<HHI"
    tag = content.index(struct.pack(form, 65000, 4, 40))
    path.write_bytes(content[:tag] + struct.pack(form, 65000, 4, 2**31) + content[tag + struct.calcsize(form) :])
    with pytest.raises(FluorobenchError, match="more than the file can hold"):
        read_xray(path, flip="none", bright="air")
