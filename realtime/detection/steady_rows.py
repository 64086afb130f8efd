"""Which tags are shown in which rows, so that eyes can rest on them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class SteadyRows:
    """Keeps the likeliest tags in view, each in its own row for as long as it is shown.

    A tag gives its row away once it has not been among the likeliest for some updates.

    Args:
        n_rows: Rows beside those of pinned tags.
        patience: Updates that a tag may be less likely before another takes its row.
    """

    def __init__(self, n_rows: int, *, patience: int = 5) -> None:
        self._n_rows = n_rows
        self._patience = patience
        self._absent_for: dict[int, int] = {}
        self._pinned: list[int] = []

    @property
    def tags(self) -> list[int]:
        """The tags in view, pinned ones first, each in the place of its row."""
        return [*self._pinned, *self._absent_for]

    def pin(self, tags: Sequence[int]) -> None:
        """Show these always, in rows of their own."""
        self._pinned = list(tags)
        for tag in self._pinned:
            self._absent_for.pop(tag, None)

    def update(self, probabilities: NDArray[np.float32]) -> None:
        """Take the newest (tags,) probabilities into account."""
        order = np.argsort(-probabilities, kind="stable")[: self._n_rows + len(self._pinned)]
        best = [tag for tag in order.tolist() if tag not in self._pinned][: self._n_rows]
        for tag in self._absent_for:
            self._absent_for[tag] += 1
        for tag in best:
            if tag in self._absent_for:
                self._absent_for[tag] = 0
                continue
            if len(self._absent_for) >= self._n_rows:
                oldest = max(self._absent_for, key=lambda shown: self._absent_for[shown])
                if self._absent_for[oldest] < self._patience:
                    continue
                self._absent_for = {
                    tag if t == oldest else t: a for t, a in self._absent_for.items()
                }
            self._absent_for[tag] = 0
