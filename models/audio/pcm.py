"""Raw PCM from a pipe, such as standard input."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import AudioError
from earmark.models.timebase import SAMPLE_RATE

from .resampling import StreamResampler, check_rate, mixed_down

_DTYPES: Final = {"s16le": "<i2", "s32le": "<i4", "f32le": "<f4"}

#: Encodings of raw PCM: little-endian whole numbers of 16 or 32 bits, or floats.
ENCODINGS: Final = tuple(_DTYPES)

MOST_CHANNELS: Final = 1_024

_FRAMES_AT_ONCE = 4_096


@dataclass(frozen=True)
class PcmFormat:
    """What the bytes of a raw stream mean.

    Args:
        rate: Samples a second in each channel.
        channels: Interleaved.
        encoding: One of ``ENCODINGS``.

    Raises:
        AudioError: If a value is impossible.
    """

    rate: int = SAMPLE_RATE
    channels: int = 1
    encoding: str = "s16le"

    def __post_init__(self) -> None:
        check_rate(self.rate, "raw PCM")
        if not 1 <= self.channels <= MOST_CHANNELS:
            raise AudioError(f"raw PCM may have 1 to {MOST_CHANNELS} channels, got {self.channels}")
        if self.encoding not in ENCODINGS:
            raise AudioError(
                f"unknown PCM encoding {self.encoding!r}; give one of {', '.join(ENCODINGS)}"
            )


class PcmReader:
    """A raw stream as blocks of 16 kHz mono, like a file's.

    Args:
        stream: Open for reading bytes; read as bytes arrive, so that a slow pipe is not waited for.
        pcm: What its bytes mean.

    Attributes:
        non_finite: Samples that were NaN, infinite or absurdly loud and became silence so far.
    """

    expected_seconds: float | None = None

    def __init__(self, stream: BinaryIO, pcm: PcmFormat) -> None:
        self._stream = stream
        self._pcm = pcm
        self.non_finite = 0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Give the blocks.

        Raises:
            AudioError: If the stream ends before it brought a sample.
        """
        dtype = np.dtype(_DTYPES[self._pcm.encoding])
        frame_bytes = dtype.itemsize * self._pcm.channels
        scale = 1.0 if dtype.kind == "f" else 1 / 2 ** (8 * dtype.itemsize - 1)
        resampler = StreamResampler(self._pcm.rate)
        # A pipe hands over any number of bytes; what is left of a frame waits for its rest.
        read = getattr(self._stream, "read1", self._stream.read)
        pending = b""
        frames = 0
        while received := read(_FRAMES_AT_ONCE * frame_bytes):
            pending += received
            whole = len(pending) - len(pending) % frame_bytes
            samples = np.frombuffer(pending[:whole], dtype).reshape(-1, self._pcm.channels)
            pending = pending[whole:]
            frames += len(samples)
            mono, bad = mixed_down(samples.astype(np.float32) * np.float32(scale))
            self.non_finite += bad
            if len(converted := resampler.push(mono)):
                yield converted
        if not frames:
            raise AudioError("standard input ended before it brought a sample")
        if len(rest := resampler.finish()):
            yield rest
