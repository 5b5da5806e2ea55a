"""Where MetaImage and NRRD files keep their numbers, and how many: their text headers, read before ITK reads them.

ITK crashes on some damaged headers, and opens whatever path a header names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.text import one_line
from bench.volume.volume import VolumeError

META, NRRD = (".mha", ".mhd"), (".nrrd", ".nhdr")
_HEADER_BYTES = 1 << 16
_BINARY = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_META_BYTES = {"char": 1, "short": 2, "int": 4, "long": 4, "long_long": 8, "float": 4, "double": 8}
_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), 2),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), 2),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t"), 4),
    **dict.fromkeys(("longlong", "long long", "long long int", "int64", "int64_t"), 8),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), 8),
    "float": 4,
    "double": 8,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the numbers of an image are, and how.

    Attributes:
        shape: Values along each axis, those of a voxel included.
        value_bytes: Of one number.
        file: That holds them.
        offset: Where they begin in it; None = they end with it.
        encoding: ``raw``, ``text`` or ``zlib`` (also gzip).
        before: Bytes to skip after decompression.
    """

    shape: tuple[int, ...]
    value_bytes: int
    file: Path
    offset: int | None
    encoding: str
    before: int = 0


def stated_numbers(path: Path) -> Stored | None:
    """Where a file's numbers are; None for other formats.

    Raises:
        VolumeError: Its header is damaged, or names a file elsewhere.
    """
    name = path.name.lower()
    if name.endswith(META):
        return _meta(path)
    return _nrrd(path) if name.endswith(NRRD) else None


