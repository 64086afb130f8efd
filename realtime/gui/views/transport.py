"""Play, pause, seek and loop; live, freeze the view and go back to now."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSlider, QWidget

from .buttons import tool_button
from .clock import clock

_STEPS = 10_000


class Transport(QWidget):
    """The row of buttons above the timeline."""

    toggle_asked = pyqtSignal()
    follow_asked = pyqtSignal()
    loop_asked = pyqtSignal(bool)
    #: Seconds.
    sought = pyqtSignal(float)
    #: Factor by which the visible stretch is to grow.
    zoom_asked = pyqtSignal(float)

    def __init__(self) -> None:
        super().__init__()
        self.toggle = tool_button("Play", "Play or pause", self.toggle_asked.emit)
        self.follow = tool_button(
            "Follow", "Go back to the newest sound, or to the playhead", self.follow_asked.emit
        )
        self.loop = tool_button(
            "Loop",
            "Play the event that was chosen last, or all, over and over",
            lambda: self.loop_asked.emit(self.loop.isChecked()),
        )
        self.loop.setCheckable(True)
        self.position = QSlider(Qt.Orientation.Horizontal)
        self.position.setRange(0, _STEPS)
        self.position.setAccessibleName("Position")
        self.position.sliderMoved.connect(self._seek)
        self.time = QLabel("0:00")
        self.time.setMinimumWidth(self.time.fontMetrics().horizontalAdvance("00:00.0 / 00:00") + 8)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.toggle, self.loop, self.follow, self.time):
            layout.addWidget(widget)
        layout.addWidget(self.position, 1)
        layout.addWidget(
            tool_button("-", "Show a longer stretch of time", lambda: self.zoom_asked.emit(1.5))
        )
        layout.addWidget(
            tool_button(
                "+", "Show a shorter stretch of time", lambda: self.zoom_asked.emit(1 / 1.5)
            )
        )
        self._oldest = self._duration = 0.0

    def show_state(
        self,
        *,
        is_live: bool,
        is_running: bool,
        is_following: bool,
        is_looping: bool,
        cursor: float,
        oldest: float,
        duration: float,
    ) -> None:
        """Show where it is.

        Args:
            is_live: Whether there is no end.
            is_running: Whether it plays, or the live view moves.
            is_following: Whether the timeline moves along.
            is_looping: Whether it plays over and over.
            cursor: Where it is (s).
            oldest: From when on there is something to look at (s).
            duration: Up to when (s).
        """
        if is_live:
            self.toggle.setText("Freeze" if is_running else "Go on")
            self.toggle.setToolTip("Let the view stand still; capture goes on")
            self.time.setText(clock(cursor, decimals=1))
        else:
            self.toggle.setText("Pause" if is_running else "Play")
            self.toggle.setToolTip("Play or pause the recording")
            self.time.setText(f"{clock(cursor, decimals=1)} / {clock(duration)}")
        self.follow.setEnabled(not is_following)
        self.loop.setChecked(is_looping)
        self._oldest, self._duration = oldest, duration
        if not self.position.isSliderDown():
            share = (cursor - oldest) / max(duration - oldest, 1e-6)
            self.position.setValue(round(min(max(share, 0.0), 1.0) * _STEPS))

    def _seek(self, step: int) -> None:
        self.sought.emit(self._oldest + step / _STEPS * (self._duration - self._oldest))
