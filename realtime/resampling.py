"""Any rate to 16 kHz, block by block, as if it were done at once."""

import numpy as np
import soxr
from numpy.typing import NDArray

from earmark.models.timebase import SAMPLE_RATE


class StreamResampler:
    """Resamples one stream of mono blocks.

    Args:
        rate: Of the incoming samples, in Hz.

    Raises:
        ValueError: If the rate is not positive.
    """

    def __init__(self, rate: float) -> None:
        if not rate > 0:
            raise ValueError(f"a sample rate must be positive, got {rate}")
        is_same = rate == SAMPLE_RATE
        self._stream = None if is_same else soxr.ResampleStream(rate, SAMPLE_RATE, 1, "float32")

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what can be said of the stream with one more block; it lags a little."""
        return block if self._stream is None else self._stream.resample_chunk(block)

    def finish(self) -> NDArray[np.float32]:
        """Return the rest; the stream has ended."""
        empty = np.empty(0, np.float32)
        return empty if self._stream is None else self._stream.resample_chunk(empty, last=True)


def mixed_down(block: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Return the mean of the channels, and how many samples were not numbers.

    A NaN or infinite sample becomes silence: one of them would poison a resampler for good.

    Args:
        block: (samples, channels).

    Returns:
        (samples,) float32, and the number of non-finite values replaced.
    """
    # A finite sum is the common case and costs one pass; a sum that overflows only costs a second.
    with np.errstate(over="ignore", invalid="ignore"):
        is_clean = bool(np.isfinite(block.sum()))
    bad = 0 if is_clean else int(np.count_nonzero(~np.isfinite(block)))
    if bad:
        block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
    mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
    return np.ascontiguousarray(mono, np.float32), bad
