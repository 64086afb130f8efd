"""The window: arranges the views, connects them to the controller, and owns the redraw timer."""

import dataclasses
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QGridLayout,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from earmark.models.config import BRANCH_NAMES
from earmark.realtime.gui.views.branch_pictures import CAPTIONS

from .controller import Controller
from .dialogs import Dialogs
from .presenter import Presenter, Views
from .settings import THEMES, AppSettings, save_settings
from .sources import Source
from .views.actions import add_actions
from .views.banner import Banner
from .views.branch_images import BranchImages
from .views.event_table import EventTable
from .views.search import TagSearch
from .views.status_line import StatusLine
from .views.tag_table import BRANCH_SHARE, COMBINED_SHARE, NAME_SHARE, TagTable
from .views.theme import apply_theme, colour_table
from .views.timeline import Timeline
from .views.top_bar import TopBar
from .views.transport import Transport
from .views.welcome import Welcome

_REDRAW_MS = 33


class MainWindow(QMainWindow):
    """The app as one sees it.

    Args:
        controller: Not started yet.
        settings_file: Where settings are kept; None: nowhere.
    """

    def __init__(self, controller: Controller, settings_file: Path | None) -> None:
        super().__init__()
        self.controller = controller
        self._settings_file = settings_file
        settings = controller.settings
        theme = apply_theme(_application(), settings.theme, settings.font_size)
        table = colour_table(settings.colour_map)
        self.views = Views(
            top_bar=TopBar(theme),
            tags=TagTable(BRANCH_NAMES, theme, self._drawn),
            images=BranchImages(BRANCH_NAMES, CAPTIONS, theme, table),
            search=TagSearch(),
            timeline=Timeline(theme, table),
            transport=Transport(),
            events=EventTable(),
            status=StatusLine(),
            welcome=Welcome(),
        )
        self.banner = Banner()
        self.presenter = Presenter(controller, self.views, theme)
        self.dialogs = Dialogs(self, controller, self.views)
        self.setWindowTitle("Earmark")
        self.setAcceptDrops(True)
        self.resize(1_280, 800)
        self._arrange()
        self._connect()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.redraw)
        self._timer.start(_REDRAW_MS)

    def redraw(self) -> None:
        """Take in what has come and show it."""
        results = self.controller.advance()
        self.presenter.draw(results)
        self._upper.setCurrentIndex(0 if self.presenter.welcome_text else 1)

    def change_settings(self, settings: AppSettings) -> None:
        """Use other settings from now on, and keep them."""
        before = self.controller.settings
        self.controller.change_settings(settings)
        look = ("theme", "font_size", "colour_map")
        if any(getattr(before, name) != getattr(settings, name) for name in look):
            theme = apply_theme(_application(), settings.theme, settings.font_size)
            table = colour_table(settings.colour_map)
            self.views.tags.set_theme(theme)
            self.views.images.set_colours(theme, table)
            self.views.timeline.set_colours(theme, table)
            self.views.top_bar.meter.set_theme(theme)
            self.presenter.set_theme(theme)
        if (before.rows, before.pinned) != (settings.rows, settings.pinned):
            self.presenter.forget_rows()
        self._keep_settings()

    def toggle_pin(self, tag: str) -> None:
        """Pin a tag, or let it go."""
        pinned = self.controller.settings.pinned
        now = tuple(t for t in pinned if t != tag) if tag in pinned else (*pinned, tag)
        self.change_settings(dataclasses.replace(self.controller.settings, pinned=now))

    def open(self, source: Source) -> None:
        """Open a source; the demo clip plays at once."""
        self.banner.hide()
        play = self.controller.playback.play
        self.controller.open(source, then=play if source.kind == "demo" else lambda: None)
        if source.is_live and source.name != self.controller.settings.input_device:
            settings = dataclasses.replace(self.controller.settings, input_device=source.name)
            self.change_settings(settings)

    def start_or_stop(self) -> None:
        """Stop what is open, or listen to the microphone that was chosen last."""
        if self.controller.stream is not None:
            self.controller.close_stream()
        else:
            self.open(Source("microphone", self.controller.settings.input_device))

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self._timer.stop()
        self.hide()
        self.controller.close()
        self._keep_settings()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        data = None if event is None else event.mimeData()
        if event is not None and data is not None and data.hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        data = None if event is None else event.mimeData()
        if data is not None and data.hasUrls():
            self.open(Source("recording", data.urls()[0].toLocalFile()))

    def _drawn(self) -> None:
        self.presenter.screen.drawn()

    def _keep_settings(self) -> None:
        if self._settings_file is None:
            return
        try:
            save_settings(self.controller.settings, self._settings_file)
        except OSError as error:
            self.banner.say(f"the settings cannot be kept in {self._settings_file}: {error}")

    def _arrange(self) -> None:
        views = self.views
        now = QWidget()
        grid = QGridLayout(now)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.setHorizontalSpacing(0)
        grid.addWidget(views.tags, 0, 0, 1, 2)
        grid.addWidget(views.search, 1, 0)
        grid.addWidget(views.images, 1, 1)
        # The images stand beneath the columns of their branches.
        grid.setColumnStretch(0, round(1_000 * (NAME_SHARE + COMBINED_SHARE)))
        grid.setColumnStretch(1, round(1_000 * 4 * BRANCH_SHARE))
        grid.setRowStretch(1, 1)
        self._upper = QStackedWidget()
        self._upper.addWidget(views.welcome)
        self._upper.addWidget(now)
        lower = QSplitter(Qt.Orientation.Horizontal)
        lower.addWidget(views.timeline)
        lower.addWidget(views.events)
        lower.setSizes([800, 460])
        lower.setStretchFactor(0, 1)
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(4)
        column.addWidget(views.transport)
        column.addWidget(lower, 1)
        both = QSplitter(Qt.Orientation.Vertical)
        both.addWidget(self._upper)
        both.addWidget(below)
        both.setSizes([330, 430])
        both.setStretchFactor(1, 1)
        for splitter in (lower, both):
            splitter.setChildrenCollapsible(False)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(10, 8, 10, 6)
        layout.setSpacing(6)
        layout.addWidget(views.top_bar)
        layout.addWidget(self.banner)
        layout.addWidget(both, 1)
        layout.addWidget(views.status)
        self.setCentralWidget(centre)

    def _connect(self) -> None:
        controller, views, dialogs = self.controller, self.views, self.dialogs
        playback = controller.playback
        controller.problem.connect(self.banner.say)
        controller.notice.connect(views.status.say)
        controller.changed.connect(self._show_tags)
        controller.devices_listed.connect(views.top_bar.show_devices)
        views.top_bar.source_chosen.connect(self.open)
        views.top_bar.open_asked.connect(dialogs.open)
        views.top_bar.devices_asked.connect(controller.list_devices)
        views.top_bar.start_asked.connect(self.start_or_stop)
        views.top_bar.record_asked.connect(controller.toggle_recording)
        views.top_bar.settings_asked.connect(dialogs.settings)
        views.top_bar.help_asked.connect(dialogs.help)
        views.tags.pin_asked.connect(self.toggle_pin)
        views.tags.menu_asked.connect(dialogs.tag_menu)
        views.search.pin_asked.connect(self.toggle_pin)
        views.timeline.sought.connect(playback.seek)
        views.timeline.dragged.connect(playback.show)
        views.timeline.lanes.event_chosen.connect(playback.hear)
        views.events.event_chosen.connect(playback.hear)
        views.events.export_asked.connect(dialogs.export)
        views.transport.toggle_asked.connect(playback.toggle)
        views.transport.follow_asked.connect(playback.follow)
        views.transport.loop_asked.connect(playback.set_looping)
        views.transport.sought.connect(playback.seek)
        views.transport.zoom_asked.connect(playback.zoom)
        views.welcome.microphone_asked.connect(self.start_or_stop)
        views.welcome.demo_asked.connect(self._open_demo)
        views.welcome.open_asked.connect(dialogs.open)
        slots = {
            "toggle": self._toggle,
            "start": self.start_or_stop,
            "record": controller.toggle_recording,
            "open": dialogs.open,
            "demo": self._open_demo,
            "export": lambda: dialogs.export("CSV"),
            "search": views.search.field.setFocus,
            "follow": playback.follow,
            "back": lambda: playback.seek(playback.cursor - 5),
            "forward": lambda: playback.seek(playback.cursor + 5),
            "begin": lambda: playback.seek(0.0),
            "zoom_in": lambda: playback.zoom(1 / 1.5),
            "zoom_out": lambda: playback.zoom(1.5),
            "loop": lambda: playback.set_looping(not playback.is_looping),
            "theme": self._next_theme,
            "settings": dialogs.settings,
            "help": dialogs.help,
            "quit": self._quit,
        }
        add_actions(self, slots)

    def _show_tags(self) -> None:
        bundle = self.controller.bundle
        if bundle is not None:
            self.views.search.set_tags(bundle.metadata.vocabulary.names)

    def _open_demo(self) -> None:
        self.open(Source("demo"))

    def _toggle(self) -> None:
        # Space presses the button that has the focus, as everywhere.
        focused = _application().focusWidget()
        if isinstance(focused, QAbstractButton):
            focused.click()
        else:
            self.controller.playback.toggle()

    def _next_theme(self) -> None:
        at = THEMES.index(self.controller.settings.theme)
        theme = THEMES[(at + 1) % len(THEMES)]
        self.change_settings(dataclasses.replace(self.controller.settings, theme=theme))

    def _quit(self) -> None:
        self.close()


def _application() -> QApplication:
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        raise TypeError("a window needs a QApplication that is running")
    return app
