"""From embeddings of clips and background to a taught tag, with what is to be expected of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.config import BRANCH_NAMES

from .fitting import Row, Tail, fit_row

# Each part of clips and background is once held out; fewer clips than that: each by itself.
_PARTS = 5

# What a window of the background stands for.
_WINDOWS_PER_HOUR = 3_600

#: How often the sound is taken to come where a precision is told: ten times an hour.
OCCURRENCES_PER_HOUR = 10

_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Lesson:
    """What a tag is taught from.

    Args:
        clips: For each clip the embeddings of its windows, (windows, inputs).
        background: (windows, inputs) of other sound, a second each.
        rivals: As ``clips``, of the other taught tags.
        alarms_per_hour: That may be expected where the sound is not.
        within: Covariance of the windows of one recording, (inputs, inputs), where it is known.
    """

    clips: Sequence[_Floats]
    background: _Floats
    rivals: Sequence[_Floats]
    alarms_per_hour: float
    within: _Floats | None = None

    def of_branch(self, index: int) -> "Lesson":
        """Return the same with the embeddings of one branch only."""
        width = self.background.shape[1] // len(BRANCH_NAMES)
        part = slice(index * width, (index + 1) * width)
        return Lesson(
            [clip[:, part] for clip in self.clips],
            self.background[:, part],
            [clip[:, part] for clip in self.rivals],
            self.alarms_per_hour,
            None if self.within is None else self.within[part, part],
        )


@dataclass(frozen=True)
class Expectation:
    """What cross-validation lets expect of a tag: of clips and background it was not fitted to.

    Args:
        clips: Taught from.
        recall: Share of the clips that the tag, taught without them, hears.
        alarms_per_hour: Windows of background an hour that the tag, taught without them, takes
            for its sound.
        background_hours: That this was measured on.
    """

    clips: int
    recall: float
    alarms_per_hour: float
    background_hours: float

    @property
    def precision(self) -> float:
        """Share of right events where the sound comes ten times an hour."""
        # Where none was counted, less than one in the hours measured is all that is known.
        alarms = max(self.alarms_per_hour, 0.5 / self.background_hours)
        right = self.recall * OCCURRENCES_PER_HOUR
        return right / (right + alarms)

    def as_table(self) -> dict[str, object]:
        """Return plain values, to be written as JSON."""
        return {
            "clips": self.clips,
            "recall": round(self.recall, 4),
            "alarms_per_hour": round(self.alarms_per_hour, 3),
            "background_hours": round(self.background_hours, 3),
            "precision": round(self.precision, 4),
            "occurrences_per_hour": OCCURRENCES_PER_HOUR,
        }


def described(measured: Mapping[str, object]) -> str:
    """Return in a line what ``Expectation.as_table`` holds, or that a tag came without it."""
    names = (
        "recall",
        "alarms_per_hour",
        "occurrences_per_hour",
        "precision",
        "clips",
        "background_hours",
    )
    if any(name not in measured for name in names):
        return "it does not say what was measured of it; teach it anew to know"
    recall, alarms, times, precision, clips, hours = (float(str(measured[name])) for name in names)
    return (
        f"expected to hear {recall:.0%} of its sounds, with {alarms:.1f} false alarms an hour; "
        f"where it sounds {times:g} times an hour, {precision:.0%} of what is called so is right "
        f"(cross-validated on {clips:g} clips and {hours:.2f} h of other sound)"
    )


def learn(lesson: Lesson) -> tuple[Row, Expectation]:
    """Fit a row whose score is the logit of a probability, 0 where alarms become too many.

    A probability of one half is where the background, held out, would raise the allowed number of
    alarms an hour; above and below it the odds follow how rare a score is in the background.
    """
    of_clips, of_background = _held_out_scores(lesson)
    tail = Tail.of(of_background)
    limit = tail.score_of(lesson.alarms_per_hour / _WINDOWS_PER_HOUR)
    hours = len(of_background) / _WINDOWS_PER_HOUR
    expectation = Expectation(
        clips=len(lesson.clips),
        recall=float(np.mean([score >= limit for score in of_clips])),
        alarms_per_hour=float((of_background >= limit).sum() / hours),
        background_hours=hours,
    )
    row = fit_row(lesson.clips, lesson.background, lesson.rivals, lesson.within)
    return row.moved(limit, tail.scale), expectation


def _held_out_scores(lesson: Lesson) -> tuple[list[float], _Floats]:
    """Return the best score of each clip and the score of each window of background."""
    n_parts = min(_PARTS, len(lesson.clips))
    of_clips = [0.0] * len(lesson.clips)
    of_background = np.zeros(len(lesson.background), np.float32)
    # Neighbours in the background may be cut from one recording: parts are stretches of it.
    part_of = np.arange(len(of_background)) * n_parts // len(of_background)
    for part in range(n_parts):
        held = range(part, len(lesson.clips), n_parts)
        row = fit_row(
            [clip for i, clip in enumerate(lesson.clips) if i not in held],
            lesson.background[part_of != part],
            lesson.rivals,
            lesson.within,
        )
        for i in held:
            of_clips[i] = float(row.scores(lesson.clips[i]).max())
        of_background[part_of == part] = row.scores(lesson.background[part_of == part])
    return of_clips, of_background
