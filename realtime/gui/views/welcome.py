"""What is shown while nothing is heard: why that may be, and what to do."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

NOT_OPEN = (
    "<h2>Earmark hears what is sounding</h2>"
    "<p>Choose a microphone, or see how it goes with the clip that comes with it.</p>"
)
NOTHING_HEARD = (
    "<h2>The microphone is silent</h2>"
    "<p>It sends nothing but zeros. Most often it is muted, or this program may not use it:</p>"
    "<ul><li>Look for a mute switch on the microphone, and in the system's sound settings.</li>"
    "<li>GNOME: Settings, Privacy, Microphone. KDE: System Settings, Audio.</li>"
    "<li>In a container or a sandbox, audio must be allowed for it.</li>"
    "<li><tt>earmark doctor</tt> in a terminal tells what it can see.</li></ul>"
)
WAITING = "<h2>Waiting for the microphone</h2><p>It is tried again every few seconds.</p>"


class Welcome(QWidget):
    """A text and the ways out."""

    microphone_asked = pyqtSignal()
    demo_asked = pyqtSignal()
    open_asked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._text.setWordWrap(True)
        buttons = QHBoxLayout()
        for text, asked in (
            ("Listen to the microphone", self.microphone_asked),
            ("Play the demo clip", self.demo_asked),
            ("Open a recording", self.open_asked),
        ):
            button = QPushButton(text)
            button.clicked.connect(asked)
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(40, 20, 40, 20)
        layout.addStretch(1)
        layout.addWidget(self._text)
        layout.addLayout(buttons)
        layout.addStretch(1)
        self.setAccessibleName("Welcome")
        self.say(NOT_OPEN)

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def say(self, text: str) -> None:
        """Show one of the texts of this file."""
        if text != self._text.text():
            self._text.setText(text)
