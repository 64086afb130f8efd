"""Records of what is heard live, line by line, in any of the formats."""

from typing import TextIO

from earmark.models.errors import OutputError
from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.files.formats.guarded import GuardedWriter
from earmark.realtime.files.formats.writer import FORMATS, Kind, open_writer
from earmark.realtime.files.records import Record, TagChoice, event_record, window_record

from .base import LiveStream
from .items import Gap, Item, StateChange
from .messages import time_of_day


class LinesSink:
    """Writes a record of each window or event; each is with the system when ``take`` returns.

    JSON lines also have the time of day, how late a window's result was and how the source is doing
    (``liveness``), a line when something happens to it, and one for each stretch not heard
    (``gap``). A stream to which nothing happens has records only.

    Args:
        form: Name of the format.
        output: Open text stream.
        stream: What is listened to.
        choice: Which tags the records of windows list.
        has_events: Whether events are written, not windows; some formats have only them.

    Attributes:
        failure: Why nothing more is written, None while it is.

    Raises:
        OutputError: If the stream cannot be written; so does ``take``.
    """

    name = "lines"

    def __init__(
        self, form: str, output: TextIO, stream: LiveStream, choice: TagChoice, *, has_events: bool
    ) -> None:
        has_events = has_events or "windows" not in FORMATS[form].kinds
        self._kind: Kind = "events" if has_events else "windows"
        self._writer = GuardedWriter(output, lambda: open_writer(form, output, self._kind))
        self._stream = stream
        self._choice = choice
        self._is_jsonl = form == "jsonl"
        self._liveness = Liveness.LISTENING
        self._is_closed = False
        self.failure: OutputError | None = None

    def take(self, item: Item) -> None:
        """Write an item, if it is of those that are written."""
        source = self._stream.source
        if isinstance(item, TagEvent):
            if self._kind == "events":
                self._write(event_record(source, item), item.start)
        elif isinstance(item, WindowResult):
            if self._kind == "windows":
                self._write_window(item)
        elif self._is_jsonl and isinstance(item, StateChange):
            before, self._liveness = self._liveness, item.liveness
            is_usual = item.liveness in (before, Liveness.ENDED) and not item.reason
            if not is_usual:
                told = {"liveness": item.liveness.value, "reason": item.reason}
                self._write({"file": source, "at": round(item.at, 4), **told}, item.at)
        elif self._is_jsonl and isinstance(item, Gap):
            span = {"start": round(item.start, 4), "end": round(item.end, 4)}
            self._write({"file": source, **span, "gap": True}, item.start)

    def close(self) -> None:
        """Write what comes at the end."""
        if not self._is_closed and self.failure is None:
            self._is_closed = True
            self._writer.close()

    def _write_window(self, result: WindowResult) -> None:
        record = window_record(self._stream.source, result, self._choice)
        if self._is_jsonl:
            record = {**record, "liveness": self._liveness.value}
            if result.latency_seconds is not None:
                record = {**record, "latency": round(result.latency_seconds, 4)}
        self._write(record, result.start)

    def _write(self, record: Record, seconds: float) -> None:
        if self._is_jsonl:
            record = {**record, "time": time_of_day(self._stream, seconds)}
        try:
            self._writer.write(record)
        except OutputError as error:
            self.failure = error
            raise
