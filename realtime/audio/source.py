"""What every source of live sound offers, so that one can stand for another."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Takes (samples,) float32 blocks at 16 kHz.
Write = Callable[[NDArray[np.float32]], None]


class AudioSource(Protocol):
    """A stream of 16 kHz mono sound, whatever it is made of.

    Attributes:
        name: To show to people.
        ended: Nothing more will come.
        failure: Why it ended, if not by itself.
    """

    name: str
    ended: bool
    failure: Exception | None

    @property
    def overflows(self) -> int:
        """Times that sound was lost before it got here."""

    @property
    def non_finite(self) -> int:
        """Samples that were NaN, infinite or absurdly loud and became silence."""

    def start(self, write: Write) -> None:
        """Begin to hand blocks to ``write``, from one thread of the source's own.

        Raises:
            AudioError: If the source cannot be opened.
        """

    def close(self) -> None:
        """Stop; no block comes after it returns. Safe to call twice."""
