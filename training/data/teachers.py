"""Two networks trained on AudioSet, asked what they hear: mn04 and YAMNet. Neither ever ships."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import WINDOW_SAMPLES

from . import efficientat, yamnet
from .corpus import Clip
from .training_set import cut_windows, places_of

# Probabilities are read as logits within these bounds: the last digits of a teacher say nothing.
_LEAST: Final = 1e-4

_PARTS: Final = ("mn04", "yamnet", "features")

_SAVE_EVERY: Final = 2_000  # recordings


@dataclass(frozen=True)
class TeacherFiles:
    """Where the teachers lie.

    Args:
        mn04: Published weights of EfficientAT's mn04 (``.pt``).
        yamnet: YAMNet as TFLite.
    """

    mn04: Path
    yamnet: Path


@dataclass(frozen=True)
class Heard:
    """What both teachers say of some sounds, as logits of their own classes.

    Args:
        mn04: (sounds, 527) float32.
        yamnet: (sounds, 521) float32.
        features: (sounds, 384) float32, pooled features of mn04.
    """

    mn04: NDArray[np.float32]
    yamnet: NDArray[np.float32]
    features: NDArray[np.float32]

    @classmethod
    def joined(cls, parts: Sequence["Heard"]) -> Self:
        """Return the sounds of all parts, one after the other."""
        sizes = (efficientat.N_CLASSES, yamnet.N_CLASSES, 0)
        parts = parts or [cls(*(np.zeros((0, n), np.float32) for n in sizes))]
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in _PARTS))


class Teachers:
    """Both teachers, ready to be asked.

    Args:
        files: Where they lie.

    Raises:
        CorpusError: If a file is missing or holds something else, or what runs YAMNet is not
            installed.
    """

    def __init__(self, files: TeacherFiles) -> None:
        self._mn04 = efficientat.Mn04(files.mn04)
        self._yamnet = yamnet.Yamnet(files.yamnet)

    def windows(self, windows: NDArray[np.float32]) -> Heard:
        """Return what both hear in seconds of sound, (windows, 16000) at 16 kHz."""
        # Neither holds the interpreter's lock while it computes: each may have a core of its own.
        with ThreadPoolExecutor(1) as beside:
            scores = beside.submit(self._yamnet.hear, windows)
            logits, features = self._mn04.hear(windows)
            return Heard(_bounded(logits), _logit(scores.result()), features)

    def recording(self, waveform: NDArray[np.float32]) -> Heard:
        """Return what both hear in a whole recording: mn04 in all of it, YAMNet in its seconds.

        What is shorter than a second is heard with silence behind it.

        Args:
            waveform: (samples,) at 16 kHz.
        """
        whole = np.pad(waveform, (0, max(0, WINDOW_SAMPLES - len(waveform))))
        n_seconds = len(whole) // WINDOW_SAMPLES
        seconds = whole[: n_seconds * WINDOW_SAMPLES].reshape(n_seconds, WINDOW_SAMPLES)
        logits, features = self._mn04.hear(whole[None])
        scores = self._yamnet.hear(seconds).mean(axis=0)
        return Heard(_bounded(logits), _logit(scores)[None], features)


class OpinionFile:
    """What teachers said of recordings, kept on disk: each is asked about once.

    Args:
        path: An ``.npz`` file; made where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Heard] = {}
        self._unsaved = 0
        if path.is_file():
            with np.load(path) as arrays:
                first = arrays["first"]
                parts = [arrays[part].astype(np.float32) for part in _PARTS]
                for i, key in enumerate(arrays["keys"].tolist()):
                    self._known[key] = Heard(*(p[first[i] : first[i + 1]] for p in parts))

    def of_recordings(
        self,
        teachers: Teachers,
        clips: Sequence[Clip],
        waveforms: Sequence[NDArray[np.float32]],
        progress: Callable[[int, int], None],
    ) -> Heard:
        """Return what both hear in whole recordings, a row each."""
        return self._of("whole", teachers.recording, clips, waveforms, progress)

    def of_seconds(
        self,
        teachers: Teachers,
        clips: Sequence[Clip],
        waveforms: Sequence[NDArray[np.float32]],
        progress: Callable[[int, int], None],
    ) -> Heard:
        """Return what both hear in each second of recordings, as a file would be tagged."""

        def ask(waveform: NDArray[np.float32]) -> Heard:
            places = places_of([waveform], WINDOW_SAMPLES)
            return teachers.windows(cut_windows([waveform], places))

        return self._of("seconds", ask, clips, waveforms, progress)

    def _of(
        self,
        what: str,
        ask: Callable[[NDArray[np.float32]], Heard],
        clips: Sequence[Clip],
        waveforms: Sequence[NDArray[np.float32]],
        progress: Callable[[int, int], None],
    ) -> Heard:
        keys = [f"{what} {clip.path}" for clip in clips]
        for done, (key, waveform) in enumerate(zip(keys, waveforms, strict=True), start=1):
            if key not in self._known:
                self._known[key] = ask(waveform)
                self._unsaved += 1
            if self._unsaved == _SAVE_EVERY:
                self._save()
            progress(done, len(keys))
        if self._unsaved:
            self._save()
        return Heard.joined([self._known[key] for key in keys])

    def _save(self) -> None:
        heard = list(self._known.values())
        if not heard:
            return
        joined = Heard.joined(heard)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: an interruption leaves what was known before.
        beside = self._path.with_suffix(".tmp.npz")
        np.savez(
            beside,
            keys=np.array(list(self._known)),
            first=np.cumsum([0, *(len(h.mn04) for h in heard)]),
            **{part: getattr(joined, part).astype(np.float16) for part in _PARTS},
        )
        os.replace(beside, self._path)
        self._unsaved = 0


def _logit(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    bounded = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(bounded / (1 - bounded)), np.float32)


def _bounded(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    most = math.log((1 - _LEAST) / _LEAST)
    return np.clip(logits, -most, most)
