"""A day by hours: how long each tag was heard in each of them, as a picture of characters."""

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import EarmarkError, UsageError
from earmark.realtime.detection.labels import label_of

from .query import Choice, listened, spans

HOURS = 24

# From so many seconds of an hour on; a scale of equal steps would hide a dog that barked once.
_SHADES = ((1200.0, "█"), (300.0, "▓"), (60.0, "▒"), (0.0, "░"))
_LEGEND = "░ heard   ▒ 1 min   ▓ 5 min   █ 20 min of the hour   · nothing   (blank: not listened)"


@dataclass(frozen=True)
class Day:
    """What was heard on a day of local time.

    Args:
        date: The day.
        tags: Names, the one heard longest first.
        seconds: (tags, 24) of each hour in which the tag was heard.
        listened: (24,) seconds of each hour in which a session ran.
    """

    date: date
    tags: tuple[str, ...]
    seconds: NDArray[np.float64]
    listened: NDArray[np.float64]


def read_day(
    connection: sqlite3.Connection, day: date, *, tags: tuple[str, ...] = (), rows: int
) -> Day:
    """Return a day out of a history.

    Args:
        connection: To the history.
        day: In local time. An hour that the clock skips is empty, one that it repeats is longer.
        tags: Only these; none: all.
        rows: Tags at most.

    Raises:
        UsageError: If the day is one of the first or last that there are.
    """
    try:
        midnight = datetime(day.year, day.month, day.day)
        edges = [(midnight + timedelta(hours=hour)).timestamp() for hour in range(HOURS)]
        edges.append((midnight + timedelta(days=1)).timestamp())
    except (OverflowError, ValueError) as error:
        raise UsageError(f"{day} has no beginning or end that this machine can name") from error
    choice = Choice(tags, edges[0], edges[-1])
    by_tag: dict[str, NDArray[np.float64]] = {}
    for tag, began, ended in spans(connection, choice):
        by_tag.setdefault(tag, np.zeros(HOURS))
        by_tag[tag] += _overlap(edges, began, ended)
    order = sorted(by_tag, key=lambda tag: (-by_tag[tag].sum(), tag))[:rows]
    running = np.zeros(HOURS)
    for began, ended in listened(connection, choice):
        running += _overlap(edges, began, ended)
    seconds = np.array([by_tag[tag] for tag in order]).reshape(-1, HOURS)
    return Day(day, tuple(order), seconds, running)


def draw(day: Day) -> str:
    """Return a day as lines of text: a row for each tag, a column for each hour."""
    labels = [label_of(tag) for tag in day.tags]
    width = max(map(len, labels), default=0)
    hours = "".join(f"{hour:<6}" for hour in range(0, HOURS, 3))
    lines = [f"{day.date:%A, %Y-%m-%d}", f"{'':{width}}  {hours.rstrip()}"]
    for label, row in zip(labels, day.seconds, strict=True):
        cells = (
            _shade(seconds, listened) for seconds, listened in zip(row, day.listened, strict=True)
        )
        # Two characters an hour are about as wide as they are high.
        picture = "".join(2 * cell for cell in cells)
        lines.append(f"{label:{width}}  {picture}  {_length(row.sum())}")
    if not day.tags:
        lines.append("nothing was heard")
    return "\n".join([*lines, _LEGEND, f"listened to: {_length(day.listened.sum())}"])


def plot(day: Day, path: Path) -> None:
    """Draw a day into an image file.

    Raises:
        EarmarkError: If matplotlib is missing or the file cannot be written.
    """
    try:
        from matplotlib.colors import LogNorm
        from matplotlib.figure import Figure
    except ImportError as error:
        raise EarmarkError(
            "--plot needs matplotlib, which is not installed: pip install 'earmark[plot]'; without "
            "it, --day alone draws in the terminal"
        ) from error
    figure = Figure(figsize=(10, 1.8 + 0.3 * len(day.tags)), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("white")
    minutes = np.ma.masked_equal(day.seconds / 60, 0)
    for hour in np.flatnonzero(day.listened == 0).tolist():
        axes.axvspan(hour, hour + 1, color="0.9", linewidth=0)
    if day.tags:
        mesh = axes.pcolormesh(
            np.arange(HOURS + 1),
            np.arange(len(day.tags) + 1),
            minutes,
            norm=LogNorm(1 / 60, 60),
            cmap="viridis_r",
        )
        figure.colorbar(mesh, label="minutes of the hour", ticks=[1 / 60, 0.1, 1, 10, 60]).ax.set(
            yticklabels=["1 s", "0.1", "1", "10", "60"]
        )
    axes.set_yticks(np.arange(len(day.tags)) + 0.5, [label_of(tag) for tag in day.tags])
    axes.set_xticks(range(0, HOURS + 1, 3))
    axes.set(xlim=(0, HOURS), ylim=(max(len(day.tags), 1), 0), xlabel="hour (grey: not listened)")
    axes.set_title(f"{day.date:%A, %Y-%m-%d}", loc="left")
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise EarmarkError(f"cannot draw {path}: {error}") from error


def _overlap(edges: list[float], began: float, ended: float) -> NDArray[np.float64]:
    """Return (24,) the seconds of each hour that lie within a stretch."""
    within = np.clip(np.array(edges), began, max(began, ended))
    return np.diff(within)


def _shade(seconds: float, listened: float) -> str:
    if seconds > 0:
        return next(shade for least, shade in _SHADES if seconds >= least)
    return "·" if listened > 0 else " "


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
