"""What the window asks people: files, settings, thresholds."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QPoint
from PyQt6.QtWidgets import QFileDialog, QInputDialog, QMenu

from earmark.models.audio.decoding import AUDIO_SUFFIXES
from earmark.realtime.files.formats.writer import FORMATS
from earmark.realtime.recording.session_file import DESCRIPTION

from .controller import Controller
from .presenter import Views
from .record_button import recordings_folder
from .sources import Source
from .views.event_table import EXPORT_FORMATS
from .views.help_sheet import HelpSheet
from .views.settings_dialog import SettingsDialog

if TYPE_CHECKING:
    from .window import MainWindow


class Dialogs:
    """Opens dialogs of a window and does what they bring.

    Args:
        window: That they belong to.
        controller: What they are about.
        views: Of the window.
    """

    def __init__(self, window: "MainWindow", controller: Controller, views: Views) -> None:
        self._window = window
        self._controller = controller
        self._views = views

    def open(self) -> None:
        """Ask for a recording, or for the description of a session."""
        sounds = " ".join(f"*{suffix}" for suffix in sorted(AUDIO_SUFFIXES))
        recordings = recordings_folder(self._controller.settings)
        start = recordings if recordings.is_dir() else Path.home()
        chosen, _ = QFileDialog.getOpenFileName(
            self._window,
            f"Open a recording, or the {DESCRIPTION} of a session",
            str(start),
            f"Recordings and sessions ({sounds} {DESCRIPTION});;All files (*)",
        )
        if chosen:
            path = Path(chosen)
            path = path.parent if path.name == DESCRIPTION else path
            self._window.open(Source("recording", str(path)))

    def export(self, name: str) -> None:
        """Ask where the events that are shown are to be written, in a format of the menu."""
        stream = self._controller.stream
        if stream is None or not self._views.events.shown:
            self._controller.problem.emit("there are no events to export yet")
            return
        form = EXPORT_FORMATS[name]
        title = Path(stream.hearing.name).stem or "events"
        proposed = Path.home() / f"{title}{FORMATS[form].suffix}"
        chosen, _ = QFileDialog.getSaveFileName(self._window, f"Export: {name}", str(proposed))
        if chosen:
            self._controller.export(Path(chosen), form, self._views.events.shown)

    def settings(self) -> None:
        """Show the settings, once the output devices are known."""
        self._controller.list_outputs(self._show_settings)

    def help(self) -> None:
        """Show the help sheet beside the window."""
        HelpSheet(self._window).show()

    def tag_menu(self, tag: str, at: QPoint) -> None:
        """Show what can be done with a tag."""
        menu = QMenu(self._window)
        settings = self._controller.settings
        is_pinned = tag in settings.pinned
        pin = menu.addAction("Let it go" if is_pinned else "Pin: always show it")
        change = menu.addAction("Threshold ...")
        reset = menu.addAction("The model's own threshold")
        if reset is not None:
            reset.setEnabled(tag in settings.tag_thresholds)
        chosen = menu.exec(at)
        if chosen is None:
            return
        if chosen is pin:
            self._window.toggle_pin(tag)
        elif chosen is reset:
            self.set_threshold(tag, None)
        elif chosen is change:
            now = settings.tag_thresholds.get(tag, 0.5)
            value, is_given = QInputDialog.getDouble(
                self._window, "Threshold", f"{tag} is heard from", now, 0.01, 0.99, 2
            )
            if is_given:
                self.set_threshold(tag, value)

    def set_threshold(self, tag: str, value: float | None) -> None:
        """Set the threshold of a tag; None: the model's own."""
        settings = self._controller.settings
        each = {name: own for name, own in settings.tag_thresholds.items() if name != tag}
        if value is not None:
            each[tag] = value
        self._window.change_settings(dataclasses.replace(settings, tag_thresholds=each))

    def _show_settings(self, outputs: list[str]) -> None:
        bundle = self._controller.bundle
        own: dict[str, float] = {}
        if bundle is not None:
            thresholds = bundle.metadata.calibration.thresholds.tolist()
            own = dict(zip(bundle.metadata.vocabulary.names, thresholds, strict=True))
        dialog = SettingsDialog(self._controller.settings, own, outputs, self._window)
        # Not exec: the window behind it goes on living.
        dialog.accepted.connect(lambda: self._window.change_settings(dialog.settings()))
        dialog.open()
