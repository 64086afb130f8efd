"""``earmark tags``: what a bundle can hear, by family, and how well."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.models.bundle.metadata import BundleMetadata
    from earmark.models.tags import Tag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark tags``."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, default=None, help="folder; without it: the shipped one"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")


@dataclass(frozen=True)
class TagRow:
    """A tag, with how it is decided and how well it is heard.

    Args:
        tag: Its names and parents.
        threshold: Probability from which on it counts as heard.
        average_precision: On clips that it was not trained on, between 0 and 1; None where too few
            of them carry it.
    """

    tag: "Tag"
    threshold: float
    average_precision: float | None

    def as_table(self) -> dict[str, object]:
        """Return the row for programs; parents are labels."""
        return {
            "name": self.tag.name,
            "label": self.tag.label,
            "id": self.tag.audioset_id,
            "parents": list(self.tag.parents),
            "family": self.tag.family,
            "threshold": round(self.threshold, 4),
            "average_precision": self.average_precision,
        }


def run(args: argparse.Namespace) -> int:
    """List the tags."""
    from rich.console import Console

    from earmark.models.bundle.metadata import BundleMetadata, shipped_bundle
    from earmark.models.shown import shown
    from earmark.models.taught.layer import described_with, taught_on

    base = BundleMetadata.read(args.bundle or shipped_bundle())
    taught, problems = taught_on(base)
    for problem in problems:
        print(f"earmark: {shown(problem)}", file=sys.stderr)
    rows = tag_rows(described_with(base, taught))
    if args.format == "json":
        print(json.dumps([row.as_table() for row in rows], indent=2, ensure_ascii=False))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    taught_labels = {tag.name for tag in taught}
    for family, members in _by_family(rows, taught_labels).items():
        console.print(f"[bold]{family}[/bold]")
        for row in members:
            console.print(_line(row), markup=False)
    console.print(
        f"\n{len(rows)} tags: name, threshold, and how well each is heard (average precision in %)."
    )
    return 0


def tag_rows(metadata: "BundleMetadata") -> list[TagRow]:
    """Return a bundle's tags, in the order of its outputs."""
    measured = metadata.metrics.get("tags")
    precisions = measured if isinstance(measured, Mapping) else {}
    return [
        TagRow(tag, float(threshold), _share(precisions.get(tag.label)))
        for tag, threshold in zip(metadata.tags, metadata.calibration.thresholds, strict=True)
    ]


def _share(percent: object) -> float | None:
    return round(percent / 100, 4) if isinstance(percent, int | float) else None


def _by_family(rows: list[TagRow], taught: set[str]) -> dict[str, list[TagRow]]:
    """Return the rows of each family, in the families' order; one's own come last."""
    from earmark.models.tags import FAMILIES

    order = [*FAMILIES, "Others", "Taught by you"]
    families: dict[str, list[TagRow]] = {family: [] for family in order}
    for row in sorted(rows, key=lambda row: row.tag.name.casefold()):
        is_taught = row.tag.label in taught
        family = row.tag.family if row.tag.family in families else "Others"
        families["Taught by you" if is_taught else family].append(row)
    return {family: members for family, members in families.items() if members}


def _line(row: TagRow) -> str:
    precision = row.average_precision
    heard = "   -" if precision is None else f"{100 * precision:4.0f}"
    return f"  {row.tag.name:<24}{row.threshold:5.2f} {heard}"
