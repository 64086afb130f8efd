"""Events as labelled spans under the curves, on the same time axis."""

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from earmark.realtime.detection.events import TagEvent
from earmark.realtime.detection.labels import label_of

from .theme import Theme

_N_LANES = 4
_GAP_SECONDS = 0.05


class EventLanes(QWidget):
    """Spans in a few lanes, so that those that overlap lie beneath each other.

    Args:
        theme: Colours.
        left_margin: Pixels that the axis of the plots above takes.
    """

    event_chosen = pyqtSignal(object)

    def __init__(self, theme: Theme, left_margin: int) -> None:
        super().__init__()
        self._theme = theme
        self._left = left_margin
        self._spans: list[tuple[TagEvent, int]] = []
        self._hidden = 0
        self._start, self._end = 0.0, 1.0
        self._colours: Mapping[str, str] = {}
        self._marks: Sequence[float] = ()
        self.setMouseTracking(True)
        self.setAccessibleName("Events")

    def set_theme(self, theme: Theme) -> None:
        """Use other colours."""
        self._theme = theme
        self.update()

    def show_events(
        self,
        events: Sequence[TagEvent],
        start: float,
        end: float,
        colours: Mapping[str, str],
        marks: Sequence[float],
    ) -> None:
        """Show the events between two times (s), with marks at some times."""
        self._spans = _in_lanes(events)
        self._hidden = len(events) - len(self._spans)
        self._start, self._end, self._colours, self._marks = start, end, colours, marks
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, self._lane_height() * _N_LANES + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, self._lane_height() * 2 + 4)

    def event_at(self, x: float, y: float) -> TagEvent | None:
        """Return the event that is drawn at a point."""
        boxes = ((event, self._box(event, lane)) for event, lane in self._spans)
        return next((event for event, box in boxes if box.contains(x, y)), None)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is None:
            return
        chosen = self.event_at(event.position().x(), event.position().y())
        if chosen is not None:
            self.event_chosen.emit(chosen)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None:
            return
        over = self.event_at(event.position().x(), event.position().y())
        shape = Qt.CursorShape.ArrowCursor if over is None else Qt.CursorShape.PointingHandCursor
        self.setCursor(shape)
        self.setToolTip("" if over is None else _explained(over))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(QRectF(self._left, 0, self.width() - self._left, self.height()))
        for span, lane in self._spans:
            self._paint_span(painter, span, self._box(span, lane))
        painter.setPen(QColor(self._theme.dim))
        if self._hidden:
            self._paint_count(painter, f"+{self._hidden} more")
        painter.setPen(QColor(self._theme.text))
        for mark in self._marks:
            painter.drawLine(int(self._x(mark)), 0, int(self._x(mark)), self.height())

    def _paint_count(self, painter: QPainter, text: str) -> None:
        metrics = painter.fontMetrics()
        width, height = metrics.horizontalAdvance(text) + 10, metrics.height()
        box = QRectF(self.width() - width, self.height() - height, width, height)
        painter.fillRect(box, QColor(self._theme.window))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_span(self, painter: QPainter, event: TagEvent, box: QRectF) -> None:
        colour = QColor(self._colours.get(event.tag, self._theme.dim))
        fill = QColor(colour)
        fill.setAlphaF(0.28)
        painter.setPen(colour)
        painter.setBrush(fill)
        painter.drawRoundedRect(box, 3, 3)
        # The label of an event that began outside the view still begins inside it.
        inside = box.intersected(QRectF(self._left, 0, self.width() - self._left, self.height()))
        inside.adjust(5, 0, -3, 0)
        if inside.width() > 16:
            painter.setPen(QColor(self._theme.text))
            text = painter.fontMetrics().elidedText(
                label_of(event.tag), Qt.TextElideMode.ElideRight, int(inside.width())
            )
            centred = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(inside, centred, text)

    def _lane_height(self) -> int:
        return int(self.fontMetrics().height() * 1.15) + 2

    def _x(self, seconds: float) -> float:
        share = (seconds - self._start) / max(self._end - self._start, 1e-9)
        return self._left + share * (self.width() - self._left)

    def _box(self, event: TagEvent, lane: int) -> QRectF:
        height = self._lane_height()
        left, right = self._x(event.start), self._x(event.end)
        return QRectF(left, lane * height + 2, max(3.0, right - left), height - 2)


def _in_lanes(events: Sequence[TagEvent]) -> list[tuple[TagEvent, int]]:
    """Give each event the first lane that is free; those that find none are left out."""
    free_from = [float("-inf")] * _N_LANES
    placed = []
    for event in sorted(events, key=lambda e: (e.start, -e.peak)):
        lane = next((i for i, end in enumerate(free_from) if end <= event.start), None)
        if lane is not None:
            free_from[lane] = event.end + _GAP_SECONDS
            placed.append((event, lane))
    return placed


def _explained(event: TagEvent) -> str:
    return (
        f"{label_of(event.tag)}: {event.start:.1f} to {event.end:.1f} s, "
        f"peak {100 * event.peak:.0f} %, surest branch {event.branch}. Click to hear it."
    )
