"""Which stretch of a stream is on the screen, and whether it moves along."""

from dataclasses import dataclass

_SHORTEST = 2.0
_LONGEST = 3_600.0


@dataclass
class Viewport:
    """The visible stretch of the timeline, in seconds of the stream.

    Args:
        span: How long it is.
        start: Its left edge.
        is_following: Whether it moves with the newest sound, or with the playhead.
    """

    span: float = 20.0
    start: float = -20.0
    is_following: bool = True

    @property
    def end(self) -> float:
        """Its right edge."""
        return self.start + self.span

    def follow_newest(self, seconds: float) -> None:
        """Keep the newest sound at the right edge, if it follows."""
        if self.is_following:
            self.start = seconds - self.span

    def follow_playhead(self, position: float, duration: float) -> None:
        """Keep the playhead in the middle, as far as the recording goes, if it follows."""
        if self.is_following:
            latest = max(0.0, duration - self.span)
            self.start = min(max(0.0, position - self.span / 2), latest)

    def show(self, start: float, end: float) -> None:
        """Show a stretch that somebody chose; it stays where it is."""
        self.span = min(max(end - start, _SHORTEST), _LONGEST)
        self.start = start
        self.is_following = False

    def zoom(self, factor: float) -> None:
        """Show a longer stretch (above 1) or a shorter one, around what is followed."""
        span = min(max(self.span * factor, _SHORTEST), _LONGEST)
        if not self.is_following:
            self.start += (self.span - span) / 2
        self.span = span
