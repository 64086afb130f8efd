"""What the engine says of one window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import samples_to_seconds


@dataclass(frozen=True)
class WindowResult:
    """Probabilities of one window, stamped with the stream's own samples.

    Args:
        start_sample: First sample of the window, counted from the start of the stream at 16 kHz.
        end_sample: One past its last sample.
        probabilities: (tags,) float32, calibrated, of all branches combined.
        branch_probabilities: (branches, tags) float32, calibrated.
        inference_seconds: What computing it took.
        latency_seconds: From the capture of the window's last sample to the publication of the
            result; None where nothing was captured live.
    """

    start_sample: int
    end_sample: int
    probabilities: NDArray[np.float32]
    branch_probabilities: NDArray[np.float32]
    inference_seconds: float
    latency_seconds: float | None = None

    @property
    def start(self) -> float:
        """Start of the window in seconds of the stream."""
        return samples_to_seconds(self.start_sample)

    @property
    def end(self) -> float:
        """End of the window in seconds of the stream."""
        return samples_to_seconds(self.end_sample)
