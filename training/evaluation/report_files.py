"""A report as files: JSON for programs, Markdown and plots for people."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..run_folder import write_json
from .markdown import table_lines
from .report import Figures, Report
from .report_sections import (
    combination_lines,
    confusion_lines,
    curve_lines,
    other_lines,
    plot_curves,
    robustness_lines,
)

#: Measures as they are headed, in the order of a table.
COLUMNS: Final = {
    "map": "macro mAP",
    "lwlrap": "lwlrap",
    "lrap": "LRAP",
    "d_prime": "d'",
    "top_1": "top-1",
    "top_3_any_hit": "top-3 any hit",
    "top_5_first_label": "top-5 first label",
    "top_5_recall": "top-5 recall",
    "top_5_any_hit": "top-5 any hit",
}


def write_report(report: Report, folder: Path, *, command: str, notes: list[str]) -> list[Path]:
    """Write ``report.json``, ``report.md`` and its plots.

    Args:
        report: What was measured.
        folder: Made where it does not exist; an older report there is replaced.
        command: That makes the report again.
        notes: Lines on how the model was trained.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", dataclasses.asdict(report))
    plots = [
        _plot_subsets(report, folder),
        _plot_tags(report, folder),
        _plot_reliability(report, folder),
    ]
    if report.beyond.curves:
        plots.append(plot_curves(report.beyond.curves, folder))
    text = folder / "report.md"
    text.write_text(as_markdown(report, command=command, notes=notes), encoding="utf-8")
    return [folder / "report.json", text, *plots]


def as_markdown(report: Report, *, command: str, notes: list[str]) -> str:
    """Return the report as Markdown."""
    protocol = report.protocol
    lines = [
        f"# How well {report.model} hears",
        "",
        f"Measured on the {protocol.clips} clips ({protocol.windows} windows of 1 s) of fold "
        f"{', '.join(protocol.folds)} of {protocol.corpus}, which nothing was trained, chosen or "
        f"calibrated on; {protocol.tags} tags with at least {protocol.minimum_clips} clips there. "
        "A clip's score is the mean over its windows. All shares are percentages.",
        "",
        *notes,
        "",
        f"Made by `{command}`.",
        "",
        "## Combined",
        "",
        _table({"clips": report.clips, "windows": report.windows}),
        "",
    ]
    if report.classes:
        lines += [
            f"Among {report.classes['classes']:.0f} exclusive classes "
            f"({report.classes['clips']:.0f} "
            f"clips): top-1 {report.classes['clip_top_1']:.1f} of clips, "
            f"{report.classes['window_top_1']:.1f} of windows.",
            "",
        ]
    lines += combination_lines(report.combination)
    lines += [
        "## Calibration, windows",
        "",
        "![stated probabilities and what happened](reliability.png)",
        "",
        "| | Brier score | expected calibration error (15 bins) |",
        "| --- | ---: | ---: |",
        *(
            f"| {when} calibration | {found.brier:.4f} | {found.error:.4f} |"
            for when, found in report.calibration.items()
        ),
        "",
        "## False alarms",
        "",
        "Made-up sounds of no tag, six minutes of each kind, at the model's thresholds. An alarm "
        "is a run of windows in which a tag is at or above its threshold.",
        "",
        "| | highest probability of any tag | windows with an alarm (%) | alarms an hour |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {kind} | {found.highest:.2f} | {100 * found.share:.1f} | {found.per_hour:.1f} |"
            for kind, found in report.alarms.items()
        ),
        "",
        "## Each branch by itself (its own classifier), clips",
        "",
        _table(report.branches),
        "",
        "## All subsets of the branches (a head for each), clips",
        "",
        "![mAP of the subsets](subsets.png)",
        "",
        _table(report.subsets),
        "",
        *other_lines(report.beyond.others, report.protocol.minimum_clips),
        *robustness_lines(report.beyond.robustness),
        *confusion_lines(report.confusions),
        *curve_lines(report.beyond.curves),
        "## Tags",
        "",
        "![average precision of the tags](tags.png)",
        "",
        "| tag | average precision | clips |",
        "| --- | ---: | ---: |",
    ]
    for tag, figures in sorted(report.tags.items(), key=lambda item: -item[1]["ap"]):
        lines.append(f"| {tag} | {figures['ap']:.1f} | {figures['clips']:.0f} |")
    return "\n".join(lines) + "\n"


def _table(rows: Mapping[str, Figures]) -> str:
    cells = {
        name: [
            f"{figures[key]:.2f}" if key == "d_prime" else f"{figures[key]:.1f}" for key in COLUMNS
        ]
        for name, figures in rows.items()
    }
    return "\n".join(table_lines(list(COLUMNS.values()), cells))


def _plot_subsets(report: Report, folder: Path) -> Path:
    from matplotlib.figure import Figure

    names = list(report.subsets)
    values = [report.subsets[name]["map"] for name in names]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(names[::-1], values[::-1], color="#3b6ea5")
    for row, value in enumerate(values[::-1]):
        axes.text(value, row, f" {value:.1f}", va="center", fontsize=8)
    axes.set_xlabel("macro mAP of clips (%)")
    axes.spines[["top", "right"]].set_visible(False)
    path = folder / "subsets.png"
    figure.savefig(path, dpi=110)
    return path


def _plot_tags(report: Report, folder: Path) -> Path:
    from matplotlib.figure import Figure

    ordered = sorted(report.tags.items(), key=lambda item: item[1]["ap"])
    figure = Figure(figsize=(8, 0.16 * len(ordered) + 1), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(
        [tag for tag, _ in ordered], [figures["ap"] for _, figures in ordered], color="#3b6ea5"
    )
    axes.tick_params(axis="y", labelsize=6)
    axes.set_ylim(-1, len(ordered))
    axes.set_xlabel("average precision of clips (%)")
    axes.spines[["top", "right"]].set_visible(False)
    path = folder / "tags.png"
    figure.savefig(path, dpi=110)
    return path


def _plot_reliability(report: Report, folder: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
    for (when, found), color in zip(
        report.calibration.items(), ("#c0504d", "#3b6ea5"), strict=True
    ):
        stated, happened = zip(*((b[0], b[1]) for b in found.bins), strict=True)
        axes.plot(stated, happened, "o-", color=color, label=f"{when} calibration")
    axes.set_xlabel("stated probability")
    axes.set_ylabel("share of windows that carry the tag")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path = folder / "reliability.png"
    figure.savefig(path, dpi=110)
    return path
