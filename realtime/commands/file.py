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
    from collections.abc import Iterator, Sequence

    from earmark.models.bundle import Bundle
    from earmark.realtime.block_reader import BlockReader
    from earmark.realtime.inputs import InputFile
    from earmark.realtime.many_recordings import Tagged
    from earmark.realtime.open_outputs import OpenOutputs
    from earmark.realtime.record_maker import RecordOptions

    from .reading_bars import ReadingBars


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
        help="inputs read at the same time, with --output; 0: as many as --threads",
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
    import os
    from functools import partial

    import torch
    from rich.console import Console

    from earmark.models.errors import EarmarkError, UsageError
    from earmark.realtime.many_recordings import tag_recordings
    from earmark.realtime.open_outputs import OpenOutputs
    from earmark.realtime.outputs import Outputs
    from earmark.realtime.provenance import Provenance
    from earmark.realtime.recording import Recording

    from .reading_bars import ReadingBars

    # Whatever is wrong with the options is told before a line is written.
    if args.jobs < 0:
        raise UsageError(f"--jobs must be 0 or more, got {args.jobs}")
    if args.resume and args.output is None:
        raise UsageError("--resume needs --output: only files tell what is done")
    outputs = Outputs(
        args.format, args.kind, folder=args.output, overwrite=args.overwrite, resume=args.resume
    )
    found, failures = _inputs(args)
    missing = [item for item in found if not outputs.is_done(item)]
    bundle = load_engine_bundle(args)
    options = _record_options(args, bundle)
    console = Console(stderr=True)
    if len(missing) < len(found):
        console.print(f"{len(found) - len(missing)} of {len(found)} are done", highlight=False)
    inputs = []
    for item in missing:
        try:
            outputs.claim(item)
            inputs.append(item)
        except EarmarkError as error:
            failures.append(str(error))
    threads = args.threads or os.cpu_count() or 1
    # Workers that each tag sound of their own waste nothing on waiting for each other.
    torch.set_num_threads(1)
    # Standard output takes one input after the other; standard input is read by no other thread.
    in_order = args.output is None or any(item.path is None for item in inputs)
    readers = 1 if in_order else max(1, min(args.jobs or threads, len(inputs)))
    made_by = Provenance.of(bundle, options).as_text()
    with (
        outputs,
        ReadingBars(console, len(inputs)) as bars,
        OpenOutputs(outputs, made_by) as files,
    ):
        recordings = (Recording(item.name, partial(_open, item, args, bars)) for item in inputs)
        tagged = tag_recordings(recordings, bundle, options, readers=readers, workers=threads)
        failures += _write(tagged, inputs, files, bars, args.kind)
    for failure in failures:
        print(f"earmark: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _inputs(args: argparse.Namespace) -> "tuple[list[InputFile], list[str]]":
    from earmark.models.errors import UsageError
    from earmark.realtime.inputs import find_inputs
    from earmark.realtime.manifest import read_manifest

    if bool(args.paths) == (args.manifest is not None):
        raise UsageError("give either paths or --manifest")
    return find_inputs(args.paths) if args.paths else read_manifest(args.manifest)


def _record_options(args: argparse.Namespace, bundle: "Bundle") -> "RecordOptions":
    from earmark.models.errors import UsageError
    from earmark.realtime.record_maker import RecordOptions
    from earmark.realtime.records import TagChoice

    if args.top < 1:
        raise UsageError(f"--top must be at least 1, got {args.top}")
    return RecordOptions(
        kind=args.kind,
        choice=TagChoice(
            names=bundle.metadata.vocabulary.names,
            branches=tuple(bundle.branches),
            top=args.top,
            threshold=0.0 if args.threshold is None else args.threshold,
            every=args.all_tags,
        ),
        thresholds=thresholds(args, bundle),
        settings=event_settings(args),
        hop_samples=hop_samples(args),
    )


def _open(item: "InputFile", args: argparse.Namespace, bars: "ReadingBars") -> "BlockReader":
    from earmark.realtime.decoding import SoundReader
    from earmark.realtime.pcm import PcmFormat, PcmReader

    if item.path is not None:
        return bars.watched(item.name, SoundReader(item.path))
    pcm = PcmFormat(rate=args.rate, channels=args.channels, encoding=args.encoding)
    return bars.watched(item.name, PcmReader(sys.stdin.buffer, pcm))


def _write(
    tagged: "Iterator[Tagged]",
    inputs: "Sequence[InputFile]",
    files: "OpenOutputs",
    bars: "ReadingBars",
    kind: str,
) -> list[str]:
    """Write all records and return what was wrong with the inputs, in their order."""
    from earmark.models.errors import EarmarkError

    problems: dict[str, list[str]] = {item.name: [] for item in inputs}
    items = {item.name: item for item in inputs}
    for part in tagged:
        recording, item = part.recording, items[part.recording.name]
        try:
            if recording.samples:
                files.write(item, part.records)
        except EarmarkError as error:
            problems[item.name].append(str(error))
        if part.is_last:
            problems[item.name] += recording.problems
            bars.finish_one()
            count = files.finish(item)
            if recording.samples and not count and kind == "events":
                bars.tell(f"{item.name}: nothing above the thresholds")
    return [problem for item in inputs for problem in problems[item.name]]
