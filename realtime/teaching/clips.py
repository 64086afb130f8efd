"""The clips that a tag is taught from: whole files, or spans marked in longer ones."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from earmark.models.audio.decoding import SoundReader
from earmark.models.errors import UsageError
from earmark.models.timebase import SAMPLE_RATE, WINDOW_SAMPLES, samples_to_seconds

_SPAN = re.compile(r"(?P<path>.+)@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)")

#: Seconds of a clip without a span: in a longer one, most is likely to be something else.
LONGEST_CLIP: Final = 30.0


@dataclass(frozen=True)
class ClipSpan:
    """A clip as it was named on the command line.

    Args:
        path: Of the recording.
        start: Where the sound begins, in seconds of the recording.
        end: Where it ends; None: with the recording.
    """

    path: Path
    start: float = 0.0
    end: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the clip for ``yard.wav`` or ``yard.wav@3.2-4.5``.

        Raises:
            UsageError: If the span ends before it begins.
        """
        found = _SPAN.fullmatch(text)
        # A file may be called like a span: what is there is meant.
        if found is None or Path(text).exists():
            return cls(Path(text))
        start, end = float(found["start"]), float(found["end"])
        if end <= start:
            raise UsageError(f"the span of {text} ends at {end} s, before it begins at {start} s")
        return cls(Path(found["path"]), start, end)

    def __str__(self) -> str:
        """Return what ``parse`` reads, with the whole path."""
        path = self.path.absolute()
        return str(path) if self.end is None else f"{path}@{self.start:g}-{self.end:g}"

    def read(self) -> NDArray[np.float32]:
        """Return its sound, (samples,) float32 at 16 kHz.

        A span shorter than a window is widened to one by what is around it in the recording, as
        the sound would be heard live. Only a recording that is itself shorter stays so.

        Raises:
            AudioError: If the recording cannot be read.
            UsageError: If the span lies behind its end, or there is none in a long recording.
        """
        begin = round(self.start * SAMPLE_RATE)
        end = None if self.end is None else round(self.end * SAMPLE_RATE)
        spare = 0 if end is None else max(0, WINDOW_SAMPLES - (end - begin))
        # One window more is read than the widest span needs: it may lie at the recording's end.
        wanted = LONGEST_CLIP * SAMPLE_RATE + 1 if end is None else end + WINDOW_SAMPLES
        sound = self._beginning(wanted)
        if end is None:
            if len(sound) > LONGEST_CLIP * SAMPLE_RATE:
                raise UsageError(
                    f"{self.path} is longer than {LONGEST_CLIP:g} s: mark where the sound is, such "
                    f"as {self.path.name}@3.2-4.5 (seconds)"
                )
            return sound
        if end > len(sound):
            raise UsageError(
                f"the span of {self} ends at {self.end:g} s, but the recording at "
                f"{samples_to_seconds(len(sound)):.2f} s"
            )
        first = max(0, min(begin - spare // 2, len(sound) - WINDOW_SAMPLES))
        return sound[first : max(end, first + WINDOW_SAMPLES)]

    def read_any_length(self) -> NDArray[np.float32]:
        """Return its sound as ``read`` does, but a recording without a span may be long.

        Raises:
            AudioError: If the recording cannot be read.
            UsageError: If the span lies behind its end.
        """
        return self._beginning(float("inf")) if self.end is None else self.read()

    def _beginning(self, wanted: float) -> NDArray[np.float32]:
        blocks, held = [], 0
        for block in SoundReader(self.path):
            blocks.append(block)
            held += len(block)
            if held >= wanted:
                break
        return np.concatenate(blocks)
