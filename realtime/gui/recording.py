"""The record button: a session, or a clip of each event."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from earmark.realtime.events import TagEvent
from earmark.realtime.history.stream import ObservedStream
from earmark.realtime.recorder import ClipRecorder, Recorder, SessionRecorder, file_name, unused
from earmark.realtime.results import WindowResult

from .settings import AppSettings


def recordings_folder(settings: AppSettings) -> Path:
    """Return where recordings go."""
    if settings.recordings:
        return Path(settings.recordings).expanduser()
    return Path.home() / "Music" / "Earmark"


class Recording:
    """What is being recorded now, if anything is.

    Args:
        on_problem: Called from a recorder's thread with what went wrong.
    """

    def __init__(self, on_problem: Callable[[str], None]) -> None:
        self._on_problem = on_problem
        self._recorder: SessionRecorder | ClipRecorder | None = None

    @property
    def is_on(self) -> bool:
        """Whether something is being recorded."""
        return self._recorder is not None and self._recorder.is_recording

    @property
    def text(self) -> str:
        """How far it has got."""
        if isinstance(self._recorder, SessionRecorder):
            minutes, seconds = divmod(int(self._recorder.seconds), 60)
            return f"{minutes}:{seconds:02}"
        if isinstance(self._recorder, ClipRecorder):
            return f"{self._recorder.clips} clips"
        return ""

    def start(self, stream: ObservedStream, settings: AppSettings, bundle_name: str) -> Path:
        """Begin to record a stream from now on, and return the folder.

        Raises:
            EarmarkError: If nothing can be written there.
        """
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H-%M-%S")
        name = f"{now} {file_name(stream.hearing.name)}"
        folder = unused(recordings_folder(settings) / name)
        sound = stream.hearing.sound
        recorder: Recorder
        if settings.record == "session":
            recorder = self._recorder = SessionRecorder(
                folder,
                sound,
                source=stream.hearing.name,
                bundle=bundle_name,
                tags=stream.tags,
                branches=stream.branches,
                hop=stream.hop,
                on_problem=self._on_problem,
            )
        else:
            recorder = self._recorder = ClipRecorder(folder, sound, on_problem=self._on_problem)
        recorder.start()
        return folder

    def add(self, results: list[WindowResult], events: list[TagEvent]) -> None:
        """Hand on what is new."""
        if isinstance(self._recorder, SessionRecorder):
            self._recorder.add(results)
        elif isinstance(self._recorder, ClipRecorder):
            self._recorder.add(events)

    def stop(self) -> Path | None:
        """Write what is left, and return the folder of what was recorded."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return None
        recorder.close()
        return recorder.folder
