"""The tokens of a branch as a small image, so that one sees what it is given."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: What the image of each branch shows.
CAPTIONS: Final = {
    "pitch": "constant-Q peaks",
    "timbre": "MFCC",
    "waveform": "filter responses",
    "neuralogram": "MobileNet",
}

# A thousand features on a hundred pixels: of each group the strongest is seen.
_MOST_ROWS = 128


def branch_picture(tokens: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return an image of a window's tokens.

    Args:
        tokens: (tokens, features) of one branch.

    Returns:
        (features or fewer, tokens) bytes, the first feature at the bottom, stretched over the
        range from the 2nd to the 98th percentile.
    """
    rows = tokens.T[::-1]
    if len(rows) > _MOST_ROWS:
        group = -(-len(rows) // _MOST_ROWS)
        rows = np.maximum.reduceat(rows, np.arange(0, len(rows), group), axis=0)
    is_binary = bool(((rows == 0) | (rows == 1)).all())
    low, high = (0.0, 1.0) if is_binary else np.percentile(rows, [2, 98])
    scaled = (rows - low) / max(float(high - low), 1e-6)
    return np.ascontiguousarray(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
