"""``earmark info``: what a bundle is, and how good it was measured to be."""

import argparse
import json
import sys
from pathlib import Path

from earmark.models.shown import shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark info``."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, default=None, help="folder; without it: the shipped one"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Describe the bundle."""
    from rich.console import Console
    from rich.text import Text

    from earmark.models.bundle.metadata import BundleMetadata, shipped_bundle
    from earmark.models.taught.layer import described_with, taught_on

    folder = args.bundle or shipped_bundle()
    base = BundleMetadata.read(folder)
    taught, problems = taught_on(base)
    metadata = described_with(base, taught)
    for problem in problems:
        print(f"earmark: {shown(problem)}", file=sys.stderr)
    if args.json:
        print(json.dumps(metadata.as_table(), indent=2, ensure_ascii=False))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        Text.assemble(
            (metadata.name, "bold"), f", made {metadata.created}, in {shown(str(folder))}"
        )
    )
    console.print(
        f"{len(base.vocabulary)} tags (`earmark tags`), from windows of 1 s at 16 kHz", markup=False
    )
    if taught:
        names = ", ".join(tag.name for tag in taught)
        console.print(f"and {len(taught)} taught by you: {names}", markup=False)
    # What is measured of each tag, `earmark tags` lists.
    metrics = {name: value for name, value in metadata.metrics.items() if name != "tags"}
    for title, part in (("trained on", metadata.sources), ("measured", metrics)):
        console.print(f"\n[bold]{title}[/bold]")
        for name, value in part.items():
            console.print(f"  {_spaced(name)}: {_listed(value)}", markup=False)
        if not part:
            console.print("  nothing is said of it")
    return 0


def _listed(value: object) -> str:
    if isinstance(value, dict):
        rows = [f"{_spaced(name)} {_listed(part)}" for name, part in value.items()]
        # Licences are long, figures are short.
        is_long = any(len(row) > 30 for row in rows)
        return "".join(f"\n    {row}" for row in rows) if is_long else ", ".join(rows)
    if isinstance(value, list):
        return ", ".join(shown(str(item)) for item in value)
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return shown(str(value))


def _spaced(name: str) -> str:
    return shown(name.replace("_", " "))
