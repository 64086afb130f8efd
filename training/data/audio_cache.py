"""Recordings decoded once: any format and rate in, 16 kHz mono from then on."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import CorpusError
from earmark.models.timebase import SAMPLE_RATE


def default_cache_folder() -> Path:
    """Return where decoded audio is kept, as the XDG rules say."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "earmark" / "audio"


class AudioCache:
    """Decoded recordings on disk.

    An entry's name holds the source's path, size and time of change: a changed source has another
    name, and is decoded again.

    Args:
        folder: Made where it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, path: Path) -> NDArray[np.float32]:
        """Return a recording, (samples,) float32 at 16 kHz, channels averaged.

        Raises:
            CorpusError: If the file is missing, cannot be read, is empty, or holds values that are
                no numbers.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror}") from error
        key = f"{path.resolve()}\n{status.st_size}\n{status.st_mtime_ns}"
        name = hashlib.sha256(key.encode()).hexdigest()
        entry = self._folder / name[:2] / f"{name[2:]}.npy"
        if entry.is_file():
            # Half precision keeps 11 bits at any level: below the noise of any recording.
            return np.asarray(np.load(entry), np.float32)
        waveform = decode(path).astype(np.float16)
        entry.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: an interruption never leaves half an entry.
        beside = entry.with_suffix(f".{os.getpid()}.tmp.npy")
        np.save(beside, waveform)
        os.replace(beside, entry)
        return waveform.astype(np.float32)

    def load_all(
        self,
        paths: Sequence[Path],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[NDArray[np.float32]]:
        """Return recordings in the order of their paths, several decoded at a time.

        Raises:
            CorpusError: As ``load``, for the first file that fails.
        """
        loaded = []
        with ThreadPoolExecutor() as pool:
            for waveform in pool.map(self.load, paths):
                loaded.append(waveform)
                progress(len(loaded), len(paths))
        return loaded


def decode(path: Path) -> NDArray[np.float32]:
    """Return a recording as 16 kHz mono.

    Raises:
        CorpusError: If it cannot be read, is empty, or holds values that are no numbers.
    """
    import soundfile
    import soxr

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise CorpusError(f"cannot read {path}: {error}; take it out or convert it") from error
    if not len(samples):
        raise CorpusError(f"{path} holds no sound; take it out of the data set")
    if not np.isfinite(samples).all():
        raise CorpusError(f"{path} holds NaN or infinite samples; take it out or repair it")
    mono = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE, quality="VHQ")
    return np.ascontiguousarray(mono, np.float32)
