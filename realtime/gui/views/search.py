"""A search over all tags: type, see what is believed of each, choose to pin it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QLabel, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from earmark.realtime.detection.labels import label_of


class TagSearch(QWidget):
    """A field, and beneath it the tags that match, likeliest first."""

    pin_asked = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.field = QLineEdit()
        self.field.setPlaceholderText("Search all tags, Enter pins the first")
        self.field.setClearButtonEnabled(True)
        self.field.setAccessibleName("Search all tags")
        self.field.textChanged.connect(self._refill)
        self.field.returnPressed.connect(self._pin_first)
        self.matches = QListWidget()
        self.matches.setAccessibleName("Tags that match")
        self.matches.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.matches.itemActivated.connect(self._pin)
        self.matches.itemClicked.connect(self._pin)
        self._hint = QLabel("A click on a tag pins it; pinned tags are always shown.")
        self._hint.setObjectName("dim")
        self._hint.setWordWrap(True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.field, self.matches, self._hint):
            layout.addWidget(widget)
        self._tags: Sequence[str] = ()
        self._probabilities: NDArray[np.float32] = np.zeros(0, np.float32)
        self._refill("")

    def set_tags(self, tags: Sequence[str]) -> None:
        """Search these."""
        self._tags = tags
        self._probabilities = np.zeros(len(tags), np.float32)
        self._refill(self.field.text())

    def show_probabilities(self, probabilities: NDArray[np.float32]) -> None:
        """Show what is believed of each tag now; seldom, for it is read."""
        self._probabilities = probabilities
        if self.field.text():
            row = self.matches.currentRow()
            self._refill(self.field.text())
            self.matches.setCurrentRow(row)

    def _refill(self, text: str) -> None:
        wanted = label_of(text.strip().lower())
        found = (
            [i for i, tag in enumerate(self._tags) if wanted in label_of(tag).lower()]
            if wanted
            else []
        )
        found.sort(key=lambda i: -self._probabilities[i])
        self.matches.clear()
        for i in found:
            item = QListWidgetItem(
                f"{label_of(self._tags[i])}   {100 * self._probabilities[i]:.0f} %"
            )
            item.setData(Qt.ItemDataRole.UserRole, self._tags[i])
            self.matches.addItem(item)
        self.matches.setVisible(bool(wanted))
        self._hint.setVisible(not wanted)

    def _pin(self, item: QListWidgetItem) -> None:
        self.pin_asked.emit(item.data(Qt.ItemDataRole.UserRole))
        self.field.clear()

    def _pin_first(self) -> None:
        item = self.matches.item(0)
        if item is not None:
            self._pin(item)
