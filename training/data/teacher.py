"""What a larger network heard in the training clips: lessons beside the labels, never shipped."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import CorpusError
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES

from .corpus import Clip, Corpus
from .linear_classifier import out_of_fold_probabilities


@dataclass(frozen=True)
class TeacherOutputs:
    """A teacher's outputs for each whole second of some clips.

    Args:
        probabilities: (seconds, tags) float32, of tags, by a linear classifier on the features.
        features: (seconds, features) float32, standardized.
        first: (clips + 1,) index of each clip's first second; a clip may have none.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]
    first: NDArray[np.int64]

    def of_windows(
        self, clips: NDArray[np.int64], starts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Return what the teacher heard in windows of 1 s, between two seconds interpolated.

        Args:
            clips: (n,) indices of clips.
            starts: (n,) seconds into the clip.

        Returns:
            Probabilities (n, tags), features (n, features), and (n,) whether the teacher heard the
            clip at all; where it did not, the rest is 0.
        """
        count = self.first[clips + 1] - self.first[clips]
        known = count > 0
        last = np.maximum(count - 1, 0)
        whole = np.minimum(np.floor(starts).astype(np.int64), last)
        share = np.clip(starts - whole, 0, 1).astype(np.float32)[:, None]
        first = np.where(known, self.first[clips], 0)
        earlier, later = first + whole, first + np.minimum(whole + 1, last)

        def at(values: NDArray[np.float32]) -> NDArray[np.float32]:
            between = (1 - share) * values[earlier] + share * values[later]
            return np.asarray(between * known[:, None], np.float32)

        return at(self.probabilities), at(self.features), known

    def with_unheard(self, count: int) -> Self:
        """Return the same with some clips behind them that the teacher never heard."""
        first = np.concatenate([self.first, np.full(count, self.first[-1])])
        return type(self)(self.probabilities, self.features, first)


def window_starts_in_seconds(
    lengths: NDArray[np.int64], positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where windows start (s), from their clips' lengths (samples) and positions (0 to 1).

    What starts before its clip, in clips shorter than a window, counts as starting with it.
    """
    return np.asarray(positions * np.maximum(lengths - WINDOW_SAMPLES, 0) / SAMPLE_RATE)


def read_teacher(
    path: Path, corpus: Corpus, clips: Sequence[Clip], targets: NDArray[np.float32]
) -> TeacherOutputs:
    """Read a teacher's outputs for clips and fit its classifier to their tags.

    The file has the arrays ``row`` (seconds,), the index of a clip in the whole corpus, and
    ``features`` (seconds, features), in order of time within a clip. The classifier is fitted to
    three quarters of the recordings and asked about the last, four times over: of what it was
    fitted to it would only repeat the labels.

    Args:
        path: An ``.npz`` file.
        corpus: All that ``row`` counts in.
        clips: Those to learn from.
        targets: (clips, tags) float32.

    Raises:
        CorpusError: If the file is missing or broken, or does not cover the clips.
    """
    try:
        with np.load(path) as arrays:
            rows = np.asarray(arrays["row"], np.int64)
            features = np.asarray(arrays["features"], np.float32)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CorpusError(
            f"{path} holds no teacher's outputs ({error}); give an .npz file with the arrays "
            "'row' and 'features'"
        ) from error
    row_of = {clip.path: row for row, clip in enumerate(corpus.clips)}
    seconds_of: dict[int, list[int]] = {row_of[clip.path]: [] for clip in clips}
    for second, row in enumerate(rows.tolist()):
        if row in seconds_of:
            seconds_of[row].append(second)
    for clip in clips:
        if not seconds_of[row_of[clip.path]]:
            raise CorpusError(
                f"{path} has no outputs for {clip.path.name}; make them for the same {corpus.name}"
            )
    seconds = [seconds_of[row_of[clip.path]] for clip in clips]
    count = np.array([len(own) for own in seconds])
    chosen = features[np.concatenate(seconds)]
    chosen = (chosen - chosen.mean(axis=0)) / (chosen.std(axis=0) + 1e-6)
    groups = np.repeat(np.array([clip.group for clip in clips]), count)
    return TeacherOutputs(
        probabilities=out_of_fold_probabilities(chosen, np.repeat(targets, count, axis=0), groups),
        features=chosen,
        first=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
    )
