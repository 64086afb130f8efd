"""Files that hold several streams one after the other: chained Ogg, MP3 files joined."""

import io
import os
from pathlib import Path
from typing import BinaryIO, Final

_OGG_FIRST_PAGE: Final = 2

# Of an ID3v1 tag, which stands behind the sound.
_ID3V1_BYTES: Final = 128

# Bytes of an MPEG frame before its Xing header: its own four, and side information.
_XING_OFFSETS: Final = (13, 21, 36)


class Part(io.RawIOBase):
    """A part of a file, as if it were a file of its own.

    Args:
        path: Of the whole file.
        start: Of the part, in bytes.
        end: Of the part, in bytes.

    Raises:
        OSError: If the file cannot be opened.
    """

    def __init__(self, path: Path, start: int, end: int) -> None:
        self._file = path.open("rb")
        self._start, self._end = start, end
        self._file.seek(start)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the part and return which it is."""
        origin = {os.SEEK_SET: self._start, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._end}
        return self._file.seek(max(self._start, origin[whence] + offset)) - self._start

    def tell(self) -> int:
        """Return which byte of the part comes next."""
        return self._file.tell() - self._start

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as the part goes and return how many bytes there were."""
        count = max(0, min(len(buffer), self._end - self._file.tell()))
        return self._file.readinto(memoryview(buffer)[:count])

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def part_starts(path: Path, form: str) -> list[int]:
    """Return where in a file its streams begin, in bytes; the first is 0.

    Args:
        path: Of the file.
        form: As soundfile names it; only OGG and MP3 can be joined.

    Raises:
        OSError: If the file cannot be read.
    """
    find = {"OGG": _ogg_starts, "MP3": _mp3_starts}.get(form)
    if find is None:
        return [0]
    with path.open("rb") as file:
        return find(file, path.stat().st_size)


def _ogg_starts(file: BinaryIO, size: int) -> list[int]:
    starts = [0]
    position, is_first = 0, True
    while position < size:
        file.seek(position)
        header = file.read(27)
        if len(header) < 27 or header[:4] != b"OggS":
            break
        begins = bool(header[5] & _OGG_FIRST_PAGE)
        # The streams of one link all begin before any of them goes on.
        if begins and not is_first:
            starts.append(position)
        is_first = begins
        position += 27 + header[26] + sum(file.read(header[26]))
    return starts


def _mp3_starts(file: BinaryIO, size: int) -> list[int]:
    starts = [0]
    while (stated := _mp3_end(file, starts[-1])) is not None:
        file.seek(stated)
        if file.read(3) == b"TAG":
            stated += _ID3V1_BYTES
        file.seek(stated)
        head = file.read(3)
        is_mpeg = len(head) == 3 and head[0] == 0xFF and head[1] >> 5 == 7
        if stated >= size or stated <= starts[-1] or not (is_mpeg or head == b"ID3"):
            break
        starts.append(stated)
    return starts


def _mp3_end(file: BinaryIO, start: int) -> int | None:
    """Return where an MP3 stream ends, if it has a header that says so."""
    file.seek(start)
    head = file.read(10)
    if head[:3] == b"ID3" and len(head) == 10:
        # Seven bits a byte, so that no byte looks like the beginning of a frame.
        start += 10 + sum(byte << 7 * i for i, byte in enumerate(reversed(head[6:10])))
    file.seek(start)
    frame = file.read(64)
    for offset in _XING_OFFSETS:
        if frame[offset : offset + 4] in (b"Xing", b"Info"):
            flags = int.from_bytes(frame[offset + 4 : offset + 8], "big")
            place = offset + 8 + 4 * (flags & 1)
            length = int.from_bytes(frame[place : place + 4], "big")
            return start + length if flags & 2 and length else None
    return None
