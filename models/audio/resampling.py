"""Any rate to 16 kHz, block by block, as if it were done at once."""

from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from earmark.models.errors import AudioError
from earmark.models.timebase import SAMPLE_RATE

#: Of sound that is taken in (Hz). A second at 1 Hz would become 16,000 made-up samples.
LOWEST_RATE: Final = 1_000
HIGHEST_RATE: Final = 1_000_000

#: Full scale is 1; what is louder than that by 120 dB is no sound, and would overflow in sums.
LOUDEST: Final = 1e6


def check_rate(rate: float, of: str) -> None:
    """Make sure that sound has a rate that can be taken in.

    Args:
        rate: In Hz.
        of: What has it, as it is told.

    Raises:
        AudioError: If it is not within what is allowed.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(
            f"{of} states a sample rate of {rate:.10g} Hz; it must lie between {LOWEST_RATE} and "
            f"{HIGHEST_RATE} Hz"
        )


class StreamResampler:
    """Resamples one stream of mono blocks.

    Args:
        rate: Of the incoming samples, in Hz; see ``check_rate``.

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
    """Return the mean of the channels, and how many samples were no sound.

    A sample that is NaN, infinite or above ``LOUDEST`` becomes silence: one of them would poison a
    resampler for good.

    Args:
        block: (samples, channels).

    Returns:
        (samples,) float32, and the number of values replaced.
    """
    bad = 0
    # NaN is neither above nor below anything, and carries over to both.
    if block.size and not (block.min() >= -LOUDEST and block.max() <= LOUDEST):
        is_sound = np.abs(block) <= LOUDEST
        bad = int(block.size - np.count_nonzero(is_sound))
        block = np.where(is_sound, block, np.float32(0))
    mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
    return np.ascontiguousarray(mono, np.float32), bad
