"""What the engine says of one window."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.calibration import Calibration
from earmark.models.timebase import WINDOW_SAMPLES, samples_to_seconds


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


def window_results(
    calibration: Calibration,
    starts: Sequence[int],
    combined: NDArray[np.float32],
    by_branch: NDArray[np.float32],
    seconds: float,
) -> list[WindowResult]:
    """Return the results of windows that were tagged together.

    Args:
        calibration: Of the bundle.
        starts: First sample of each window.
        combined: (windows, tags) logits.
        by_branch: (windows, branches, tags) logits.
        seconds: What computing all of them took.
    """
    probabilities = calibration.combined(combined)
    branch_probabilities = calibration.branches(by_branch)
    return [
        WindowResult(
            start_sample=start,
            end_sample=start + WINDOW_SAMPLES,
            probabilities=probabilities[i],
            branch_probabilities=branch_probabilities[i],
            inference_seconds=seconds / len(starts),
        )
        for i, start in enumerate(starts)
    ]
