import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.models.streaming.block_store import BlockStore
from earmark.models.timebase import WINDOW_SAMPLES

STREAM = np.arange(200_000, dtype=np.float32)


class Counting:
    """Features that tell which block they are of, and how many were asked for."""

    def __init__(self, make=np.asarray) -> None:
        self.computed: list[int] = []
        self._make = make

    def __call__(self, blocks: np.ndarray):
        self.computed += blocks[:, 0].astype(int).tolist()
        return (self._make(blocks[:, :1]), self._make(np.repeat(blocks[:, :1], 3, axis=1)))


def check(store: BlockStore, size: int, starts: list[int]) -> None:
    end = starts[-1] + WINDOW_SAMPLES
    features, first = store.rows(STREAM[starts[0] : end], starts[0], starts)
    for start, row in zip(starts, first, strict=True):
        wanted = np.arange(start, start + WINDOW_SAMPLES, size)
        for part in features:
            np.testing.assert_array_equal(part[row : row + len(wanted)][:, 0], wanted)


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.integers(1, 9_000), min_size=1, max_size=18),
    st.sampled_from([400, 1_600, 16_000]),
    st.integers(1, 5),
)
def test_every_window_finds_its_own_blocks(hops: list[int], size: int, together: int) -> None:
    starts = np.cumsum([0, *hops]).tolist()
    starts = [start for start in starts if start + WINDOW_SAMPLES <= len(STREAM)]
    store = BlockStore(size, Counting())
    for i in range(0, len(starts), together):
        check(store, size, starts[i : i + together])


@pytest.mark.parametrize("hop", [400, 1_600, 4_800])
def test_no_block_is_computed_twice(hop: int) -> None:
    compute = Counting()
    store = BlockStore(400, compute)
    for start in range(0, 100_000, hop):
        check(store, 400, [start])
    assert len(compute.computed) == len(set(compute.computed))
    assert compute.computed == sorted(compute.computed)


def test_features_may_be_tensors() -> None:
    store = BlockStore(400, Counting(torch.from_numpy))
    for start in (0, 1_000, 1_600, 90_000):
        check(store, 400, [start, start + 300])


@pytest.mark.parametrize("hop", [400, 1_000, 1_600, 16_000])
def test_no_more_is_kept_than_windows_need(hop: int) -> None:
    store = BlockStore(1_600, Counting())
    for start in range(0, 180_000, hop):
        check(store, 1_600, [start])
        assert len(store) <= 10 * (1_600 // np.gcd(hop, 1_600))


def test_buffers_do_not_grow_with_the_stream() -> None:
    store = BlockStore(400, Counting())
    for start in range(0, 180_000, 1_600):
        features, _ = store.rows(STREAM[start : start + WINDOW_SAMPLES], start, [start])
    assert len(features[0].base) <= 80


def test_same_window_again_costs_nothing_and_going_back_is_refused() -> None:
    compute = Counting()
    store = BlockStore(400, compute)
    check(store, 400, [800])
    check(store, 400, [800])
    assert len(compute.computed) == 40
    with pytest.raises(ValueError, match="may not go back, from 800 to 400"):
        store.rows(STREAM[400:20_000], 400, [400])
