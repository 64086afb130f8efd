"""Teaches a bundle a tag: reads the clips, listens to them, and says what to expect."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.bundle.background import Background
from earmark.models.bundle.load import Bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import UsageError
from earmark.models.taught.folder import checked_name
from earmark.models.taught.tag import BaseBundle, TaughtTag
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES, window_starts

from .clips import ClipSpan
from .embedder import Embedder
from .lesson import Expectation, Lesson, learn

FEWEST_CLIPS: Final = 3
MOST_CLIPS: Final = 20

_CLIP_HOP = SAMPLE_RATE // 5
_BACKGROUND_HOP = SAMPLE_RATE

# Windows of a clip that are fainter than its loudest by more are its silence, not its sound.
_FAINTEST_DB = 30.0

_STAND_IN_SECONDS = 120

_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Assignment:
    """What is to be taught.

    Args:
        name: Of the tag.
        clips: Of its sound.
        background: Recordings without it, beside those of the bundle.
        rivals: Clips of other taught tags.
        alarms_per_hour: That may be expected where the sound is not.

    Raises:
        UsageError: If there are too few clips or too many, one is named twice, or a value is out
            of range.
    """

    name: str
    clips: Sequence[ClipSpan]
    background: Sequence[ClipSpan] = ()
    rivals: Sequence[ClipSpan] = ()
    alarms_per_hour: float = 1.0

    def __post_init__(self) -> None:
        if not FEWEST_CLIPS <= len(self.clips) <= MOST_CLIPS:
            raise UsageError(
                f"a tag is taught from {FEWEST_CLIPS} to {MOST_CLIPS} clips, got {len(self.clips)}"
            )
        named = [str(clip) for clip in self.clips]
        if twice := sorted({clip for clip in named if named.count(clip) > 1}):
            raise UsageError(f"each clip may be given once, but {twice[0]} is given twice")
        if not 0 < self.alarms_per_hour <= 3_600:
            raise UsageError(
                f"false alarms an hour must lie above 0, got {self.alarms_per_hour:g}; 1 is usual"
            )
        checked_name(self.name)


class Teacher:
    """Teaches tags on one bundle.

    Args:
        bundle: Without taught tags.
        background: That it brings along, or None.
        tell: Told in a line what is being done.
    """

    def __init__(
        self,
        bundle: Bundle,
        background: Background | None,
        *,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._metadata = bundle.metadata
        self._embedder = Embedder(bundle)
        self._background = background
        self._tell = tell

    def teach(self, assignment: Assignment) -> tuple[TaughtTag, Expectation]:
        """Return the tag, not saved yet, and what is to be expected of it.

        Raises:
            AudioError: If a clip cannot be read.
            UsageError: If a clip's span does not lie in it, or the bundle has the tag already.
        """
        known = {tag.lower(): tag for tag in self._metadata.vocabulary}
        if (name := assignment.name.strip()).lower() in known:
            raise UsageError(
                f"{self._metadata.name} knows the tag {known[name.lower()]!r} already; give "
                "another name"
            )
        clips = []
        for i, clip in enumerate(assignment.clips):
            self._tell(f"clip {i + 1} of {len(assignment.clips)}: {clip.path.name}")
            clips.append(self.listen(clip.read()))
        lesson = Lesson(
            clips=clips,
            background=self._all_background(assignment.background),
            rivals=[self.listen(rival.read()) for rival in assignment.rivals],
            alarms_per_hour=assignment.alarms_per_hour,
            within=None if self._background is None else self._background.within,
        )
        self._tell(f"cross-validating on {len(lesson.background)} windows of other sound")
        row, expectation = learn(lesson)
        rows = [learn(lesson.of_branch(i))[0] for i in range(len(BRANCH_NAMES))]
        tag = TaughtTag(
            name=name,
            base=BaseBundle.of(self._metadata),
            weight=row.weight,
            bias=row.bias,
            branch_weight=np.stack([branch.weight for branch in rows]),
            branch_bias=np.array([branch.bias for branch in rows], np.float32),
            threshold=0.5,
            clips=tuple(map(str, assignment.clips)),
            background=tuple(map(str, assignment.background)),
            measured={
                **expectation.as_table(),
                "allowed_alarms_per_hour": assignment.alarms_per_hour,
                "background_of_bundle": self._background is not None,
            },
            created=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        )
        return tag, expectation

    def listen(self, sound: _Floats) -> _Floats:
        """Return the embeddings of the windows of a clip in which its sound is.

        A clip shorter than a window is heard at the window's start, middle and end.
        """
        spare = WINDOW_SAMPLES - len(sound)
        if spare > 0:
            places = [np.pad(sound, (n, spare - n)) for n in (0, spare // 2, spare)]
            return np.concatenate(self._embedder.embed_all(places, WINDOW_SAMPLES))
        starts = window_starts(len(sound), _CLIP_HOP)
        power = np.array([np.mean(sound[s : s + WINDOW_SAMPLES] ** 2) for s in starts])
        found = self._embedder.embed(sound, _CLIP_HOP)
        is_loud = power >= power.max() * 10 ** (-_FAINTEST_DB / 10)
        return np.asarray(found[is_loud], np.float32)

    def _all_background(self, recordings: Sequence[ClipSpan]) -> _Floats:
        parts = [] if self._background is None else [self._background.embeddings]
        for recording in recordings:
            self._tell(f"background: {recording.path.name}")
            sound = recording.read_any_length()
            parts.append(self._embedder.embed(sound, _BACKGROUND_HOP))
        if not parts:
            self._tell(
                f"{self._metadata.name} brings no background, and no --background was given: "
                "only silence and noise stand for what is not this sound; expect more false alarms"
            )
            parts = self._embedder.embed_all([_stand_in()], _BACKGROUND_HOP)
        return np.concatenate(parts)


def _stand_in() -> _Floats:
    """Return silence and white noise from -80 to -20 dB of full scale, louder by the second."""
    generator = np.random.default_rng(0)
    levels = np.linspace(-80, -20, _STAND_IN_SECONDS)
    noise = generator.standard_normal((_STAND_IN_SECONDS, SAMPLE_RATE))
    noise *= 10 ** (levels[:, None] / 20)
    noise[::10] = 0
    return noise.reshape(-1).astype(np.float32)
