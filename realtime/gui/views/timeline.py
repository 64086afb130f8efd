"""The timeline: what was heard as a spectrogram, what was made of it as curves and spans below."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from earmark.models.timebase import SAMPLE_RATE
from earmark.realtime.gui.stream.picture import Picture
from earmark.realtime.gui.stream.spectrogram import F_MIN, N_MELS

from .clock import clock
from .event_lanes import EventLanes
from .theme import Theme

_AXIS_PIXELS: Final = 54
_LABELLED_HZ: Final = (200, 1_000, 4_000)


class Timeline(QWidget):
    """Spectrogram, probability curves and events on one time axis.

    Args:
        theme: Colours.
        table: Colour map, (256, 3) bytes.
    """

    #: Seconds that were clicked at.
    sought = pyqtSignal(float)
    #: First and last second that somebody dragged or wheeled into view.
    dragged = pyqtSignal(float, float)

    def __init__(self, theme: Theme, table: NDArray[np.uint8]) -> None:
        super().__init__()
        self._spectrogram = _plot((0, N_MELS), stretch_axis=False)
        self._curves = _plot((0, 1.09), stretch_axis=True)
        self.lanes = EventLanes(theme, _AXIS_PIXELS)
        self._image = pg.ImageItem(axisOrder="row-major", levels=(0, 255))
        self._spectrogram.addItem(self._image)
        self._spectrogram.getAxis("left").setTicks([_mel_ticks()])
        ticks = [(0.0, "0"), (0.5, "50"), (1.0, "100")]
        self._curves.getAxis("left").setTicks([ticks])
        # The axis asks its own method for labels; ours say minutes and seconds.
        self._curves.getAxis("bottom").tickStrings = _tick_strings
        self._lines: list[pg.PlotCurveItem] = []
        self._marks = [pg.InfiniteLine(angle=90) for _ in range(2)]
        self._playheads = [pg.InfiniteLine(angle=90) for _ in range(2)]
        for plot, mark, playhead in zip(
            (self._spectrogram, self._curves), self._marks, self._playheads, strict=True
        ):
            plot.addItem(mark)
            plot.addItem(playhead)
            plot.getViewBox().sigRangeChangedManually.connect(self._tell_range)
            plot.scene().sigMouseClicked.connect(self._tell_click)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._spectrogram, 3)
        layout.addWidget(self._curves, 2)
        layout.addWidget(self.lanes, 0)
        self.setAccessibleName("Timeline")
        self.set_colours(theme, table)

    @property
    def n_curves(self) -> int:
        """Curves that are shown."""
        return sum(line.isVisible() for line in self._lines)

    @property
    def visible_range(self) -> tuple[float, float]:
        """First and last second in view."""
        (start, end), _ = self._curves.getViewBox().viewRange()
        return start, end

    def set_colours(self, theme: Theme, table: NDArray[np.uint8]) -> None:
        """Use other colours."""
        self._theme = theme
        self._image.setLookupTable(table)
        for plot in (self._spectrogram, self._curves):
            plot.setBackground(theme.panel)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(theme.line)
                plot.getAxis(side).setTextPen(theme.dim)
        pen = pg.mkPen(theme.dim, width=1, style=Qt.PenStyle.DashLine)
        for mark in self._marks:
            mark.setPen(pen)
        for playhead in self._playheads:
            playhead.setPen(pg.mkPen(theme.text, width=2))
        self.lanes.set_theme(theme)

    def show_picture(
        self,
        picture: Picture,
        start: float,
        end: float,
        *,
        tags: Sequence[str],
        colours: Mapping[str, str],
        cursor: float | None,
        playhead: float | None,
    ) -> None:
        """Show a stretch of a stream.

        Args:
            picture: What is to be seen.
            start: Left edge (s).
            end: Right edge (s).
            tags: Of the curves, in their order.
            colours: Of tags; others are grey.
            cursor: Time that the other views show (s).
            playhead: Time that is heard (s).
        """
        for plot in (self._spectrogram, self._curves):
            plot.getViewBox().setXRange(start, end, padding=0)
        self._image.setVisible(picture.image.shape[1] > 0)
        if picture.image.shape[1]:
            self._image.setImage(picture.image, autoLevels=False)
            width = picture.image_end - picture.image_start
            self._image.setRect(QRectF(picture.image_start, 0, width, N_MELS))
        while len(self._lines) < len(tags):
            line = pg.PlotCurveItem(skipFiniteCheck=True)
            self._lines.append(line)
            self._curves.addItem(line)
        for i, line in enumerate(self._lines):
            line.setVisible(i < len(tags))
            if i < len(tags):
                line.setPen(QColor(colours[tags[i]]))
                line.setData(picture.times, np.ascontiguousarray(picture.curves[:, i]))
        for lines, at in ((self._marks, cursor), (self._playheads, playhead)):
            for one in lines:
                one.setVisible(at is not None)
                if at is not None:
                    one.setPos(at)
        marks = [] if playhead is None else [playhead]
        self.lanes.show_events(picture.events, start, end, colours, marks)

    def clear(self) -> None:
        """Show nothing."""
        self._image.setVisible(False)
        for item in (*self._lines, *self._marks, *self._playheads):
            item.setVisible(False)
        self.lanes.show_events([], 0.0, 1.0, {}, [])

    def _tell_range(self) -> None:
        box = self.sender()
        if isinstance(box, pg.ViewBox):
            (start, end), _ = box.viewRange()
            self.dragged.emit(start, end)

    def _tell_click(self, event: object) -> None:
        position = getattr(event, "scenePos", QPointF)()
        for plot in (self._spectrogram, self._curves):
            box = plot.getViewBox()
            if plot.scene() is self.sender() and box.sceneBoundingRect().contains(position):
                self.sought.emit(float(box.mapSceneToView(position).x()))


def _plot(y_range: tuple[float, float], *, stretch_axis: bool) -> pg.PlotWidget:
    plot = pg.PlotWidget()
    plot.setMouseEnabled(x=True, y=False)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.getPlotItem().setContentsMargins(0, 0, 0, 0)
    plot.setYRange(*y_range, padding=0)
    plot.getViewBox().setAutoPan(False, False)
    plot.getAxis("left").setWidth(_AXIS_PIXELS)
    plot.showAxis("bottom", stretch_axis)
    plot.setFrameShape(plot.Shape.NoFrame)
    plot.setMinimumHeight(60)
    return plot


def _mel_ticks() -> list[tuple[float, str]]:
    def mel(hertz: float) -> float:
        return float(2_595 * np.log10(1 + hertz / 700))

    low, high = mel(F_MIN), mel(SAMPLE_RATE / 2)
    return [
        (N_MELS * (mel(hertz) - low) / (high - low), f"{hertz / 1_000:g} kHz")
        for hertz in _LABELLED_HZ
    ]


def _tick_strings(values: Sequence[float], scale: float, spacing: float) -> list[str]:
    del scale
    return [clock(value, decimals=0 if spacing >= 1 else 1) for value in values]
