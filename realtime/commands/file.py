"""``earmark file``: tags of files, folders, globs, or raw PCM on standard input."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .options import (
    add_event_options,
    add_model_options,
    event_settings,
    hop_samples,
    load_engine_bundle,
    thresholds,
)

if TYPE_CHECKING:
    from earmark.models.bundle.load import Bundle
    from earmark.realtime.files.inputs import InputFile
    from earmark.realtime.files.record_maker import RecordOptions

    from .file_by_ray import FilesByRay
    from .file_here import FilesHere


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark file``."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="file, folder, glob, or - for raw PCM"
    )
    parser.add_argument(
        "--manifest",
        type=Path,
        default=None,
        metavar="LIST",
        help="a path a line, or CSV with a column path; relative to its own folder",
    )
    kinds = parser.add_mutually_exclusive_group()
    for kind, meaning in (
        ("events", "merged events with start and end (what comes without any of the three)"),
        ("windows", "a record for each window"),
        ("clip", "one record a file, probabilities averaged over its windows"),
    ):
        kinds.add_argument(
            f"--{kind}",
            dest="kind",
            action="store_const",
            const=kind,
            default="events",
            help=meaning,
        )
    parser.add_argument(
        "--format",
        choices=("table", "jsonl", "csv", "parquet", "audacity", "raven", "rttm"),
        default="table",
        help="how it is written; parquet needs --output, the last three hold events only",
    )
    parser.add_argument("--hop", type=float, default=0.1, help="seconds between windows")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="tags listed in a record")
    parser.add_argument("--all-tags", action="store_true", help="list all tags in each record")
    parser.add_argument(
        "--output",
        type=Path,
        default=None,
        metavar="DIR",
        help="one file for each input there; without it: all to standard output",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace files in --output")
    existing.add_argument(
        "--resume",
        action="store_true",
        help="go on where an earlier run ended: leave out inputs whose file in --output is there",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=0,
        help="inputs read at the same time, with --output (0: as many as --threads); with --engine "
        "ray: workers (0: as many as there are GPUs or else processors)",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: workers on this machine, or on the cluster that RAY_ADDRESS names, write one "
        "Parquet data set",
    )
    add_event_options(parser)
    add_model_options(parser, threads=0)
    pcm = parser.add_argument_group("raw PCM on standard input")
    pcm.add_argument("--rate", type=int, default=16_000, help="samples a second")
    pcm.add_argument("--channels", type=int, default=1, help="interleaved")
    pcm.add_argument(
        "--encoding", choices=("s16le", "s32le", "f32le"), default="s16le", help="of a sample"
    )


def run(args: argparse.Namespace) -> int:
    """Tag what was asked for; 1 where some input failed."""
    from rich.console import Console

    from earmark.models.errors import UsageError
    from earmark.models.shown import shown

    # Whatever is wrong with the options is told before a line is written.
    if args.jobs < 0:
        raise UsageError(f"--jobs must be 0 or more, got {args.jobs}")
    if args.resume and args.output is None:
        raise UsageError("--resume needs --output: only files tell what is done")
    files = _engine(args)(args, Console(stderr=True))
    found, failures = _inputs(args)
    bundle = load_engine_bundle(args)
    failures += files.tag(found, bundle, _record_options(args, bundle))
    for failure in failures:
        print(f"earmark: {shown(failure)}", file=sys.stderr)
    return 1 if failures else 0


def _engine(args: argparse.Namespace) -> "type[FilesByRay] | type[FilesHere]":
    if args.engine == "ray":
        from .file_by_ray import FilesByRay

        return FilesByRay
    from .file_here import FilesHere

    return FilesHere


def _inputs(args: argparse.Namespace) -> "tuple[list[InputFile], list[str]]":
    from earmark.models.errors import UsageError
    from earmark.realtime.files.inputs import find_inputs
    from earmark.realtime.files.manifest import read_manifest

    if bool(args.paths) == (args.manifest is not None):
        raise UsageError("give either paths or --manifest")
    return find_inputs(args.paths) if args.paths else read_manifest(args.manifest)


def _record_options(args: argparse.Namespace, bundle: "Bundle") -> "RecordOptions":
    from earmark.models.config import BRANCH_NAMES
    from earmark.models.errors import UsageError
    from earmark.realtime.files.record_maker import RecordOptions
    from earmark.realtime.files.records import TagChoice

    if args.top < 1:
        raise UsageError(f"--top must be at least 1, got {args.top}")
    return RecordOptions(
        kind=args.kind,
        choice=TagChoice(
            names=bundle.metadata.vocabulary.names,
            branches=BRANCH_NAMES,
            top=args.top,
            threshold=0.0 if args.threshold is None else args.threshold,
            every=args.all_tags,
        ),
        thresholds=thresholds(args, bundle),
        settings=event_settings(args),
        hop_samples=hop_samples(args),
    )
