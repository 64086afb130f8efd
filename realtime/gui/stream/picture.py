"""What of a stream is to be seen between two times, cut to the size of the screen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.realtime.detection.events import TagEvent

from .spectrogram import COARSE, COLUMNS_PER_SECOND
from .stream import ObservedStream

# From this many fine columns on, the coarse ones are enough for any screen.
_MOST_FINE_COLUMNS = 6_000

_MOST_POINTS = 1_500


@dataclass(frozen=True)
class Picture:
    """A stretch of a stream.

    Args:
        image: (mels, columns) bytes, low frequencies first.
        image_start: Seconds at the left edge of the image.
        image_end: At its right edge.
        times: (points,) seconds of the curves.
        curves: (points, tags) smoothed probabilities.
        events: Those that reach into the stretch.
    """

    image: NDArray[np.uint8]
    image_start: float
    image_end: float
    times: NDArray[np.float64]
    curves: NDArray[np.float32]
    events: Sequence[TagEvent]


def take_picture(stream: ObservedStream, start: float, end: float, tags: Sequence[int]) -> Picture:
    """Return what is to be seen between two times.

    Args:
        stream: What was heard.
        start: In seconds.
        end: In seconds.
        tags: Whose curves are shown.
    """
    per_column = 1 / COLUMNS_PER_SECOND
    columns = stream.spectrogram.fine
    if (end - start) / per_column > _MOST_FINE_COLUMNS:
        columns, per_column = stream.spectrogram.coarse, per_column * COARSE
    first = max(columns.first, int(start / per_column))
    last = min(columns.end, int(np.ceil(end / per_column)) + 1)
    image = columns.read(first, last)
    times, curves = _curves(stream, start, end, tags)
    return Picture(
        image=np.ascontiguousarray(image.T),
        image_start=first * per_column,
        image_end=(first + len(image)) * per_column,
        times=times,
        curves=curves,
        events=stream.events.between(start, end, merge_gap=stream.settings.merge_gap),
    )


def _curves(
    stream: ObservedStream, start: float, end: float, tags: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    windows = stream.windows
    first, last = windows.between(start - stream.hop, end + stream.hop)
    step = max(1, -(-(last - first) // _MOST_POINTS))
    # On a grid of its own, so that what is shown does not dance while it moves.
    first -= first % step
    rows = windows.smoothed(first, last)[:, list(tags)]
    times = windows.middles(first, first + len(rows))[: len(rows)]
    if step > 1:
        at = np.arange(0, len(rows), step)
        rows = np.maximum.reduceat(rows, at, axis=0) if len(rows) else rows
        times = times[at]
    return times, rows
