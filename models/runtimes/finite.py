"""What a runtime hands on is made of numbers, whatever a bundle holds."""

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import BundleError

_Floats = NDArray[np.float32]


def finite(combined: _Floats, by_branch: _Floats) -> tuple[_Floats, _Floats]:
    """Return logits as they are.

    Weights and sound are bounded where they are read; layers behind each other can still leave the
    range of float32, and a result that is NaN would pass for one in every output.

    Raises:
        BundleError: If one of them is NaN or infinite.
    """
    if not (np.isfinite(combined).all() and np.isfinite(by_branch).all()):
        raise BundleError(
            "the bundle gives numbers that are NaN or infinite: its weights leave the range of "
            "float32; export it again from a model that was evaluated"
        )
    return combined, by_branch
