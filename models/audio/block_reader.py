"""What files and pipes are read through, whichever of them it is."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class BlockReader(Iterable[NDArray[np.float32]], Protocol):
    """A recording as blocks of (samples,) float32 at 16 kHz; iterate over it once.

    Attributes:
        non_finite: Samples that were NaN, infinite or absurdly loud and became silence so far.
    """

    non_finite: int
