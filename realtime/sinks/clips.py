"""Saves a clip of each event that is heard live."""

import logging
from datetime import UTC, datetime

from earmark.realtime.detection.events import TagEvent
from earmark.realtime.recording.clip_folder import ClipFolder, file_name
from earmark.realtime.recording.recorder import ClipRecorder

from .base import LiveStream
from .items import Item

_LOG = logging.getLogger("earmark")


class ClipSink:
    """Hands events on to a recorder, which writes in a thread of its own.

    Args:
        folder: Of the clips; closed with this.
        stream: What is listened to.
        before: Heard before an event in its clip (s).
        after: Heard after it (s).
    """

    name = "clips"

    def __init__(
        self, folder: ClipFolder, stream: LiveStream, *, before: float, after: float
    ) -> None:
        self._stream = stream
        self._recorder = ClipRecorder(
            folder,
            stream.sound,
            on_problem=lambda problem: _LOG.warning("%s", problem),
            before=before,
            after=after,
            name=self._name_of,
        )
        self._recorder.start()

    def take(self, item: Item) -> None:
        """Have a clip written, if it is an event; never waits."""
        if isinstance(item, TagEvent):
            self._recorder.add([item])

    def close(self) -> None:
        """Write what waits, for five seconds at most."""
        self._recorder.close()

    def _name_of(self, event: TagEvent) -> str:
        # In UTC: names sort by time, in the hour that the clock repeats in autumn, too.
        began = datetime.fromtimestamp(self._stream.clock.time_of(event.start), UTC)
        return f"{began:%Y%m%dT%H%M%S}.{began.microsecond // 1000:03}Z {file_name(event.tag)}"
