"""``earmark info``: what a bundle is, and how good it was measured to be."""

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark info``."""
    parser.add_argument(
        "bundle", nargs="?", type=Path, default=None, help="folder; without it: the shipped one"
    )
    parser.add_argument("--tags", action="store_true", help="list its tags with their thresholds")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(args: argparse.Namespace) -> int:
    """Describe the bundle."""
    from rich.console import Console

    from earmark.models.metadata import BundleMetadata, shipped_bundle

    folder = args.bundle or shipped_bundle()
    metadata = BundleMetadata.read(folder)
    if args.json:
        print(json.dumps(metadata.as_table(), indent=2, ensure_ascii=False))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{metadata.name}[/bold]  {metadata.created}  in {folder}", markup=True)
    console.print(f"{len(metadata.vocabulary)} tags from windows of 1 s at 16 kHz")
    console.print(f"trained on: {_listed(metadata.sources)}")
    for name, value in metadata.metrics.items():
        console.print(f"{name.replace('_', ' ')}: {_listed(value)}")
    if args.tags:
        thresholds = metadata.calibration.thresholds
        rows = zip(metadata.vocabulary, metadata.vocabulary.audioset_ids, thresholds, strict=True)
        for tag, audioset_id, threshold in rows:
            console.print(f"{threshold:5.2f}  {audioset_id:12}  {tag}", markup=False)
    return 0


def _listed(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name.replace('_', ' ')} {_listed(part)}" for name, part in value.items()
        )
    return f"{value:.1f}" if isinstance(value, float) else str(value)
