"""What everything that looks back on sound reads it from."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Sound(Protocol):
    """Samples by their index, such as a ring buffer."""

    @property
    def written(self) -> int:
        """Samples so far."""

    def read(self, start: int, count: int) -> NDArray[np.float32] | None:
        """Return samples, or None where they are gone."""
