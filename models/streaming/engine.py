"""From sound to probabilities: the one engine behind live tagging and files."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.load import Bundle
from earmark.models.timebase import WINDOW_SAMPLES

from .block_store import BlockStore
from .results import WindowResult, window_results


class InferenceEngine:
    """Runs a bundle on the windows of a stream; no thread, no clock, no device of sound.

    Windows of a stream overlap. What hears blocks by themselves (frames of 25 ms, chunks of
    100 ms) is given only the blocks that no earlier window had; of the others it is kept.

    Args:
        bundle: The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._runtime = bundle.runtime
        self._stores = [BlockStore(n, self._runtime.features) for n in self._runtime.block_sizes]

    def reset(self) -> None:
        """Forget the stream: the next window belongs to another one."""
        for store in self._stores:
            store.clear()

    def warm_up(self, hop_samples: int) -> None:
        """Run a few silent windows, so that the first real one is not the slowest."""
        silence = np.zeros(WINDOW_SAMPLES, np.float32)
        for i in range(4):
            self.process(silence, i * hop_samples)
        self.reset()

    def process(self, window: NDArray[np.float32], start_sample: int) -> WindowResult:
        """Tag the next window of a stream.

        Args:
            window: (16000,) float32.
            start_sample: Where it starts, in samples of the stream; the same sample must always
                have the same value. Windows may skip ahead, and not go back.

        Returns:
            The result, equal to that of the same window by itself to 1e-4.

        Raises:
            ValueError: If the window has another shape.
        """
        if window.shape != (WINDOW_SAMPLES,):
            raise ValueError(f"a window must have shape ({WINDOW_SAMPLES},), got {window.shape}")
        return self.process_span(window, start_sample, [start_sample])[0]

    def process_span(
        self, samples: NDArray[np.float32], first_sample: int, starts: Sequence[int]
    ) -> list[WindowResult]:
        """Tag several windows of a stretch of a stream at once.

        Args:
            samples: (n,) float32, the stretch.
            first_sample: Where the stretch starts, in samples of the stream.
            starts: Where the windows start, in samples of the stream, in order; each window lies
                within the stretch.

        Raises:
            ValueError: If a window does not lie within the stretch.
        """
        began = time.perf_counter()
        if not starts:
            return []
        if starts[0] < first_sample or starts[-1] + WINDOW_SAMPLES > first_sample + len(samples):
            raise ValueError(
                f"windows from {starts[0]} to {starts[-1] + WINDOW_SAMPLES} do not lie within the "
                f"samples from {first_sample} to {first_sample + len(samples)}"
            )
        sound = np.ascontiguousarray(samples, np.float32)
        found = [store.rows(sound, first_sample, starts) for store in self._stores]
        features, first = zip(*found, strict=True)
        logits = self._runtime.logits(features, first)
        seconds = time.perf_counter() - began
        return window_results(self.bundle.metadata.calibration, starts, *logits, seconds)
