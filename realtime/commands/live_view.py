"""The terminal view of a live session: tags as bars, each branch's belief beside them."""

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from earmark.models.shown import shown
from earmark.models.streaming.results import WindowResult
from earmark.realtime.audio.liveness import Liveness
from earmark.realtime.detection.labels import label_of
from earmark.realtime.detection.steady_rows import SteadyRows
from earmark.realtime.sinks.base import LiveStream, Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FLOOR_DBFS = -60.0
_METER_WIDTH = 30
_SHADES = " ▁▂▃▄▅▆▇█"


class LiveView:
    """Draws the newest result. It computes nothing but what goes where.

    Args:
        stream: What is listened to.
        rows: Tags shown.
    """

    def __init__(self, stream: LiveStream, *, rows: int) -> None:
        self._source = stream.source
        self._names = stream.tags
        self._branches = stream.branches
        self._thresholds = stream.thresholds
        self._rows = SteadyRows(rows)
        self._smoothed: NDArray[np.float32] | None = None
        self._result: WindowResult | None = None

    def update(self, result: WindowResult) -> None:
        """Take a result; tags keep their rows, so that eyes can rest on them."""
        before = result.probabilities if self._smoothed is None else self._smoothed
        self._smoothed = before + np.float32(0.4) * (result.probabilities - before)
        self._result = result
        self._rows.update(self._smoothed)

    def draw(self, status: Status, *, level_dbfs: float, advice: str) -> RenderableType:
        """Return the view as it stands.

        Args:
            status: Of the stream, now.
            level_dbfs: Of the newest sound.
            advice: What to do where the machine does not keep up, else empty.
        """
        parts: list[RenderableType] = [self._heading(level_dbfs), self._tags(), _status(status)]
        if status.reason:
            parts.append(Text(shown(f"{status.liveness.value}: {status.reason}"), style="yellow"))
        if advice:
            parts.append(Text(advice, style="yellow"))
        return Group(*parts)

    def _heading(self, level_dbfs: float) -> Text:
        share = min(max(1 - level_dbfs / _FLOOR_DBFS, 0.0), 1.0)
        filled = round(share * _METER_WIDTH)
        style = "red" if level_dbfs > -1 else "green"
        seconds = 0.0 if self._result is None else self._result.end
        return Text.assemble(
            (shown(self._source), "bold"),
            f"  {seconds:7.1f} s  ",
            ("█" * filled, style),
            ("·" * (_METER_WIDTH - filled), "dim"),
            f" {max(level_dbfs, -120):5.0f} dBFS",
        )

    def _tags(self) -> Table:
        table = Table(box=None, padding=(0, 1), expand=True)
        table.add_column("tag", no_wrap=True, min_width=16, max_width=26)
        table.add_column("all four", ratio=1, min_width=8, no_wrap=True)
        table.add_column("", justify="right", width=5)
        for branch in self._branches:
            table.add_column(branch, justify="right")
        if self._result is None or self._smoothed is None:
            table.add_row("listening ...")
            return table
        for tag in self._rows.tags:
            probability = float(self._smoothed[tag])
            is_heard = probability >= self._thresholds[tag]
            beliefs = [_belief(float(row[tag])) for row in self._result.branch_probabilities]
            table.add_row(
                Text(label_of(shown(self._names[tag])), style="bold" if is_heard else "dim"),
                ProgressBar(
                    total=1.0,
                    completed=probability,
                    complete_style="cyan" if is_heard else "bright_black",
                    finished_style="cyan",
                ),
                Text(f"{100 * probability:.0f} %", style="" if is_heard else "dim"),
                *beliefs,
            )
        return table


def _belief(probability: float) -> Text:
    shade = _SHADES[round(probability * (len(_SHADES) - 1))]
    return Text(f"{shade} {100 * probability:3.0f}", style="" if probability >= 0.5 else "dim")


def _status(status: Status) -> Text:
    is_strained = status.skipped > 0 or status.overflows > 0
    is_well = status.liveness is Liveness.LISTENING and not is_strained
    return Text(
        f"{status.liveness.value}   "
        f"latency {status.latency_ms[0]:.0f} ms (p95 {status.latency_ms[1]:.0f})   "
        f"inference {status.inference_ms[0]:.1f} ms   "
        f"skipped {status.skipped}   overflows {status.overflows}",
        style="dim" if is_well else "yellow",
    )
