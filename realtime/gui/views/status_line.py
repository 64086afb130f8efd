"""The status line: how fresh it is, how hard the machine works, and what was lost."""

import math
from dataclasses import dataclass

from PyQt6.QtWidgets import QHBoxLayout, QLabel, QWidget


@dataclass(frozen=True)
class Status:
    """What the line says.

    Args:
        latency_ms: From sound to screen, median and 95th percentile; NaN where nothing is live.
        inference_ms: Time that a window takes; NaN where none was computed.
        real_time_factor: Inference time over the hop.
        skipped: Windows left out.
        overflows: Times that sound was lost.
        buffered_seconds: Sound that waits to be tagged.
        drawings_per_second: Of the screen.
        advice: What to do where it strains, else empty.
    """

    latency_ms: tuple[float, float] = (math.nan, math.nan)
    inference_ms: float = math.nan
    real_time_factor: float = math.nan
    skipped: int = 0
    overflows: int = 0
    buffered_seconds: float = math.nan
    drawings_per_second: float = math.nan
    advice: str = ""

    @property
    def is_strained(self) -> bool:
        """Whether it does not keep up."""
        return bool(self.advice)


class StatusLine(QWidget):
    """One line at the bottom; amber when it strains."""

    def __init__(self) -> None:
        super().__init__()
        self._figures = QLabel()
        self._message = QLabel()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 0)
        layout.addWidget(self._message, 1)
        layout.addWidget(self._figures)
        self.setAccessibleName("Status")

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self._message.text()} {self._figures.text()}".strip()

    def show_status(self, status: Status) -> None:
        """Show figures, and advice where it strains."""
        latency, p95 = status.latency_ms
        figures = [
            _figure("sound to screen", latency, "ms", f" (p95 {p95:.0f})"),
            _figure("inference", status.inference_ms, "ms", decimals=1),
            _figure("load", 100 * status.real_time_factor, "%"),
            _figure("buffered", 1_000 * status.buffered_seconds, "ms"),
            f"skipped {status.skipped}" if not math.isnan(latency) else "",
            f"overflows {status.overflows}" if not math.isnan(latency) else "",
            _figure("", status.drawings_per_second, "fps"),
        ]
        self._figures.setText("   ".join(figure for figure in figures if figure))
        name = "strained" if status.is_strained else "dim"
        if self._figures.objectName() != name:
            for label in (self._figures, self._message):
                label.setObjectName(name)
                label.setStyleSheet("")  # a style sheet sees a new name only when it is set anew
        if status.advice:
            self._message.setText(status.advice)
        self.setAccessibleDescription(self.text)

    def say(self, text: str) -> None:
        """Show a message until the next one."""
        self._message.setText(text)


def _figure(name: str, value: float, unit: str, more: str = "", *, decimals: int = 0) -> str:
    return "" if math.isnan(value) else f"{name} {value:.{decimals}f} {unit}{more}".strip()
