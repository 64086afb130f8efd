"""How long a file says its sound is, against what is there of it."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

# What programs that write into a pipe state, who cannot know the length: the largest number, or
# nearly, with or without its sign, or nothing.
_OPEN_ENDED: Final = (range(0x7FFFF000, 0x80000000), range(0xFFFFF000, 0x100000000))

_OGG_LAST_PAGE: Final = 4

# Of a page of Ogg, at most.
_OGG_PAGE_BYTES: Final = 27 + 255 + 255 * 255


@dataclass(frozen=True)
class StatedLength:
    """Bytes of sound.

    Args:
        stated: In the header.
        found: Between where they begin and the end of the file.
    """

    stated: int
    found: int


def stated_length(path: Path, form: str) -> StatedLength | None:
    """Return how much sound a file states, or None if it does not say.

    Args:
        path: Of the file.
        form: As soundfile names it.

    Raises:
        OSError: If it cannot be read.
    """
    find = {
        "WAV": _riff,
        "WAVEX": _riff,
        "RF64": _riff,
        "W64": _w64,
        "AIFF": _aiff,
        "CAF": _caf,
        "AU": _au,
    }.get(form)
    if find is None:
        return None
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            begin, stated = find(file, size)
        except struct.error:  # the header itself breaks off
            return None
    if stated <= 0 or any(stated in numbers for numbers in _OPEN_ENDED):
        return None
    return StatedLength(stated, min(stated, max(0, size - begin)))


def ends_as_ogg(path: Path) -> bool:
    """Return whether the last page of an Ogg file is whole, and marked as the last.

    Raises:
        OSError: If it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _OGG_PAGE_BYTES))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & _OGG_LAST_PAGE:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def _read(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def _riff(file: BinaryIO, size: int) -> tuple[int, int]:
    large = 0
    order = ">" if file.read(4) == b"RIFX" else "<"
    file.seek(12)
    while file.tell() < size:
        name = file.read(4)
        (length,) = _read(file, order + "I")
        begin = file.tell()
        if name == b"ds64":
            _, large = _read(file, "<QQ")
        if name == b"data":
            return begin, large if length == 0xFFFFFFFF and large else length
        file.seek(begin + length + length % 2)
    return 0, 0


def _w64(file: BinaryIO, size: int) -> tuple[int, int]:
    file.seek(40)
    while file.tell() < size:
        start = file.tell()
        name = file.read(16)
        (length,) = _read(file, "<Q")
        if name[:4] == b"data":
            return start + 24, length - 24
        file.seek(start + max(24, (length + 7) // 8 * 8))
    return 0, 0


def _aiff(file: BinaryIO, size: int) -> tuple[int, int]:
    file.seek(12)
    while file.tell() < size:
        name = file.read(4)
        (length,) = _read(file, ">I")
        begin = file.tell()
        if name == b"SSND":
            return begin, length
        file.seek(begin + length + length % 2)
    return 0, 0


def _caf(file: BinaryIO, size: int) -> tuple[int, int]:
    file.seek(8)
    while file.tell() < size:
        name = file.read(4)
        (length,) = _read(file, ">q")
        begin = file.tell()
        if name == b"data":
            return begin, length
        file.seek(begin + max(0, length))
    return 0, 0


def _au(file: BinaryIO, size: int) -> tuple[int, int]:
    del size  # the header has one place
    order = ">" if file.read(4) == b".snd" else "<"
    begin, length = _read(file, order + "II")
    return begin, length
