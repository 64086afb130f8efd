"""What the app can be pointed at, and how each is opened."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from earmark.models.bundle.load import Bundle
from earmark.models.streaming.engine import InferenceEngine
from earmark.realtime.audio.devices import rescan
from earmark.realtime.audio.microphone import Microphone
from earmark.realtime.audio.recovering import RecoveringSource
from earmark.realtime.gui.stream.session import Hearing
from earmark.realtime.gui.stream.stream import ObservedStream
from earmark.realtime.live.session import ListeningSession
from earmark.realtime.recording.recorded_session import open_recording

#: How much of a live stream can be looked back on and heard again (s).
KEPT_SECONDS = 900.0


@dataclass(frozen=True)
class Source:
    """A microphone, a recording, or the demo clip.

    Args:
        kind: Which of them.
        name: Of the microphone, empty for the system's own; path of the recording.
    """

    kind: Literal["microphone", "recording", "demo"]
    name: str = ""

    @property
    def is_live(self) -> bool:
        """Whether it goes on for ever."""
        return self.kind == "microphone"

    @property
    def title(self) -> str:
        """To show to people."""
        if self.kind == "demo":
            return "Demo clip"
        if self.kind == "microphone":
            return self.name or "Default microphone"
        return Path(self.name).name


def demo_clip() -> Path:
    """Return the clip that comes with Earmark."""
    return Path(__file__).parents[2] / "assets" / "demo.flac"


def source_of(text: str) -> Source:
    """Return what a word on the command line means: ``demo``, a path, or a microphone."""
    if text == "demo":
        return Source("demo")
    if Path(text).exists():
        return Source("recording", text)
    return Source("microphone", text)


def microphone_of(stream: ObservedStream | None) -> RecoveringSource | None:
    """Return the microphone behind a stream, None where there is none."""
    hearing = None if stream is None else stream.hearing
    source = hearing.capture.source if isinstance(hearing, ListeningSession) else None
    return source if isinstance(source, RecoveringSource) else None


def open_source(source: Source, bundle: Bundle, hop: float) -> Hearing:
    """Open a source and start it; not for the thread that draws.

    A microphone that is not there is waited for: its problem is told by what is returned.

    Raises:
        EarmarkError: If a recording cannot be read.
    """
    engine = InferenceEngine(bundle)
    if not source.is_live:
        path = demo_clip() if source.kind == "demo" else Path(source.name)
        recording = open_recording(path, engine, hop=hop, workers=os.cpu_count() or 1)
        recording.start()
        return recording
    name = source.name or None
    microphone = RecoveringSource(lambda: Microphone(name), source.title, before_retry=rescan)
    session = ListeningSession(microphone, engine, hop=hop, kept_seconds=KEPT_SECONDS + 60)
    session.start()
    return session
