"""The level meter: how loud, how loud it was, and whether it clipped."""

import time

from PyQt6.QtCore import QRectF, QSize
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from earmark.realtime.audio.level import Level

from .theme import Theme

_FLOOR_DBFS = -60.0
_HOLD_SECONDS = 1.5
_CLIP_SECONDS = 3.0
_CLIPPED_DBFS = -0.05


class LevelMeter(QWidget):
    """A bar from -60 dBFS to full scale, a mark at the peak, and a light that clipping turns on."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._level = Level()
        self._peak = Level().peak_dbfs
        self._peak_until = 0.0
        self._clipped_until = 0.0
        self.setAccessibleName("Level")
        self.setToolTip("Level in decibels of full scale; the light shows clipping")

    @property
    def is_clipping(self) -> bool:
        """Whether the light is on."""
        return time.monotonic() < self._clipped_until

    def sizeHint(self) -> QSize:
        return QSize(170, 24)

    def set_theme(self, theme: Theme) -> None:
        """Use other colours."""
        self._theme = theme
        self.update()

    def show_level(self, level: Level) -> None:
        """Show the level of now."""
        now = time.monotonic()
        self._level = level
        if level.peak_dbfs >= self._peak or now > self._peak_until:
            self._peak, self._peak_until = level.peak_dbfs, now + _HOLD_SECONDS
        if level.peak_dbfs >= _CLIPPED_DBFS:
            self._clipped_until = now + _CLIP_SECONDS
        self.update()

    def describe(self) -> None:
        """Tell assistive technology the level; seldom, or it would never stop talking."""
        self.setAccessibleDescription(f"{self._level.rms_dbfs:.0f} dBFS")

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height, light = 8.0, 10.0
        top = (self.height() - height) / 2
        width = self.width() - light - 8
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(QColor(self._theme.raised))
        painter.drawRoundedRect(QRectF(0, top, width, height), 4, 4)
        loud = _share(self._level.rms_dbfs)
        painter.setBrush(QColor(self._theme.good if loud < 0.9 else self._theme.warning))
        painter.drawRoundedRect(QRectF(0, top, loud * width, height), 4, 4)
        peak = _share(self._peak)
        if peak > 0:
            painter.setBrush(QColor(self._theme.text))
            painter.drawRect(QRectF(max(0.0, peak * width - 2), top - 2, 2, height + 4))
        painter.setBrush(QColor(self._theme.bad if self.is_clipping else self._theme.raised))
        painter.drawEllipse(QRectF(width + 7, (self.height() - light) / 2, light, light))


def _share(dbfs: float) -> float:
    return min(max(1 - dbfs / _FLOOR_DBFS, 0.0), 1.0)
