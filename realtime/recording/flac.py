"""From the newest sound of a stream to the bytes of a FLAC file."""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray

from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.sound import Sound

# More at once is lost where the writer overtakes a reader.
_SAMPLES_AT_ONCE = SAMPLE_RATE


def newest(sound: Sound, start: int, end: int) -> NDArray[np.float32]:
    """Return the samples from ``start`` to before ``end``.

    Where the beginning is overwritten by now, what is left of the end is returned, to within a
    second; (0,) where nothing is.
    """
    pieces: list[NDArray[np.float32]] = []
    for first in range(start, end, _SAMPLES_AT_ONCE):
        piece = sound.read(first, min(_SAMPLES_AT_ONCE, end - first))
        if piece is None:
            # What comes before a hole would follow what comes after it without a seam.
            pieces.clear()
        else:
            pieces.append(piece)
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def as_flac(samples: NDArray[np.float32]) -> bytes:
    """Return (samples,) at 16 kHz as a FLAC file of 16 bit.

    It is made in memory: libsndfile does not tell of each error of a disk.
    """
    content = io.BytesIO()
    soundfile.write(content, np.clip(samples, -1, 1), SAMPLE_RATE, "PCM_16", format="FLAC")
    return content.getvalue()
