"""The tags of now: each in its row, with what all branches together and each by itself believe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from earmark.realtime.detection.labels import label_of

from .theme import Theme

#: Shares of the width: names, the combined answer, then each branch.
NAME_SHARE: Final = 0.20
COMBINED_SHARE: Final = 0.32
BRANCH_SHARE: Final = (1 - NAME_SHARE - COMBINED_SHARE) / 4

#: Pixels between two columns.
COLUMN_GAP: Final = 12.0


@dataclass(frozen=True)
class TagRow:
    """One row.

    Args:
        tag: Its name.
        colour: Of its bar.
        combined: Probability of all branches together.
        branches: Of each by itself.
        threshold: From which on it is heard.
        is_pinned: Whether it is always shown.
    """

    tag: str
    colour: str
    combined: float
    branches: Sequence[float]
    threshold: float
    is_pinned: bool = False

    @property
    def is_heard(self) -> bool:
        """Whether it is above its threshold."""
        return self.combined >= self.threshold


class TagTable(QWidget):
    """Bars of calibrated probability, painted at once.

    Args:
        branches: Names, in the order of the rows' values.
        theme: Colours.
        on_drawn: Called when the rows are on the screen.
    """

    pin_asked = pyqtSignal(str)
    menu_asked = pyqtSignal(str, object)

    def __init__(
        self, branches: Sequence[str], theme: Theme, on_drawn: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._branches = branches
        self._theme = theme
        self._on_drawn = on_drawn
        self._rows: list[TagRow] = []
        self._n_rows = 8
        self._current = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Tags heard now")
        self.setToolTip("Click a tag to pin it; right-click for its threshold")

    @property
    def rows(self) -> Sequence[TagRow]:
        """What is shown."""
        return self._rows

    def set_theme(self, theme: Theme) -> None:
        """Use other colours."""
        self._theme = theme
        self.updateGeometry()
        self.update()

    def show_rows(self, rows: list[TagRow], n_rows: int) -> None:
        """Show rows, with room for so many."""
        self._rows = rows
        if n_rows != self._n_rows:
            self._n_rows = n_rows
            self.updateGeometry()
        self.update()

    def describe(self) -> None:
        """Tell assistive technology what is heard; seldom, or it would never stop talking."""
        heard = [
            f"{label_of(row.tag)} {100 * row.combined:.0f} %" for row in self._rows if row.is_heard
        ]
        self.setAccessibleDescription(", ".join(heard) or "nothing above its threshold")

    def sizeHint(self) -> QSize:
        return QSize(900, int(self._row_height() * (self._n_rows + 1)) + 8)

    def minimumSizeHint(self) -> QSize:
        return QSize(560, self.sizeHint().height())

    def _row_height(self) -> float:
        return self.fontMetrics().height() * 1.4

    def _row_at(self, y: float) -> TagRow | None:
        number = int(y / self._row_height()) - 1
        return self._rows[number] if 0 <= number < len(self._rows) else None

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is None or (row := self._row_at(event.position().y())) is None:
            return
        self._current = self._rows.index(row)
        if event.button() == Qt.MouseButton.LeftButton:
            self.pin_asked.emit(row.tag)
        elif event.button() == Qt.MouseButton.RightButton:
            self.menu_asked.emit(row.tag, event.globalPosition().toPoint())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None:
            return
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        if step and self._rows:
            self._current = (self._current + step) % len(self._rows)
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_P) and self._current < len(self._rows):
            self.pin_asked.emit(self._rows[self._current].tag)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self._row_height()
        self._paint_headings(painter, height)
        for number, row in enumerate(self._rows):
            self._paint_row(painter, row, QRectF(0, (number + 1) * height, self.width(), height))
            if self.hasFocus() and number == self._current:
                painter.setPen(QColor(self._theme.accent))
                painter.setBrush(QColor(0, 0, 0, 0))
                box = QRectF(1, (number + 1) * height + 1, self.width() - 2, height - 2)
                painter.drawRoundedRect(box, 4, 4)
        painter.end()
        self._on_drawn()

    def _paint_headings(self, painter: QPainter, height: float) -> None:
        painter.setPen(QColor(self._theme.dim))
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        name, combined, *branches = self._columns(QRectF(0, 0, self.width(), height))
        painter.drawText(name, left, "Now")
        painter.drawText(combined, left, "all four together")
        for box, branch in zip(branches, self._branches, strict=True):
            painter.drawText(box, left, branch)

    def _columns(self, row: QRectF) -> list[QRectF]:
        shares = (NAME_SHARE, COMBINED_SHARE, *[BRANCH_SHARE] * len(self._branches))
        boxes, x = [], row.x() + COLUMN_GAP / 2
        for share in shares:
            boxes.append(QRectF(x, row.y(), share * row.width() - COLUMN_GAP, row.height()))
            x += share * row.width()
        return boxes

    def _paint_row(self, painter: QPainter, row: TagRow, box: QRectF) -> None:
        name, combined, *branches = self._columns(box)
        font = QFont(self.font())
        font.setBold(row.is_heard)
        painter.setFont(font)
        colour = QColor(self._theme.text if row.is_heard else self._theme.dim)
        painter.setPen(colour)
        title = label_of(row.tag)
        title = f"\N{BLACK DIAMOND} {title}" if row.is_pinned else title
        metrics = painter.fontMetrics()
        title = metrics.elidedText(title, Qt.TextElideMode.ElideRight, int(name.width()))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(name, left, title)
        self._paint_bar(painter, combined, row.combined, row, is_large=True)
        for branch, value in zip(branches, row.branches, strict=True):
            self._paint_bar(painter, branch, value, row, is_large=False)

    def _paint_bar(
        self, painter: QPainter, box: QRectF, value: float, row: TagRow, *, is_large: bool
    ) -> None:
        label = painter.fontMetrics().horizontalAdvance("100 %")
        height = box.height() * (0.56 if is_large else 0.3)
        track = QRectF(
            box.x(), box.center().y() - height / 2, max(8.0, box.width() - label - 6), height
        )
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(QColor(self._theme.raised))
        painter.drawRoundedRect(track, 3, 3)
        fill = QColor(row.colour)
        fill.setAlphaF(1.0 if row.is_heard else 0.4)
        painter.setBrush(fill)
        painter.drawRoundedRect(
            QRectF(track.x(), track.y(), track.width() * value, track.height()), 3, 3
        )
        if is_large:
            x = track.x() + track.width() * row.threshold
            painter.setBrush(QColor(self._theme.text))
            painter.drawRect(QRectF(x - 1, track.y() - 2, 2, track.height() + 4))
        painter.setPen(QColor(self._theme.text if row.is_heard else self._theme.dim))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(box, right, f"{100 * value:.0f} %")
