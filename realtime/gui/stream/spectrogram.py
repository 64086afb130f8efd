"""What a stream looks like: a log-mel spectrogram that grows with it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.audio.sound import Sound

from .rows import RowStore

N_MELS: Final = 96
F_MIN: Final = 40.0  # Hz, where the pitch branch begins too
_N_FFT: Final = 512  # 32 ms: speech shows its formants, a click stays a line
HOP_LENGTH: Final = 320  # 20 ms
COLUMNS_PER_SECOND: Final = SAMPLE_RATE / HOP_LENGTH

#: Columns of the fine image in one of the coarse.
COARSE: Final = 16

#: Range that is shown: decibels of mel power, of a window of a full-scale sine at most 0.
_RANGE_DB = (-90.0, -10.0)

# More would hold up the thread that draws; the rest is there at the next call.
_COLUMNS_AT_ONCE = 200


class Spectrogram:
    """Columns of 20 ms as bytes, and loudest columns of 320 ms for long views.

    Args:
        max_seconds: Kept; None keeps all.
    """

    def __init__(self, max_seconds: float | None = None) -> None:
        columns = None if max_seconds is None else int(max_seconds * COLUMNS_PER_SECOND)
        self.fine = RowStore(N_MELS, np.uint8, columns)
        self.coarse = RowStore(N_MELS, np.uint8, None if columns is None else columns // COARSE)
        from torchaudio.functional import melscale_fbanks  # takes longer than a window to open

        self._hann = np.hanning(_N_FFT + 1)[:-1].astype(np.float32)
        filters = melscale_fbanks(
            _N_FFT // 2 + 1, F_MIN, SAMPLE_RATE / 2, N_MELS, SAMPLE_RATE, mel_scale="htk"
        )
        self._filters: NDArray[np.float32] = filters.numpy()
        # A full-scale sine has half the window's sum as its magnitude.
        self._scale = float(4 / self._hann.sum() ** 2)

    @property
    def seconds(self) -> float:
        """How much of the stream it shows so far."""
        return self.fine.end / COLUMNS_PER_SECOND

    def extend(self, sound: Sound) -> bool:
        """Add columns of what is new; True where more is waiting."""
        start = self.fine.end * HOP_LENGTH
        ready = (sound.written - start - _N_FFT) // HOP_LENGTH + 1
        count = min(ready, _COLUMNS_AT_ONCE)
        if count <= 0:
            return False
        samples = sound.read(start, (count - 1) * HOP_LENGTH + _N_FFT)
        if samples is None:
            # Overtaken: those columns stay dark, and the time right.
            self._append(np.zeros((count, N_MELS), np.uint8))
        else:
            self._append(self._columns(samples))
        return ready > count

    def _columns(self, samples: NDArray[np.float32]) -> NDArray[np.uint8]:
        frames = np.lib.stride_tricks.sliding_window_view(samples, _N_FFT)[::HOP_LENGTH]
        spectrum = np.fft.rfft(frames * self._hann, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) * self._scale
        decibels = 10 * np.log10(np.maximum(power @ self._filters, 1e-12))
        low, high = _RANGE_DB
        return (np.clip((decibels - low) / (high - low), 0, 1) * 255).astype(np.uint8)

    def _append(self, columns: NDArray[np.uint8]) -> None:
        before = self.coarse.end * COARSE
        self.fine.append(columns)
        whole = (self.fine.end - before) // COARSE
        if whole:
            rows = self.fine.read(before, before + whole * COARSE)
            self.coarse.append(rows.reshape(whole, COARSE, N_MELS).max(axis=1))
