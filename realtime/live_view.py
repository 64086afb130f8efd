"""The terminal view of a live session: tags as bars, each branch's belief beside them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .health import Health
from .results import WindowResult
from .steady_rows import SteadyRows

_FLOOR_DBFS = -60.0
_METER_WIDTH = 30
_SHADES = " ▁▂▃▄▅▆▇█"


class LiveView:
    """Draws the newest result. It computes nothing but what goes where.

    Args:
        source: Name of what is heard.
        names: Tags, in the order of the probabilities.
        branches: In the order of the branch probabilities.
        thresholds: (tags,) from which on a tag is bright.
        rows: Tags shown.
    """

    def __init__(
        self,
        source: str,
        names: Sequence[str],
        branches: Sequence[str],
        thresholds: NDArray[np.float32],
        *,
        rows: int,
    ) -> None:
        self._source = source
        self._names = names
        self._branches = branches
        self._thresholds = thresholds
        self._rows = SteadyRows(rows)
        self._smoothed: NDArray[np.float32] | None = None
        self._result: WindowResult | None = None

    def update(self, result: WindowResult) -> None:
        """Take a result; tags keep their rows, so that eyes can rest on them."""
        before = result.probabilities if self._smoothed is None else self._smoothed
        self._smoothed = before + np.float32(0.4) * (result.probabilities - before)
        self._result = result
        self._rows.update(self._smoothed)

    def draw(
        self, *, level_dbfs: float, health: Health, skipped: int, overflows: int
    ) -> RenderableType:
        """Return the view as it stands."""
        parts: list[RenderableType] = [self._heading(level_dbfs), self._tags()]
        parts.append(_status(health, skipped=skipped, overflows=overflows))
        if advice := health.advice():
            parts.append(Text(advice, style="yellow"))
        return Group(*parts)

    def _heading(self, level_dbfs: float) -> Text:
        share = min(max(1 - level_dbfs / _FLOOR_DBFS, 0.0), 1.0)
        filled = round(share * _METER_WIDTH)
        style = "red" if level_dbfs > -1 else "green"
        seconds = 0.0 if self._result is None else self._result.end
        return Text.assemble(
            (self._source, "bold"),
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
                Text(self._names[tag], style="bold" if is_heard else "dim"),
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


def _status(health: Health, *, skipped: int, overflows: int) -> Text:
    latency, p95 = health.latency_ms()
    inference, _ = health.inference_ms()
    is_strained = skipped > 0 or overflows > 0
    return Text(
        f"latency {latency:.0f} ms (p95 {p95:.0f})   inference {inference:.1f} ms   "
        f"skipped {skipped}   overflows {overflows}",
        style="yellow" if is_strained else "dim",
    )
