"""Measurements as a table to read, an object for programs, and a plot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .subjects import BATCH, HOPS_MS, LIVE_HOP_MS
from .timing import Timing

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class BenchReport:
    """What was measured.

    Args:
        about: Machine, device, threads and model, by name.
        stream: ``cold``, ``batch`` and each hop.
        peers: By name; measured in turns with ``stream``.
        rested: ``live`` and the peers, by name: as often as a live session has windows, with
            nothing done in between.
        branches: By name, then by stage.
        start: Seconds of starting, and memory.
    """

    about: Mapping[str, object]
    stream: Mapping[str, Timing]
    peers: Mapping[str, Timing]
    rested: Mapping[str, Timing]
    branches: Mapping[str, Mapping[str, Timing]]
    start: Mapping[str, float] = field(default_factory=dict)

    def as_table(self) -> dict[str, object]:
        """Return plain values; times in ms unless their name says otherwise."""
        batch = self.stream["batch"].as_table()
        return {
            "about": dict(self.about),
            "cold_window_ms": self.stream["cold"].as_table(),
            "update_ms": {str(hop): self.stream[str(hop)].as_table() for hop in HOPS_MS},
            "live_update_ms": self.rested["live"].as_table(),
            "batch": {
                "windows": BATCH,
                "windows_per_second": round(BATCH / batch["median"] * 1e3, 1),
                **batch,
            },
            "branches": {
                name: {stage: timing.as_table() for stage, timing in stages.items()}
                for name, stages in self.branches.items()
            },
            "peers": {
                name: {**timing.as_table(), "live": self.rested[name].as_table()}
                for name, timing in self.peers.items()
            },
            "ratios": {
                name: {
                    "cold_window": round(self.stream["cold"].ratio_to(peer), 3),
                    "update": {
                        str(hop): round(self.stream[str(hop)].ratio_to(peer), 3) for hop in HOPS_MS
                    },
                    "live_update": round(self.rested["live"].ratio_to(self.rested[name]), 3),
                }
                for name, peer in self.peers.items()
            },
            "start": dict(self.start),
        }

    def rows(self) -> list[tuple[str, Timing]]:
        """Return a title and the timing of each row of the table."""
        rows = [("a window by itself", self.stream["cold"])]
        rows += [(f"update each {hop} ms", self.stream[str(hop)]) for hop in HOPS_MS]
        rows += [(f"update each {LIVE_HOP_MS} ms, between rests", self.rested["live"])]
        rows += [(f"{BATCH} windows at once", self.stream["batch"])]
        rows += [
            (f"{name}: {_STAGES[stage]}", timing)
            for name, stages in self.branches.items()
            for stage, timing in stages.items()
        ]
        for name, timing in self.peers.items():
            rows += [
                (f"{name}, one window", timing),
                (f"{name}, between rests", self.rested[name]),
            ]
        return rows

    def rich_table(self) -> "Table":
        """Return the table for a terminal."""
        from rich.table import Table

        table = Table("", *(f"{n} (ms)" for n in ("median", "p95", "max")), box=None)
        for column in table.columns[1:]:
            column.justify = "right"
        for peer in self.peers:
            table.add_column(f"to {peer}", justify="right")
        batch, live = self.stream["batch"], self.rested["live"]
        # Whom each was measured in turns with; a batch is no window.
        peers = {id(timing): self.peers for timing in self.stream.values() if timing is not batch}
        peers[id(live)] = {name: self.rested[name] for name in self.peers}
        for title, timing in self.rows():
            numbers = timing.as_table()
            cells = [f"{numbers[key]:.2f}" for key in ("median", "p95", "max")]
            cells += [f"{timing.ratio_to(peer):.2f}" for peer in peers.get(id(timing), {}).values()]
            table.add_row(title, *cells)
        return table

    def plot(self, path: Path) -> None:
        """Draw each row's median as a bar, with its 95th percentile.

        Raises:
            EarmarkError: If matplotlib is missing or the file cannot be written.
        """
        from earmark.models.errors import EarmarkError

        try:
            import matplotlib as mpl
            from matplotlib.figure import Figure
        except ImportError as error:
            raise EarmarkError(
                "--plot needs matplotlib, which is not installed: pip install 'earmark[bench]'"
            ) from error
        mpl.use("Agg")
        rows = [(title, timing.as_table()) for title, timing in self.rows()][::-1]
        figure = Figure(figsize=(8, 0.3 * len(rows) + 1.2), layout="constrained")
        axes = figure.subplots()
        medians = [numbers["median"] for _, numbers in rows]
        late = [numbers["p95"] - numbers["median"] for _, numbers in rows]
        colours = [
            "tab:orange"
            if title.startswith(tuple(f"{name}, " for name in self.peers))
            else "tab:blue"
            for title, _ in rows
        ]
        axes.barh(
            [title for title, _ in rows], medians, xerr=[[0] * len(rows), late], color=colours
        )
        axes.set_xscale("log")
        axes.set_xlabel("ms, median and 95th percentile")
        axes.set_title(", ".join(f"{value}" for value in self.about.values()), fontsize=9)
        try:
            figure.savefig(path)
        except (OSError, ValueError) as error:
            raise EarmarkError(f"cannot write {path}: {error}") from error


_STAGES: Mapping[str, str] = {
    "update": "hearing 100 ms",
    "cold": "hearing a window",
    "window": "from there to tags",
}
