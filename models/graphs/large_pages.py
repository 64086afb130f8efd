"""Weights on large pages, where the system can move them there."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_MAPPINGS: Final = Path("/proc/self/maps")

#: Of what most processors have beside pages of 4 kB.
_PAGE_BYTES: Final = 2 * 2**20

_MADV_COLLAPSE: Final = 25  # Linux 6.1


@contextmanager
def on_large_pages() -> Iterator[None]:
    """Move what was allocated meanwhile to large pages; where that cannot be done, it stays.

    All of a model's weights are read for every window. On pages of 4 kB they lie on more of them
    than a processor remembers the places of, and looking those up takes a part of the time.

    Source: madvise(2).
    """
    before = _writable()
    yield
    collapse = getattr(_libc(), "madvise", None)
    if collapse is None:
        return
    for start, end in _writable() - before:
        first = -(-start // _PAGE_BYTES) * _PAGE_BYTES
        size = end // _PAGE_BYTES * _PAGE_BYTES - first
        if size > 0:
            # It is a hint: what it returns changes nothing of what follows.
            collapse(ctypes.c_void_p(first), ctypes.c_size_t(size), _MADV_COLLAPSE)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


def _writable() -> set[tuple[int, int]]:
    """Return the addresses of this process's own memory, which no file stands behind."""
    if not _MAPPINGS.is_file():
        return set()
    found = set()
    for line in _MAPPINGS.read_text().splitlines():
        # 7f0c40000000-7f0c44000000 rw-p 00000000 00:00 0    [heap]
        addresses, rights, _, _, inode, *name = line.split(maxsplit=5)
        if rights == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            start, end = addresses.split("-")
            found.add((int(start, 16), int(end, 16)))
    return found
