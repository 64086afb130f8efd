"""From probabilities to events: one sound, one entry, with a start and an end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import UsageError
from earmark.models.streaming.results import WindowResult

from .smoothing import hysteresis_step, smooth_step

# Times are sums of hops; their last digits decide nothing.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class EventSettings:
    """What counts as an event. Each setting has one meaning and touches no other.

    Args:
        smoothing: Time constant in seconds over which probabilities are averaged; 0: not at all.
        release: An event ends when its tag falls below this share of its threshold.
        minimum_duration: Shorter events are dropped (s).
        merge_gap: Events of a tag with no more than this between them are one (s).

    Raises:
        UsageError: If a value is out of range.
    """

    smoothing: float = 0.2
    release: float = 0.7
    minimum_duration: float = 0.2
    merge_gap: float = 0.5

    def __post_init__(self) -> None:
        for name in ("smoothing", "minimum_duration", "merge_gap"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise UsageError(f"{name} must be 0 seconds or more, got {value}")
        if not 0 < self.release <= 1:
            raise UsageError(f"release must lie above 0 and not above 1, got {self.release}")


@dataclass(frozen=True, slots=True)
class TagEvent:
    """A tag that sounded for a while.

    Args:
        tag: Its name.
        start: Seconds from the start of the stream.
        end: Likewise.
        peak: Highest smoothed probability.
        mean: Mean smoothed probability.
        branch: The branch that was surest of it.
    """

    tag: str
    start: float
    end: float
    peak: float
    mean: float
    branch: str


@dataclass
class _Span:
    """An event while it lasts, and until nothing can join it any more."""

    start: float
    end: float
    peak: float
    total: float
    count: int
    by_branch: NDArray[np.float64]

    def joined(self, later: "_Span") -> "_Span":
        return _Span(
            start=self.start,
            end=later.end,
            peak=max(self.peak, later.peak),
            total=self.total + later.total,
            count=self.count + later.count,
            by_branch=self.by_branch + later.by_branch,
        )


class TagTracker:
    """Follows the windows of one stream and reports events once they are complete.

    A window is a second long, a sound may be shorter: a window speaks for the hop around its
    middle, so that events begin and end near the sound's own edges. The first window speaks from
    its start on, the last one to its end. Memory does not grow with the stream.

    Args:
        tags: Names, in the order of the probabilities.
        branches: Names, in the order of the branch probabilities.
        thresholds: (tags,) from which on a tag is heard.
        hop: Seconds between windows.
        settings: What counts as an event.
    """

    def __init__(
        self,
        tags: Sequence[str],
        branches: Sequence[str],
        thresholds: NDArray[np.float32],
        *,
        hop: float,
        settings: EventSettings | None = None,
    ) -> None:
        self._tags = tags
        self._branches = branches
        self._thresholds = thresholds
        self._hop = hop
        self._settings = EventSettings() if settings is None else settings
        self._smoothed: NDArray[np.float32] | None = None
        self._active = np.zeros(len(tags), np.bool_)
        self._spans: dict[int, _Span] = {}
        self._waiting: dict[int, _Span] = {}
        self._last: WindowResult | None = None

    def update(self, result: WindowResult) -> list[TagEvent]:
        """Take the next window and return the events that are complete by it."""
        middle = (result.start + result.end) / 2
        is_first = self._last is None
        seconds = self._hop if self._last is None else result.end - self._last.end
        self._last = result
        self._smoothed = smooth_step(
            self._smoothed,
            result.probabilities,
            seconds=seconds,
            time_constant=self._settings.smoothing,
        )
        was_active = self._active
        self._active = hysteresis_step(
            was_active,
            self._smoothed,
            thresholds=self._thresholds,
            release=self._settings.release,
        )
        start = result.start if is_first else middle - min(seconds, self._hop) / 2
        for tag in np.flatnonzero(self._active | was_active).tolist():
            if self._active[tag]:
                self._extend(tag, start, middle + self._hop / 2, result)
            else:
                self._close(tag)
        return self._complete(now=middle - self._hop / 2)

    def lasting(self) -> list[TagEvent]:
        """Return the events that are not complete yet, as far as they have come."""
        spans = {**self._waiting}
        for tag, span in self._spans.items():
            spans[tag] = self._waiting[tag].joined(span) if tag in self._waiting else span
        return [self._event(tag, span) for tag, span in spans.items()]

    def flush(self) -> list[TagEvent]:
        """End the stream and return the events that were still open."""
        for tag in list(self._spans):
            if self._last is not None:
                self._spans[tag].end = self._last.end
            self._close(tag)
        self._active = np.zeros(len(self._tags), np.bool_)
        return self._complete(now=float("inf"))

    def _extend(self, tag: int, start: float, end: float, result: WindowResult) -> None:
        probability = float(self._smoothed[tag]) if self._smoothed is not None else 0.0
        now = _Span(
            start=start,
            end=end,
            peak=probability,
            total=probability,
            count=1,
            by_branch=result.branch_probabilities[:, tag].astype(np.float64),
        )
        before = self._spans.get(tag)
        self._spans[tag] = now if before is None else before.joined(now)

    def _close(self, tag: int) -> None:
        ended = self._spans.pop(tag)
        earlier = self._waiting.get(tag)
        # One that still waits is near enough: others were complete when this one began.
        self._waiting[tag] = ended if earlier is None else earlier.joined(ended)

    def _complete(self, *, now: float) -> list[TagEvent]:
        """Return the events that waited, and that no span can join that lasts or begins now."""
        gap = self._settings.merge_gap + _ROUNDING
        ready = []
        for tag, span in self._waiting.items():
            lasting = self._spans.get(tag)
            if (now if lasting is None else lasting.start) - span.end > gap:
                ready.append(tag)
        spans = sorted(((self._waiting.pop(tag), tag) for tag in ready), key=lambda s: s[0].start)
        return [
            self._event(tag, span)
            for span, tag in spans
            if span.end - span.start >= self._settings.minimum_duration - _ROUNDING
        ]

    def _event(self, tag: int, span: _Span) -> TagEvent:
        return TagEvent(
            tag=self._tags[tag],
            start=span.start,
            end=span.end,
            peak=span.peak,
            mean=span.total / span.count,
            branch=self._branches[int(span.by_branch.argmax())],
        )
