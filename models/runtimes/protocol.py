"""How a model is run: block by block, then window by window, on whatever runs it best."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

#: Arrays or tensors, as the runtime likes them; each has a row for each block.
Features = tuple[Any, ...]


class Runtime(Protocol):
    """A model, cut where a stream can keep what it has computed.

    A window consists of blocks: each is heard by itself, and once, however many windows it belongs
    to. What a runtime keeps of a block is its own business.
    """

    #: Samples in the blocks of each kind; a window is a whole number of each.
    block_sizes: tuple[int, ...]

    def features(self, blocks: NDArray[np.float32]) -> Features:
        """Return what is to be kept of blocks of one kind.

        Args:
            blocks: (blocks, samples), the samples one of ``block_sizes``.
        """

    def logits(
        self, features: Sequence[Features], first: Sequence[NDArray[np.int64]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return combined logits (windows, tags) and branch logits (windows, branches, tags).

        Args:
            features: Of each kind of blocks, in the order of ``block_sizes``.
            first: For each kind (windows,): the row of each window's first block; its other blocks
                follow.
        """
