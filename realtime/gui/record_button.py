"""The record button: a session, or a clip of each event."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from earmark.models.streaming.results import WindowResult
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.gui.stream.stream import ObservedStream
from earmark.realtime.recording.clip_folder import ClipFolder, file_name, unused
from earmark.realtime.recording.recorder import ClipRecorder, SessionRecorder

from .bridge import Background
from .settings import AppSettings


def recordings_folder(settings: AppSettings) -> Path:
    """Return where recordings go."""
    if settings.recordings:
        return Path(settings.recordings).expanduser()
    return Path.home() / "Music" / "Earmark"


class Recording:
    """What is being recorded now, if anything is.

    Args:
        background: Opens and closes the files.
        on_problem: Called from any thread with what went wrong.
        on_notice: Called with where it goes, and when it is complete.
    """

    def __init__(
        self,
        background: Background,
        on_problem: Callable[[str], None],
        on_notice: Callable[[str], None],
    ) -> None:
        self._background = background
        self._on_problem = on_problem
        self._on_notice = on_notice
        self._recorder: SessionRecorder | ClipRecorder | None = None
        self._is_closed = False

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

    def start(self, stream: ObservedStream, settings: AppSettings, bundle_name: str) -> None:
        """Begin to record a stream soon."""

        def done(recorder: SessionRecorder | ClipRecorder) -> None:
            if self._is_closed:
                return
            self._recorder = recorder
            recorder.start()
            self._on_notice(f"Recording to {recorder.folder}")

        self._background.run(
            lambda: self._new_recorder(stream, settings, bundle_name), done, self._failed
        )

    def add(self, results: list[WindowResult], events: list[TagEvent]) -> None:
        """Hand on what is new."""
        if isinstance(self._recorder, SessionRecorder):
            self._recorder.add(results)
        elif isinstance(self._recorder, ClipRecorder):
            self._recorder.add(events)

    def stop(self) -> None:
        """Write what is left, soon."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._background.run(
                recorder.close,
                lambda none: self._on_notice(f"Recorded to {recorder.folder}"),
                self._failed,
            )

    def close(self) -> None:
        """Write what is left, now, and record nothing more."""
        self._is_closed = True
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()

    def _failed(self, error: Exception) -> None:
        self._on_problem(str(error))

    def _new_recorder(
        self, stream: ObservedStream, settings: AppSettings, bundle_name: str
    ) -> SessionRecorder | ClipRecorder:
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H-%M-%S")
        name = f"{now} {file_name(stream.hearing.name)}"
        folder = unused(recordings_folder(settings) / name)
        sound = stream.hearing.sound
        if settings.record == "events":
            return ClipRecorder(ClipFolder(folder), sound, on_problem=self._on_problem)
        return SessionRecorder(
            folder,
            sound,
            source=stream.hearing.name,
            bundle=bundle_name,
            tags=stream.tags,
            branches=stream.branches,
            hop=stream.hop,
            on_problem=self._on_problem,
        )
