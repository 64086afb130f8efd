"""The top bar: what is listened to, how loud it is, and what listens."""

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QObject, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

from earmark.realtime.gui.sources import Source

from .buttons import tool_button
from .level_meter import LevelMeter
from .theme import Theme

_OPEN = "Open a recording or session ..."


class TopBar(QWidget):
    """Source chooser, start and stop, record, level meter, model and settings."""

    source_chosen = pyqtSignal(object)
    open_asked = pyqtSignal()
    devices_asked = pyqtSignal()
    start_asked = pyqtSignal()
    record_asked = pyqtSignal()
    settings_asked = pyqtSignal()
    help_asked = pyqtSignal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.sources = QComboBox()
        self.sources.setMinimumWidth(230)
        self.sources.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.sources.setAccessibleName("Source")
        self.sources.setToolTip("What to listen to")
        self.sources.activated.connect(self._choose)
        # Devices come and go: they are listed anew when somebody is about to choose.
        self.sources.installEventFilter(self)
        self.start = tool_button("Start", "Start or stop listening", self.start_asked.emit)
        self.record = tool_button(
            "Record", "Record what the microphone hears", self.record_asked.emit
        )
        self.record.setCheckable(True)
        self.meter = LevelMeter(theme)
        self.state = QLabel()
        self.state.setObjectName("dim")
        self.model = QLabel()
        self.model.setObjectName("dim")
        settings = tool_button("Settings", "Settings", self.settings_asked.emit)
        help_button = tool_button(
            "Help", "Keyboard shortcuts and what is what", self.help_asked.emit
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.sources, self.start, self.record, self.meter, self.state):
            layout.addWidget(widget)
        layout.addStretch(1)
        for widget in (self.model, settings, help_button):
            layout.addWidget(widget)
        self._devices: list[str] = []
        self._current: Source | None = None
        self._fill()

    def show_devices(self, names: Sequence[str]) -> None:
        """Offer these microphones."""
        if list(names) != self._devices:
            self._devices = list(names)
            self._fill()

    def show_source(self, source: Source | None) -> None:
        """Show what is open."""
        if source != self._current:
            self._current = source
            self._fill()

    def show_state(
        self, *, doing: str, is_open: bool, is_recording: bool, can_record: bool, text: str
    ) -> None:
        """Show whether it listens and records, and how far that has got."""
        self.start.setText("Stop" if is_open else "Start")
        self.record.setChecked(is_recording)
        self.record.setEnabled(can_record)
        self.record.setText(f"Recording {text}".strip() if is_recording else "Record")
        self.state.setText(doing)

    def show_model(self, name: str, device: str) -> None:
        """Show which model runs where."""
        self.model.setText(f"{name} on {device}" if name else "")
        self.model.setToolTip("The model, and what it runs on; both are chosen in the settings")

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() in (
            QEvent.Type.MouseButtonPress,
            QEvent.Type.FocusIn,
        ):
            self.devices_asked.emit()
        return super().eventFilter(watched, event)

    def _fill(self) -> None:
        self.sources.clear()
        choices = [Source("microphone"), *(Source("microphone", name) for name in self._devices)]
        choices.append(Source("demo"))
        if self._current is not None and self._current not in choices:
            choices.append(self._current)
        for source in choices:
            self.sources.addItem(source.title, source)
        self.sources.addItem(_OPEN, None)
        at = choices.index(self._current) if self._current is not None else -1
        self.sources.setCurrentIndex(at)
        self.sources.setPlaceholderText("Choose what to listen to")

    def _choose(self, index: int) -> None:
        source = self.sources.itemData(index)
        if isinstance(source, Source):
            self.source_chosen.emit(source)
        else:
            self.sources.setCurrentIndex(self.sources.findData(self._current))
            self.open_asked.emit()
