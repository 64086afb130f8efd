"""The lengths of time everything is measured in, in samples of one rate.

A *window* is what a model hears at once, a *chunk* is one column of the neuralogram, a *frame* is
one column of every other front end, and a *hop* is the distance between two windows.
"""

from typing import Final

SAMPLE_RATE: Final = 16_000  # Hz
WINDOW_SAMPLES: Final = 16_000  # 1 s
CHUNK_SAMPLES: Final = 1_600  # 100 ms
FRAME_SAMPLES: Final = 400  # 25 ms: one period of the lowest pitch, 40 Hz
FRAMES_PER_WINDOW: Final = WINDOW_SAMPLES // FRAME_SAMPLES
CHUNKS_PER_WINDOW: Final = WINDOW_SAMPLES // CHUNK_SAMPLES


def seconds_to_samples(seconds: float) -> int:
    """Return the nearest whole number of samples in ``seconds``."""
    return round(seconds * SAMPLE_RATE)


def samples_to_seconds(samples: int) -> float:
    """Return how long ``samples`` last, in seconds."""
    return samples / SAMPLE_RATE


def window_starts(n_samples: int, hop_samples: int) -> list[int]:
    """Return where the windows of a recording begin, so that no sample is left out.

    Windows lie ``hop_samples`` apart from the first sample on. Where the grid would leave a tail,
    one more window ends with the recording, so that no window but that of a recording shorter
    than one window is padded.

    Args:
        n_samples: Length of the recording, at least 1.
        hop_samples: Distance between windows, at least 1.

    Raises:
        ValueError: If either number is less than 1.
    """
    if n_samples < 1 or hop_samples < 1:
        raise ValueError(
            f"n_samples and hop_samples must be at least 1, got {n_samples} and {hop_samples}"
        )
    last = max(n_samples - WINDOW_SAMPLES, 0)
    starts = list(range(0, last + 1, hop_samples))
    if starts[-1] != last:
        starts.append(last)
    return starts
