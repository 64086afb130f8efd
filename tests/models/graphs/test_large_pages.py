import mmap
import sys

import numpy as np
import pytest

from earmark.models.graphs import large_pages
from earmark.models.graphs.large_pages import on_large_pages

PAGE = 2 * 2**20

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells its mappings")


class Kernel:
    """Remembers what it is asked for, and refuses."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def madvise(self, address, size, advice) -> int:
        assert advice == large_pages._MADV_COLLAPSE
        self.asked.append((address.value, size.value))
        return -1


@pytest.fixture
def kernel(monkeypatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(large_pages, "_libc", lambda: kernel)
    return kernel


@on_linux
def test_whole_large_pages_of_what_was_allocated_are_asked_for(kernel) -> None:
    with on_large_pages():
        memory = mmap.mmap(-1, 5 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = np.frombuffer(memory, np.uint8).ctypes.data
    assert all(address % PAGE == size % PAGE == 0 for address, size in kernel.asked)
    assert any(
        address < start + 5 * PAGE and start < address + size for address, size in kernel.asked
    )


def test_nothing_is_asked_for_where_nothing_was_allocated(kernel, monkeypatch) -> None:
    monkeypatch.setattr(large_pages, "_writable", lambda: {(0, 8 * PAGE)})
    with on_large_pages():
        pass
    assert not kernel.asked


def test_what_is_too_small_for_a_large_page_stays(kernel, monkeypatch) -> None:
    mappings = iter([set(), {(PAGE - 4096, 2 * PAGE - 4096)}])
    monkeypatch.setattr(large_pages, "_writable", lambda: next(mappings))
    with on_large_pages():
        pass
    assert not kernel.asked


def test_memory_keeps_what_it_holds() -> None:
    with on_large_pages():
        values = np.arange(4 * PAGE)
    np.testing.assert_array_equal(values, np.arange(4 * PAGE))


def test_other_systems_are_left_alone(kernel, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(large_pages, "_MAPPINGS", tmp_path / "maps")
    monkeypatch.setattr(large_pages, "_libc", lambda: None)
    with on_large_pages():
        values = np.ones(4 * PAGE)
    assert values.all()
    assert not kernel.asked
