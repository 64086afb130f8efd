"""Two networks trained on AudioSet, asked what they hear: mn04 and YAMNet. Neither ever ships."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from earmark.models.errors import CorpusError, EarmarkError
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES

from . import efficientat
from .corpus import Clip
from .training_set import cut_windows, places_of

_YAMNET_SAMPLES: Final = 15_600  # 0.975 s

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
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in _PARTS))


class Teachers:
    """Both teachers, ready to be asked.

    Args:
        files: Where they lie.

    Raises:
        CorpusError: If a file is missing or holds something else.
        EarmarkError: If what runs YAMNet is not installed.
    """

    def __init__(self, files: TeacherFiles) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise EarmarkError(
                "YAMNet needs ai-edge-litert, which is not installed: pip install 'earmark[train]'"
            ) from error
        self._mn04 = efficientat.read_mn04(files.mn04).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch has it
        if not files.yamnet.is_file():
            raise CorpusError(f"there is no YAMNet {files.yamnet}")
        self._yamnet = Interpreter(str(files.yamnet), num_threads=1)
        self._yamnet.allocate_tensors()
        self._entry = self._yamnet.get_input_details()[0]["index"]
        self._output = self._yamnet.get_output_details()[0]["index"]

    def windows(self, windows: NDArray[np.float32]) -> Heard:
        """Return what both hear in seconds of sound, (windows, 16000) at 16 kHz."""
        logits, features = self._ask_mn04(windows)
        scores = np.stack([self._ask_yamnet(window) for window in windows])
        return Heard(mn04=logits, yamnet=_logit(scores), features=features)

    def recording(self, waveform: NDArray[np.float32]) -> Heard:
        """Return what both hear in a whole recording: mn04 in all of it, YAMNet in its seconds.

        What is shorter than a second is heard with silence behind it.

        Args:
            waveform: (samples,) at 16 kHz.
        """
        whole = np.pad(waveform, (0, max(0, WINDOW_SAMPLES - len(waveform))))
        logits, features = self._ask_mn04(whole[None])
        seconds = range(0, len(whole) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES)
        scores = np.mean([self._ask_yamnet(whole[start:]) for start in seconds], axis=0)
        return Heard(logits, _logit(scores)[None], features)

    @torch.inference_mode()
    def _ask_mn04(
        self, waveforms: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        import soxr

        faster = soxr.resample(waveforms.T, SAMPLE_RATE, efficientat.SAMPLE_RATE).T
        logits, features = self._mn04(torch.from_numpy(np.ascontiguousarray(faster)))
        return np.clip(logits.numpy(), _logit(_LEAST), -_logit(_LEAST)), features.numpy()

    def _ask_yamnet(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        self._yamnet.set_tensor(self._entry, waveform[:_YAMNET_SAMPLES])
        self._yamnet.invoke()
        scores: NDArray[np.float32] = self._yamnet.get_tensor(self._output)[0]
        return scores.copy()


class OpinionFile:
    """What teachers said of recordings, kept on disk: each is asked about once.

    Args:
        path: An ``.npz`` file; made where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Heard] = {}
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
                if done % _SAVE_EVERY == 0:
                    self._save()
            progress(done, len(keys))
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


def _logit(probabilities: NDArray[np.float32] | float) -> NDArray[np.float32]:
    bounded = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(bounded / (1 - bounded)), np.float32)
