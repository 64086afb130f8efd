"""One line that says what went wrong and what to do, until it is dealt with."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel

from .buttons import tool_button


class Banner(QFrame):
    """Hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = tool_button("Dismiss", "Dismiss this message", self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 5, 8, 5)
        layout.addWidget(self._text, 1)
        layout.addWidget(close)
        self.setAccessibleName("Problem")
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty while it is hidden."""
        return "" if self.isHidden() else self._text.text()

    def say(self, text: str) -> None:
        """Show a text, or hide for an empty one."""
        if text:
            self._text.setText(text[0].upper() + text[1:])
            self.setAccessibleDescription(text)
        self.setVisible(bool(text))
