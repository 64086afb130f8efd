"""``python -m earmark.training.studies.repeats``: several trainings of one recipe, as one table.

Reads the ``report.json`` that ``earmark evaluate`` wrote into each run, and prints means and
standard deviations over them, as Markdown.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from earmark.models.config import BRANCH_NAMES
from earmark.models.errors import UsageError, exit_status
from earmark.models.json_files import read_object

from ..evaluation.markdown import table_lines
from ..evaluation.report import Figures
from ..evaluation.report_files import COLUMNS

_SHOWN = ("map", "lrap", "top_1", "top_5_first_label", "top_5_recall", "top_5_any_hit")


def as_markdown(reports: Sequence[Mapping[str, Any]]) -> str:
    """Return what several reports have in common, in figures and words.

    Args:
        reports: As ``earmark evaluate`` writes them, of the same clips.

    Raises:
        UsageError: If there are fewer than two, or they measure different things.
    """
    if len(reports) < 2:
        raise UsageError(f"a spread needs at least two runs, got {len(reports)}")
    protocols = [report["protocol"] for report in reports]
    if any(protocol != protocols[0] for protocol in protocols):
        raise UsageError(
            "the runs were measured on different clips or tags; evaluate all of them on the same"
        )
    combined = {"**all four**": [report["clips"] for report in reports]}
    alone = {f"`{name}`": [report["branches"][name] for report in reports] for name in BRANCH_NAMES}
    subsets = {
        name: [report["subsets"][name] for report in reports] for name in reports[0]["subsets"]
    }
    return "\n".join(
        [
            f"{len(reports)} trainings, each with another seed: mean ± standard deviation of "
            f"{protocols[0]['clips']} clips and {protocols[0]['tags']} tags, in percent.",
            "",
            *_table({**combined, **alone}),
            "",
            *_findings(reports),
            "",
            "A head for each subset of the branches:",
            "",
            *_table(subsets),
            "",
        ]
    )


def _table(rows: Mapping[str, Sequence[Figures]]) -> list[str]:
    def cell(values: Sequence[float]) -> str:
        return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"

    return table_lines(
        [COLUMNS[key] for key in _SHOWN],
        {
            name: [cell([found[key] for found in figures]) for key in _SHOWN]
            for name, figures in rows.items()
        },
    )


def _findings(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return in which order the branches come, and whether all four beat the best of them."""
    maps = [{name: report["branches"][name]["map"] for name in BRANCH_NAMES} for report in reports]
    orders = [" > ".join(sorted(found, key=lambda name: -found[name])) for found in maps]
    lines = [
        f"- {order}: in {orders.count(order)} of {len(orders)}" for order in sorted(set(orders))
    ]
    gains = [
        report["clips"]["map"] - max(found.values())
        for report, found in zip(reports, maps, strict=True)
    ]
    better = sum(gain > 0 for gain in gains)
    lines.append(
        f"- all four above the best branch by itself: in {better} of {len(gains)}, by "
        f"{np.mean(gains):.1f} ± {np.std(gains, ddof=1):.1f} points of macro mAP"
    )
    return lines


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    missing = [folder for folder in args.runs if not (folder / "report.json").is_file()]
    if missing:
        raise UsageError(f"{missing[0]} holds no report.json; `earmark evaluate` writes it")
    print(as_markdown([read_object(folder / "report.json") for folder in args.runs]))
    return 0


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="earmark.training.studies.repeats", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders that hold a report.json")
    args = parser.parse_args()
    return exit_status(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
