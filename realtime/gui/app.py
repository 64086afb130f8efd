"""Puts the app together, runs it, and draws it for a screenshot."""

import dataclasses
import gc
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from .controller import Controller
from .settings import load_settings, settings_path
from .sources import Source, source_of
from .window import MainWindow

# So long a screenshot waits for what it is to show.
_PATIENCE_SECONDS = 120.0

# What the images of the branches and the rows need to settle.
_SETTLE_SECONDS = 0.7


@dataclass(frozen=True)
class AppOptions:
    """What the command line asks for.

    Args:
        source: A path, ``demo``, or a microphone; None: that of last time.
        at: Second to begin at, or to be shown.
        screenshot: Where to draw to; None: stay open.
        size: Of the window, in pixels.
        theme: Instead of that in the settings.
        bundle: Likewise.
    """

    source: str | None = None
    at: float | None = None
    screenshot: Path | None = None
    size: tuple[int, int] = (1_280, 800)
    theme: str | None = None
    bundle: Path | None = None


def run_app(options: AppOptions) -> int:
    """Open the window and return when it is closed: 1 where a screenshot failed."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    app.setApplicationName("Earmark")
    path = settings_path()
    settings, problems = load_settings(path)
    is_for_once = options.screenshot or options.theme or options.bundle
    if options.theme is not None:
        settings = dataclasses.replace(settings, theme=options.theme)
    if options.bundle is not None:
        settings = dataclasses.replace(settings, bundle=str(options.bundle))
    controller = Controller(settings)
    window = MainWindow(controller, None if is_for_once else path)
    window.resize(*options.size)
    window.show()
    if problems:
        window.banner.say("; ".join(problems))
    source = Source("microphone", settings.input_device)
    if options.source is not None:
        source = source_of(options.source)

    def opened() -> None:
        # What is loaded stays: going through all of it again and again, looking for garbage, would
        # hold up the drawing for a tenth of a second each time.
        gc.freeze()
        if not source.is_live and options.at is not None:
            controller.playback.seek(options.at)
        if source.kind == "demo" and options.screenshot is None:
            controller.playback.play()
        if options.screenshot is None:
            controller.list_devices()

    controller.start(source, then=opened)
    screenshot = None
    if options.screenshot is not None:
        screenshot = _Screenshot(window, options.screenshot, options.at or 0.0)
    # Python sees a signal only between its own instructions: the redraw timer brings it to them.
    # It may come in the middle of one, which is let go to its end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: QTimer.singleShot(0, window.close))
    app.exec()
    return 0 if screenshot is None or screenshot.is_saved else 1


class _Screenshot:
    """Waits until the moment is there, draws the window, and closes it."""

    def __init__(self, window: MainWindow, path: Path, at: float) -> None:
        self.is_saved = False
        self._window = window
        self._path = path
        self._at = at
        self._deadline = time.monotonic() + _PATIENCE_SECONDS
        self._ready_since: float | None = None
        self._timer = QTimer()
        self._timer.timeout.connect(self._look)
        self._timer.start(50)

    def _look(self) -> None:
        now = time.monotonic()
        controller, banner = self._window.controller, self._window.banner
        has_failed = bool(banner.text) and controller.stream is None and not controller.doing
        if now > self._deadline or has_failed:
            reason = banner.text or f"{self._at:g} s were not reached in {_PATIENCE_SECONDS:.0f} s"
            print(f"earmark: no screenshot: {reason}", file=sys.stderr)  # noqa: T201
            self._end()
        elif not self._is_there():
            self._ready_since = None
        elif self._ready_since is None:
            self._ready_since = now
        elif now - self._ready_since > _SETTLE_SECONDS:
            self.is_saved = self._window.grab().save(str(self._path))
            if not self.is_saved:
                print(f"earmark: cannot write {self._path}", file=sys.stderr)  # noqa: T201
            self._end()

    def _end(self) -> None:
        self._timer.stop()
        self._window.close()

    def _is_there(self) -> bool:
        controller = self._window.controller
        if controller.stream is None:
            return False
        if controller.playback.is_live:
            return controller.stream.seconds >= self._at
        return controller.stream.is_complete
