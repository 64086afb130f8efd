"""Where one looks and listens in a stream: the cursor, the playhead and what is in view."""

from earmark.models.timebase import SAMPLE_RATE, seconds_to_samples
from earmark.realtime.audio.player import Player
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.gui.stream.stream import ObservedStream

from .viewport import Viewport

# Heard before and after an event that is played again (s).
_MARGIN = 0.3


class Playback:
    """Moves the cursor along with what is captured or played.

    Live, the cursor is at the newest window until the view is frozen. In a recording it is the
    playhead.

    Args:
        player: For what is heard again.
    """

    def __init__(self, player: Player) -> None:
        self.player = player
        self.viewport = Viewport()
        self.cursor = 0.0
        self.is_looping = False
        self.is_live = False
        self._stream: ObservedStream | None = None
        self._selected: TagEvent | None = None
        self._was_playing = False

    def attach(self, stream: ObservedStream | None, *, is_live: bool) -> None:
        """Look at another stream, from its beginning."""
        self.player.pause()
        self._stream, self.is_live = stream, is_live
        self._selected = None
        self.cursor = 0.0
        self.viewport = Viewport(span=self.viewport.span)
        if not is_live:
            self.viewport.start = 0.0

    @property
    def is_frozen(self) -> bool:
        """Whether a live view stands still while capture goes on."""
        return self.is_live and not self.viewport.is_following

    @property
    def is_playing(self) -> bool:
        """Whether something is being heard again."""
        return self.player.is_playing

    @property
    def duration(self) -> float:
        """Length of the stream, as far as it is known (s)."""
        if self._stream is None:
            return 0.0
        stated = self._stream.hearing.duration
        return max(self._stream.seconds, 0.0 if stated is None else stated)

    @property
    def playhead(self) -> float | None:
        """Where something is being heard again (s), None where nothing is."""
        if not self.is_live:
            return self.cursor
        return self.player.position / SAMPLE_RATE if self.player.is_playing else None

    def advance(self) -> None:
        """Move along."""
        if self._stream is None:
            return
        if self.is_live:
            self.viewport.follow_newest(self._stream.seconds)
            newest = self._stream.windows.newest
            if newest is not None and not self.is_frozen:
                self.cursor = newest
            return
        # Once more after it ends, so that the cursor stays where the sound did.
        if self.player.is_playing or self._was_playing:
            self.cursor = self.player.position / SAMPLE_RATE
        self._was_playing = self.player.is_playing
        self.viewport.follow_playhead(self.cursor, self.duration)

    def toggle(self) -> None:
        """Freeze the live view or let it go on; play a recording or pause it."""
        if self.is_live:
            self.viewport.is_following = not self.viewport.is_following
        elif self.player.is_playing:
            self.player.pause()
        else:
            self.play()

    def play(self) -> None:
        """Play from the cursor on; from the beginning where it is at the end."""
        if self.is_looping:
            self._loop()
            return
        start = 0.0 if self.cursor >= self.duration - 0.05 else self.cursor
        self.viewport.is_following = True
        self._begin(seconds_to_samples(start), None)

    def seek(self, seconds: float) -> None:
        """Put the cursor somewhere; what plays goes on from there."""
        was_playing = self.player.is_playing
        self.cursor = min(max(0.0, seconds), self.duration)
        if self.is_live:
            self.viewport.is_following = False
        elif was_playing:
            self.is_looping = False
            self.play()

    def show(self, start: float, end: float) -> None:
        """Show a stretch that somebody dragged or wheeled into view."""
        self.viewport.show(start, end)

    def zoom(self, factor: float) -> None:
        """Show a longer (above 1) or a shorter stretch of time."""
        self.viewport.zoom(factor)

    def follow(self) -> None:
        """Go back to the newest sound, or to the playhead."""
        self.viewport.is_following = True

    def hear(self, event: TagEvent) -> None:
        """Play an event again, with a little before and after it."""
        self._selected = event
        if self.is_looping:
            self._loop()
            return
        start, end = self._around(event)
        self._begin(start, end)

    def set_looping(self, is_looping: bool) -> None:
        """Play the event that was chosen last, or all, over and over; or not any more."""
        self.is_looping = is_looping
        if is_looping:
            self._loop()
        elif self.player.is_playing:
            self.player.pause()
            if not self.is_live:
                self.play()

    def _loop(self) -> None:
        event = self._selected
        start: int
        end: int | None
        start, end = (0, None) if event is None else self._around(event)
        self._begin(start, end, loop=True)

    def _begin(self, start: int, end: int | None, *, loop: bool = False) -> None:
        if self._stream is not None:
            # However soon it is over, the cursor goes to where it ended.
            self._was_playing = True
            self.player.play(self._stream.hearing.sound, start, end, loop=loop)

    def _around(self, event: TagEvent) -> tuple[int, int]:
        oldest = 0.0 if self._stream is None else self._stream.oldest
        start = max(oldest, event.start - _MARGIN)
        return seconds_to_samples(start), seconds_to_samples(event.end + _MARGIN)
