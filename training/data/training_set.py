"""Waveforms with their targets, and the drawing of windows from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.timebase import WINDOW_SAMPLES, window_starts

from ..recipe import StageSettings
from .teacher import TeacherOutputs, window_starts_in_seconds

#: That a finished model is given.
WINDOWS_AT_ONCE: Final = 64


@dataclass(frozen=True)
class TrainingSet:
    """Clips in memory.

    Args:
        waveforms: One per clip, (samples,) float32 at 16 kHz, any length.
        targets: (clips, tags) float32, 1 where a clip carries a tag.
        teacher: What a larger network heard in them, if one was asked.
    """

    waveforms: Sequence[NDArray[np.float32]]
    targets: NDArray[np.float32]
    teacher: TeacherOutputs | None = None

    @property
    def n_tags(self) -> int:
        """How many tags there are."""
        return int(self.targets.shape[1])

    def __len__(self) -> int:
        return len(self.waveforms)

    @cached_property
    def seconds_of_clips(self) -> NDArray[np.int64]:
        """How many windows fill each clip, at least one."""
        return np.array([max(1, len(w) // WINDOW_SAMPLES) for w in self.waveforms])

    @property
    def seconds(self) -> int:
        """How many windows fill all clips."""
        return int(self.seconds_of_clips.sum())

    def window(self, clip: int, position: float) -> NDArray[np.float32]:
        """Cut one window.

        Args:
            clip: Index of the clip.
            position: 0 for the earliest window, 1 for the latest. A clip shorter than a window is
                padded with silence, before it for 1 and behind it for 0.

        Returns:
            (16000,) float32.
        """
        waveform = self.waveforms[clip]
        spare = len(waveform) - WINDOW_SAMPLES
        if spare >= 0:
            start = round(position * spare)
            return waveform[start : start + WINDOW_SAMPLES]
        before = round(position * -spare)
        return np.pad(waveform, (before, -spare - before))

    def lessons(
        self, clips: NDArray[np.int64], positions: NDArray[np.float64], distillation: float
    ) -> NDArray[np.float32]:
        """Return what windows teach.

        Args:
            clips: (n,) indices of clips.
            positions: (n,) of the windows in their clips, between 0 and 1.
            distillation: Share of the teacher's probabilities beside the labels.

        Returns:
            (n, tags) targets; where there is a teacher, its features and whether they are known
            behind them, (n, tags + features + 1).
        """
        targets = self.targets[clips]
        if self.teacher is None:
            return targets
        lengths = np.array([len(self.waveforms[clip]) for clip in clips], np.int64)
        starts = window_starts_in_seconds(lengths, positions)
        probabilities, features, known = self.teacher.of_windows(clips, starts)
        share = distillation * known[:, None].astype(np.float32)
        softened = (1 - share) * targets + share * probabilities
        return np.concatenate([softened, features, known[:, None]], axis=1, dtype=np.float32)


def places_of(waveforms: Sequence[NDArray[np.float32]], hop_samples: int) -> list[tuple[int, int]]:
    """Return the windows that files would be cut into, as (index of the clip, first sample)."""
    return [
        (clip, start)
        for clip, waveform in enumerate(waveforms)
        for start in window_starts(len(waveform), hop_samples)
    ]


def cut_windows(
    waveforms: Sequence[NDArray[np.float32]], places: Sequence[tuple[int, int]]
) -> NDArray[np.float32]:
    """Return the windows at some places, (n, 16000); short clips are padded behind them."""
    cut = [waveforms[clip][start : start + WINDOW_SAMPLES] for clip, start in places]
    return np.stack([np.pad(window, (0, WINDOW_SAMPLES - len(window))) for window in cut])


def window_batches(
    waveforms: Sequence[NDArray[np.float32]], places: Sequence[tuple[int, int]]
) -> Iterator[NDArray[np.float32]]:
    """Give the windows at some places, ``WINDOWS_AT_ONCE`` of them at a time, (n, 16000)."""
    for first in range(0, len(places), WINDOWS_AT_ONCE):
        yield cut_windows(waveforms, places[first : first + WINDOWS_AT_ONCE])


@dataclass(frozen=True)
class Draw:
    """Which windows an epoch learns from, in order."""

    clips: NDArray[np.int64]
    positions: NDArray[np.float64]


def draw_windows(
    training_set: TrainingSet, settings: StageSettings, generator: np.random.Generator
) -> Draw:
    """Draw the windows of one epoch.

    A clip is drawn as often as it has seconds, and more often the rarer its rarest tag is, as
    ``settings.balance`` says; without balance, each second is drawn once. Clips without tags get
    ``settings.untagged_share`` of all windows, if that is not 0.
    """
    seconds = training_set.seconds_of_clips
    count = settings.windows_per_epoch or int(seconds.sum())
    is_plain = settings.balance == 0 and settings.untagged_share == 0
    if is_plain and count == seconds.sum():
        clips = np.repeat(np.arange(len(seconds)), seconds)
        clips = generator.permutation(clips)
    else:
        weights = seconds * rarity(training_set.targets) ** settings.balance
        untagged = training_set.targets.sum(axis=1) == 0
        if settings.untagged_share and untagged.any():
            weights[untagged] *= settings.untagged_share / weights[untagged].sum()
            weights[~untagged] *= (1 - settings.untagged_share) / weights[~untagged].sum()
        clips = generator.choice(len(seconds), size=count, p=weights / weights.sum())
    return Draw(clips=clips, positions=generator.random(len(clips)))


def rarity(targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return for each clip the inverse of how many clips carry its rarest tag.

    Clips without any tag count as carrying the commonest one.
    """
    carried = targets.sum(axis=0)
    rarest = np.where(targets > 0, carried, np.inf).min(axis=1)
    return np.asarray(1 / np.where(np.isinf(rarest), carried.max(), rarest))