def _head(path: Path, end: bytes) -> tuple[Mapping[str, str], bytes] | None:
    """Lines of a text header by lower-case field, and its bytes; None where it has no end.

    Raises:
        VolumeError: Its header is no text.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEADER_BYTES)
    found = re.search(end, head)
    if found is None:
        return None
    if _BINARY.search(head, 0, found.end()):
        raise VolumeError(f"{path}: damaged: its header is no text; copy it again")
    head = head[: found.end()]
    pairs = (re.split(r"[:=]=?", line, maxsplit=1) for line in head.decode("latin-1").splitlines())
    fields = {pair[0].strip().lower(): pair[1].strip() for pair in pairs if len(pair) == 2}
    return fields, head


def _meta(path: Path) -> Stored:
    found = _head(path, rb"(?m)^\s*ElementDataFile\s*=[^\n]*(\n|$)")
    if found is None:
        raise VolumeError(f"{path}: not a MetaImage: its header names no ElementDataFile; copy it again")
    fields, head = found
    shape = _whole_numbers(fields.get("dimsize", ""), path, "DimSize")
    if str(len(shape)) != fields.get("ndims", "") or not 2 <= len(shape) <= 4:
        raise VolumeError(
            f"{path}: expected NDims of 2 to 4 and as many numbers in DimSize; its header states NDims = "
            f"{one_line(fields.get('ndims', 'none'), 20)}, DimSize = {one_line(fields.get('dimsize', 'none'), 60)}"
        )
    kind = fields.get("elementtype", "").lower().removeprefix("met_").removesuffix("_array").removeprefix("u")
    if kind not in _META_BYTES:
        raise VolumeError(f"{path}: ElementType {one_line(fields.get('elementtype', 'none'), 40)} is not known")
    channels = _whole_numbers(fields.get("elementnumberofchannels", "1"), path, "ElementNumberOfChannels")
    data = fields["elementdatafile"]
    local = data.lower() == "local"
    offset: int | None = (
        len(head) if local else int(_whole_numbers(fields.get("headersize", "0"), path, "HeaderSize")[0])
    )
    encoding = "text" if fields.get("binarydata", "true").lower() in ("false", "0") else "raw"
    if fields.get("compresseddata", "").lower() in ("true", "1"):
        encoding = "zlib"
    file = path if local else _neighbour(path, data)
    return Stored((*shape, *channels), _META_BYTES[kind], file, None if offset == -1 else offset, encoding)


def _nrrd(path: Path) -> Stored:
    with path.open("rb") as stream:
        if not re.match(rb"NRRD000\d\r?\n", stream.read(16)):
            raise VolumeError(f"{path}: not an NRRD file: it does not begin with NRRD000; copy it again")
    found = _head(path, rb"\r?\n\r?\n")
    # A header whose numbers are elsewhere may end with its file.
    fields, head = found or _head(path, rb"(?s)\A[^\0]*\Z") or (dict[str, str](), b"")
    data = fields.get("data file", fields.get("datafile"))
    if found is None and data is None:
        raise VolumeError(f"{path}: damaged: no empty line ends its header; copy it again")
    shape = _whole_numbers(fields.get("sizes", ""), path, "sizes")
    if str(len(shape)) != fields.get("dimension", ""):
        raise VolumeError(
            f"{path}: expected as many sizes as dimension states; its header states {fields.get('sizes')}"
        )
    kind, encoding = fields.get("type", "").lower(), fields.get("encoding", "").lower()
    if kind not in _NRRD_BYTES:
        raise VolumeError(f"{path}: its type is {one_line(kind, 40) or 'not stated'}; expected one number a value")
    names = {"raw": "raw", "gzip": "zlib", "gz": "zlib", **dict.fromkeys(("txt", "text", "ascii"), "text")}
    if encoding not in names:
        raise VolumeError(f"{path}: its encoding is {one_line(encoding, 40) or 'not stated'}; expected raw or gzip")
    lines = _whole_numbers(fields.get("line skip", fields.get("lineskip", "0")), path, "line skip")[0]
    skip = _whole_numbers(fields.get("byte skip", fields.get("byteskip", "0")), path, "byte skip")[0]
    file, begin = (path, len(head)) if data is None else (_neighbour(path, data), 0)
    _require_lines(path, head)
    offset = _after_lines(file, begin, lines)
    packed = names[encoding] == "zlib"
    return Stored(
        shape,
        _NRRD_BYTES[kind],
        file,
        None if skip == -1 else offset + (0 if packed else skip),
        names[encoding],
        max(0, skip) if packed else 0,
    )


def _require_lines(path: Path, head: bytes) -> None:
    """Refuse a header with other lines than comments and fields, which a library in C may not survive."""
    for number, line in enumerate(head.splitlines()[1:], start=2):
        if line and not line.startswith(b"#") and b":" not in line:
            raise VolumeError(
                f"{path}: damaged: line {number} of its header is neither field nor comment; copy it again"
            )


def _after_lines(file: Path, begin: int, lines: int) -> int:
    with file.open("rb") as stream:
        stream.seek(begin)
        for _ in range(min(lines, _HEADER_BYTES)):
            stream.readline(_HEADER_BYTES)
        return stream.tell()


def _whole_numbers(text: str, path: Path, field: str) -> tuple[int, ...]:
    cells = text.split()
    if not cells or len(cells) > 16 or not all(re.fullmatch(r"-?\d{1,18}", cell) for cell in cells):
        raise VolumeError(f"{path}: expected whole numbers as {field}; got {one_line(text, 40) or 'none'}; correct it")
    return tuple(int(cell) for cell in cells)


def _neighbour(path: Path, name: str) -> Path:
    """The file of numbers that a header names: a plain name in the header's folder."""
    shown = one_line(name, 60)
    if name.split(" ")[0].upper() == "LIST" or "%" in name:
        raise VolumeError(f"{path}: its numbers lie in several files ({shown}); write the image as one file")
    if name != Path(name).name or name in ("", ".", ".."):
        raise VolumeError(
            f"{path}: its header names the file {shown!r} for its numbers; expected a name in the header's own folder"
        )
    file = path.parent / name
    if not file.is_file():
        raise VolumeError(f"{path}: its header names the file {shown!r} for its numbers, which is no file beside it")
    return file
