"""Writes what is heard live into a history file."""

from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.level import level_at
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.history.entries import EventEntry, GapEntry
from earmark.realtime.history.minutes import MinuteSummaries
from earmark.realtime.history.writer import HistoryWriter

from .base import LiveStream
from .items import Gap, Item


class HistorySink:
    """Events, gaps and a summary of each minute.

    An event is committed before ``take`` returns, and sinks behind this one are told of it only
    then: whatever was reported is in the file, even if the process is killed right after. The
    commit itself happens in the writer's thread, and is waited for a quarter of a second at most:
    a disk that hangs delays one event by that much, then no other; a queue alone would lose what
    waits in it when the process is killed, and writing here would hang with the disk.

    Args:
        writer: Of the file; closed with this.
        stream: What is listened to.
    """

    name = "history"

    def __init__(self, writer: HistoryWriter, stream: LiveStream) -> None:
        self._writer = writer
        self._stream = stream
        self._minutes = MinuteSummaries(stream.tags, stream.thresholds, hop=stream.hop)

    def take(self, item: Item) -> None:
        """Write an item, if it is of those that are kept."""
        if isinstance(item, WindowResult):
            # A window speaks for its middle, as for events.
            time = self._time_of((item.start + item.end) / 2)
            level = level_at(self._stream.sound, item.end_sample).rms_dbfs
            if minute := self._minutes.add(time, item.probabilities, level):
                self._writer.add(minute)
        elif isinstance(item, TagEvent):
            self._writer.add(
                EventEntry(
                    tag=item.tag,
                    began=self._time_of(item.start),
                    ended=self._time_of(item.end),
                    at=round(item.start, 4),
                    at_end=round(item.end, 4),
                    peak=round(item.peak, 6),
                    mean=round(item.mean, 6),
                    branch=item.branch,
                )
            )
            self._writer.settle()
        elif isinstance(item, Gap):
            self._writer.add(GapEntry(self._time_of(item.start), self._time_of(item.end)))

    def close(self) -> None:
        """Write the minute that has begun, and close the file."""
        if minute := self._minutes.finish():
            self._writer.add(minute)
        self._writer.close()

    def _time_of(self, seconds: float) -> float:
        return round(self._stream.clock.time_of(seconds), 6)
