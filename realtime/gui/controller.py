"""The app without its face: what is open, what is done about it, and what went wrong.

Activities beside the thread that draws: the source's and the worker's threads of a live stream or
the reading thread of a recording, the player, the recorder, the inspector, and one for slow things.
Only the bridge brings anything from them to here; results are polled.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from earmark.models.bundle.load import Bundle
from earmark.models.config import BRANCH_NAMES
from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.devices import list_devices_anew, list_outputs
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.audio.player import Player
from earmark.realtime.detection.events import TagEvent
from earmark.realtime.gui.stream.session import Hearing
from earmark.realtime.gui.stream.stream import ObservedStream

from .bridge import Background, Bridge
from .export import export_events
from .heard_settings import event_settings_of, thresholds_of
from .inspector import Inspector, Tokens
from .loading import load_to_show
from .playback import Playback
from .record_button import Recording
from .settings import AppSettings
from .sources import KEPT_SECONDS, Source, microphone_of, open_source

# Of a drawing's 33 ms, so much may go into taking in what has come.
_ADVANCE_SECONDS = 0.006

OpenSource = Callable[[Source, Bundle, float], Hearing]


class Controller(QObject):
    """Opens sources, keeps settings, and tells of changes.

    Args:
        settings: To begin with.
        open_source: Opens and starts a source.
        load: Loads a bundle from a folder, None being the shipped one, on a device; None: with
            the tags that the user taught on it.
        player: Plays what is heard again; None: on the output device.
    """

    changed = pyqtSignal()
    problem = pyqtSignal(str)
    notice = pyqtSignal(str)
    looked = pyqtSignal(object)
    devices_listed = pyqtSignal(list)

    def __init__(
        self,
        settings: AppSettings,
        *,
        open_source: OpenSource = open_source,
        load: Callable[[Path | None, str], Bundle] | None = None,
        player: Player | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.bundle: Bundle | None = None
        self.source: Source | None = None
        self.stream: ObservedStream | None = None
        self.doing = ""
        self.bridge = Bridge()
        self._background = Background(self.bridge)
        self._open_source = open_source
        self._load = load or (lambda f, d: load_to_show(f, d, self._tell))
        self.player = player or Player(self._tell)
        self.player.device = settings.output_device or None
        self.playback = Playback(self.player)
        self.recording = Recording(self._background, self._tell, self.notice.emit)
        self._inspector: Inspector | None = None
        self._generation = 0
        self._is_closed = False
        self._is_listing = False
        self._last_problem = ""
        self._looked_at: tuple[ObservedStream, int] | None = None

    def start(self, source: Source | None, *, then: Callable[[], None] = lambda: None) -> None:
        """Load the model, then open a source, then do what is asked."""
        settings = self.settings
        folder = Path(settings.bundle) if settings.bundle else None
        self._do("Loading the model ...")

        def done(bundle: Bundle) -> None:
            self._take_bundle(bundle)
            if source is None:
                self._do("")
            else:
                self.open(source, then=then)

        self._background.run(lambda: self._load(folder, settings.device), done, self._failed)

    def open(self, source: Source, *, then: Callable[[], None] = lambda: None) -> None:
        """Close what is open and open a source.

        Args:
            source: To look at.
            then: Called once it is open.
        """
        bundle = self.bundle
        if bundle is None or self._is_closed:
            return
        self.close_stream()
        self.source = source
        self._generation += 1
        generation = self._generation
        self._do(f"Opening {source.title} ...")

        def done(hearing: Hearing) -> None:
            if generation != self._generation or self._is_closed:
                self._close_soon(hearing)
                return
            self._take(hearing, source, bundle)
            then()

        self._background.run(
            lambda: self._open_source(source, bundle, self.settings.hop), done, self._failed
        )

    def close_stream(self) -> None:
        """Stop looking at what is open; a recording of it is completed."""
        self._generation += 1
        self.recording.stop()
        stream, self.stream = self.stream, None
        self.playback.attach(None, is_live=False)
        self.source = None
        self._do("")
        if stream is not None:
            self._close_soon(stream.hearing)

    def advance(self) -> list[WindowResult]:
        """Take in what has come; the timer of the window calls it."""
        if self.stream is None:
            return []
        try:
            results = self.stream.advance(_ADVANCE_SECONDS)
        except Exception as error:  # whatever ended the worker is told, and the app goes on
            self.close_stream()
            self.problem.emit(f"listening has stopped: {error}")
            return []
        self.recording.add(results, self.stream.events.take_fresh())
        self.playback.advance()
        self._watch()
        return results

    def look(self) -> None:
        """Ask what the branches are given at the cursor; ``looked`` brings the answer."""
        if self.stream is None or self._inspector is None:
            return
        number = self.stream.windows.nearest(self.playback.cursor)
        if number is None or (self.stream, number) == self._looked_at:
            return
        self._looked_at = (self.stream, number)
        start = self.stream.windows.result(number).start_sample
        self._inspector.ask(self.stream.hearing.sound, start)

    def list_devices(self) -> None:
        """List the microphones; ``devices_listed`` brings them."""
        # What somebody waits for goes first, and one listing at a time is enough.
        if self.doing or self._is_listing:
            return
        self._is_listing = True

        def done(names: list[str]) -> None:
            self._is_listing = False
            self.devices_listed.emit(names)

        self._background.run(list_devices_anew, done, lambda error: done([]))

    def list_outputs(self, then: Callable[[list[str]], None]) -> None:
        """List the devices that sound can be played on, none where that cannot be found out."""
        self._background.run(list_outputs, then, lambda error: then([]))

    def change_settings(self, settings: AppSettings) -> None:
        """Use other settings from now on; what needs it is opened again."""
        before, self.settings = self.settings, settings
        self.player.device = settings.output_device or None
        source = self.source
        if (before.bundle, before.device) != (settings.bundle, settings.device):
            self.close_stream()
            self.start(source)
        elif before.hop != settings.hop and source is not None:
            self.open(source)
        elif self.stream is not None and self.bundle is not None:
            events = event_settings_of(settings)
            thresholds = thresholds_of(settings, self.bundle.metadata)
            is_same = (thresholds == self.stream.thresholds).all()
            if events != self.stream.settings or not is_same:
                self.stream.change(thresholds=thresholds, settings=events)
        self.changed.emit()

    def toggle_recording(self) -> None:
        """Begin or end a recording of the live stream."""
        if self.recording.is_on:
            self.recording.stop()
        elif self.stream is None or self.bundle is None or not self.playback.is_live:
            self.problem.emit("only a microphone can be recorded: choose one at the top left")
        else:
            self.recording.start(self.stream, self.settings, self.bundle.metadata.name)

    def export(self, path: Path, form: str, events: Sequence[TagEvent]) -> None:
        """Write events to a file, in a format of the command line."""
        stream = self.stream
        if stream is None or not events:
            self.problem.emit("there are no events to export yet")
            return
        name, duration = stream.hearing.name, stream.seconds
        self._background.run(
            lambda: export_events(path, form, events, name=name, duration=duration),
            lambda none: self.notice.emit(f"{len(events)} events written to {path}"),
            lambda error: self.problem.emit(str(error)),
        )

    @property
    def liveness(self) -> Liveness | None:
        """How the microphone is doing, None where there is none."""
        source = microphone_of(self.stream)
        return None if source is None else source.liveness

    @property
    def is_deaf(self) -> bool:
        """Whether a microphone is open that never brought anything but zeros."""
        source = microphone_of(self.stream)
        return source is not None and source.liveness is Liveness.SILENT and not source.has_sounded

    def close(self) -> None:
        """End all threads within two seconds; what is being recorded is completed."""
        self._is_closed = True
        # After what waits in the background, which may be a recording that begins or ends.
        self._background.close()
        self.recording.close()
        self.player.close()
        if self._inspector is not None:
            self._inspector.close()
        if self.stream is not None:
            self.stream.hearing.close()
            self.stream = None

    def _take_bundle(self, bundle: Bundle) -> None:
        if self._is_closed:
            return
        self.bundle = bundle
        if self._inspector is not None:
            self._inspector.close()

        def on_tokens(tokens: Tokens) -> None:
            self.bridge.post(lambda: self.looked.emit(tokens))

        self._inspector = Inspector(bundle, on_tokens)
        self.changed.emit()

    def _take(self, hearing: Hearing, source: Source, bundle: Bundle) -> None:
        self.stream = ObservedStream(
            hearing,
            bundle.metadata.vocabulary.names,
            BRANCH_NAMES,
            hop=hearing.hop,
            thresholds=thresholds_of(self.settings, bundle.metadata),
            settings=event_settings_of(self.settings),
            max_seconds=KEPT_SECONDS if source.is_live else None,
        )
        self._last_problem = ""
        self.playback.attach(self.stream, is_live=source.is_live)
        self._do("")

    def _watch(self) -> None:
        """Tell of a microphone that went, or of a recording that broke off, once."""
        if self.stream is None:
            return
        source = microphone_of(self.stream)
        problem = self.stream.hearing.problem if source is None else source.problem
        if problem != self._last_problem:
            self._last_problem = problem
            self.problem.emit(problem)

    def _close_soon(self, hearing: Hearing) -> None:
        self._background.run(hearing.close, lambda none: None, self._failed)

    def _failed(self, error: Exception) -> None:
        self.source = self.source if self.stream is not None else None
        self._do("")
        self.problem.emit(str(error))

    def _tell(self, problem: str) -> None:
        """Tell of a problem from any thread."""
        self.bridge.post(lambda: self.problem.emit(problem))

    def _do(self, doing: str) -> None:
        self.doing = doing
        self.changed.emit()
