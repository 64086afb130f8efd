"""The parts of a report that go beyond its tables of measures, as lines of Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from earmark.models.config import BRANCH_NAMES

from .bootstrap import RESAMPLES, Interval
from .combination import Combination
from .confusions import Confusion
from .markdown import table_lines
from .report import Curve, Figures


def combination_lines(combination: Combination) -> list[str]:
    """Return what the branches are worth together."""
    return [
        f"All four together reach a macro mAP of clips of {_interval(combination.together)}; that "
        f"is {_interval(combination.gain)} points above the best branch by itself "
        f"(`{combination.best_branch}`). In brackets: 95 % of {RESAMPLES} bootstrap resamples of "
        "the clips.",
        "",
    ]


def _interval(interval: Interval) -> str:
    return f"{interval.value:.1f} [{interval.low:.1f}, {interval.high:.1f}]"


def other_lines(others: Mapping[str, Mapping[str, float | str]], minimum_clips: int) -> list[str]:
    """Return how clips of other collections are heard; nothing where none were."""
    if not others:
        return []
    lines = [
        "## Other collections",
        "",
        "Clips of unstated licence, from other repositories and other microphones, none of which "
        f"was learned from; tags that at least {minimum_clips} of them carry. mAP of a source is "
        "over the tags that its own clips carry; the last column says what it confuses most.",
        "",
        "| source | clips | tags | macro mAP | LRAP | top-3 any hit | mostly |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for source, figures in others.items():
        shares = " | ".join(f"{figures[key]:.1f}" for key in ("map", "lrap", "top_3"))
        lines.append(
            f"| {source} | {figures['clips']:.0f} | {figures['tags']:.0f} | {shares} | "
            f"{figures['mostly']} |"
        )
    return [*lines, ""]


def robustness_lines(robustness: Mapping[str, Figures]) -> list[str]:
    """Return what is left under deformations; nothing where it was not measured."""
    if not robustness:
        return []
    columns = ("all four", *BRANCH_NAMES)
    return [
        "## Spoiled sound",
        "",
        "Macro mAP of the same clips, each spoiled in the same way (audiomentations).",
        "",
        *table_lines(
            columns,
            {
                deformation: [f"{maps[name]:.1f}" for name in columns]
                for deformation, maps in robustness.items()
            },
        ),
        "",
    ]


def confusion_lines(found: Sequence[Confusion]) -> list[str]:
    """Return what is taken for what."""
    if not found:
        return []
    lines = [
        "## What is taken for what",
        "",
        "Clips whose likeliest tag is none of theirs; a clip stands for its rarest tag.",
        "",
        "| tag | taken for | clips | of |",
        "| --- | --- | ---: | ---: |",
    ]
    lines += [f"| {c.tag} | {c.taken_for} | {c.clips} | {c.of} |" for c in found]
    return [*lines, ""]


def curve_lines(curves: Mapping[str, Curve]) -> list[str]:
    """Return how long it was learned, and where the curves are."""
    if not curves:
        return []
    minutes = {stage: sum(row["seconds"] for row in rows) / 60 for stage, rows in curves.items()}
    each = ", ".join(f"{stage} {value:.0f}" for stage, value in minutes.items())
    return [
        "## How it was learned",
        "",
        "![mAP of the clips held out, after each epoch](curves.png)",
        "",
        f"Minutes of training: {each}; {sum(minutes.values()):.0f} in all, on the machine that it "
        "was trained on.",
        "",
    ]


def plot_curves(curves: Mapping[str, Curve], folder: Path) -> Path:
    """Draw the mAP of the clips held out over the epochs of each stage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    for stage, rows in curves.items():
        axes.plot([row["epoch"] for row in rows], [100 * row["map"] for row in rows], label=stage)
    axes.set_xlabel("epoch")
    axes.set_ylabel("macro mAP of clips held out (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path = folder / "curves.png"
    figure.savefig(path, dpi=110)
    return path
