"""One recording, from its samples to windows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earmark.models.audio.block_reader import BlockReader
from earmark.models.errors import AudioError
from earmark.models.streaming.analysis import stretches_of
from earmark.models.streaming.batch import Stretch
from earmark.models.timebase import samples_to_seconds


@dataclass(eq=False)
class Recording:
    """A recording while it is being tagged.

    Args:
        name: Written in its records.
        open_reader: Opens it, once; raises ``AudioError`` if it cannot be read.

    Attributes:
        samples: Read so far; none at its end, if not even its beginning could be read.
        problems: What was wrong with it, a line each; the records made are none the worse.
    """

    name: str
    open_reader: Callable[[], BlockReader]
    samples: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Seconds read so far."""
        return samples_to_seconds(self.samples)

    def stretches(self, hop_samples: int) -> Iterator[Stretch]:
        """Read it and give its windows; what cannot be read ends them and is a problem."""
        try:
            reader = self.open_reader()
        except AudioError as error:
            self.problems.append(str(error))
            return
        yield from stretches_of(self._blocks(reader), hop_samples)
        if reader.non_finite:
            self.problems.append(
                f"{self.name}: {reader.non_finite} samples were NaN or infinite, or "
                "a million times full scale, and were taken for silence"
            )

    def _blocks(self, reader: BlockReader) -> Iterator[NDArray[np.float32]]:
        try:
            for block in reader:
                self.samples += len(block)
                yield block
        except AudioError as error:
            # It broke off: what was read is tagged to its end, then the error is told.
            self.problems.append(str(error))
