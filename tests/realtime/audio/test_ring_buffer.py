import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from earmark.realtime.audio.ring_buffer import RingBuffer


def counted(start: int, count: int) -> np.ndarray:
    """Samples that tell their own index."""
    return np.arange(start, start + count, dtype=np.float32)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_block_size_does_not_change_what_is_read(sizes: list[int]) -> None:
    ring = RingBuffer(64)
    for size in sizes:
        ring.write(counted(ring.written, size))
    kept = min(ring.written, 64)
    samples = ring.read(ring.written - kept, kept)
    np.testing.assert_array_equal(samples, counted(sum(sizes) - kept, kept))


class RingAgainstList(RuleBasedStateMachine):
    """Any order of writes and reads gives what a plain list gives, or a refusal."""

    def __init__(self) -> None:
        super().__init__()
        self.ring = RingBuffer(16)
        self.all: list[float] = []

    @rule(size=st.integers(0, 40))
    def write(self, size: int) -> None:
        block = counted(len(self.all), size)
        self.ring.write(block)
        self.all.extend(block.tolist())

    @rule(back=st.integers(0, 40), count=st.integers(0, 16))
    def read(self, back: int, count: int) -> None:
        start = max(0, len(self.all) - back)
        count = min(count, len(self.all) - start)
        samples = self.ring.read(start, count)
        if len(self.all) - start > 16:
            assert samples is None
        else:
            assert samples is not None
            assert samples.tolist() == self.all[start : start + count]

    @invariant()
    def counts_all_that_was_written(self) -> None:
        assert self.ring.written == len(self.all)


RingAgainstList.TestCase.settings = settings(derandomize=True, deadline=None, max_examples=60)
TestRingAgainstList = RingAgainstList.TestCase


class ReadWhileWriting(np.ndarray):
    """Storage that lets a reader in between the copy and the publication."""

    hook = None

    def __setitem__(self, key: object, value: object) -> None:
        super().__setitem__(key, value)
        if self.hook is not None:
            self.hook()


def test_reader_between_copy_and_publication_is_refused_not_torn() -> None:
    ring = RingBuffer(16)
    ring.write(counted(0, 16))
    storage = ring._samples.view(ReadWhileWriting)
    seen = []
    storage.hook = lambda: seen.append(ring.read(0, 16))
    ring._samples = storage
    ring.write(counted(99, 4))
    assert seen == [None]


def test_block_longer_than_the_ring_leaves_its_end() -> None:
    ring = RingBuffer(8)
    ring.write(counted(0, 100))
    np.testing.assert_array_equal(ring.read(92, 8), counted(92, 8))
    assert ring.read(91, 8) is None


def test_what_is_read_is_a_copy() -> None:
    ring = RingBuffer(8)
    ring.write(counted(0, 8))
    samples = ring.read(0, 8)
    ring.write(counted(8, 8))
    np.testing.assert_array_equal(samples, counted(0, 8))


def test_unwritten_samples_cannot_be_read() -> None:
    ring = RingBuffer(8)
    ring.write(counted(0, 4))
    for start, count in ((0, 5), (4, 1), (-1, 1), (0, 9)):
        with pytest.raises(ValueError, match="cannot read"):
            ring.read(start, count)


def test_ring_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity 0"):
        RingBuffer(0)
