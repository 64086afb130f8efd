"""``earmark export``: a finished run to a bundle."""

import argparse
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark export``."""
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("bundle", type=Path, help="folder to write; an older bundle is replaced")
    parser.add_argument("--name", default=None, help="of the bundle; without it: of its folder")
    parser.add_argument(
        "--report",
        type=Path,
        default=None,
        help="report.json of `earmark evaluate`; without it: the one in the run's folder, if any",
    )


def run(args: argparse.Namespace) -> int:
    """Script, check and write the bundle."""
    import datetime

    from earmark.models.bundle.metadata import BundleMetadata
    from earmark.models.bundle.torchscript import save_bundle
    from earmark.models.errors import EarmarkError
    from earmark.models.json_files import read_object

    from .data.tags import read_tag_table
    from .run_folder import RunDescription, load_calibration, load_tagger

    description = RunDescription.read(args.run)
    tagger = load_tagger(args.run, description)
    report = args.report or args.run / "report.json"
    if args.report is not None and not report.is_file():
        raise EarmarkError(f"there is no report {report}; make one with `earmark evaluate`")
    measured = read_object(report) if report.is_file() else {}
    metadata = BundleMetadata(
        name=args.name or args.bundle.resolve().name,
        vocabulary=description.vocabulary,
        calibration=load_calibration(args.run),
        recipe=description.recipe.as_table(),
        sources={
            "track": description.recipe.track,
            "corpus": description.corpus,
            "clips": description.training_clips,
            "licences": description.licences,
        },
        metrics=_summary(measured),
        created=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        tags=read_tag_table().described(description.vocabulary),
    )
    difference = save_bundle(tagger, metadata, args.bundle)
    print(f"wrote {args.bundle}; scripted and eager differ by at most {difference:.1e}")
    if not measured:
        print("it states no quality: run `earmark evaluate` on the run, then export it again")
    return 0


def _summary(measured: dict[str, Any]) -> dict[str, object]:
    """Return what of a report is short enough for a bundle to state."""
    parts = ("protocol", "clips", "windows", "classes", "alarms")
    summary: dict[str, object] = {part: measured[part] for part in parts if part in measured}
    if "calibration" in measured:
        summary["calibration"] = {
            when: {"brier": found["brier"], "error": found["error"]}
            for when, found in measured["calibration"].items()
        }
    if "tags" in measured:
        summary["tags"] = {
            label: round(found["ap"], 2) for label, found in measured["tags"].items()
        }
    return summary
