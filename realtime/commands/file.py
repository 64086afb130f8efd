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
    from collections.abc import Mapping

    from rich.progress import Progress

    from earmark.models.bundle import Bundle
    from earmark.realtime.engine import InferenceEngine
    from earmark.realtime.inputs import InputFile
    from earmark.realtime.outputs import Outputs
    from earmark.realtime.recording import RecordingOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark file``."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="file, folder, glob, or - for raw PCM"
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
        help="inputs tagged at the same time, with --output; 0: as many as --threads",
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
    from concurrent.futures import ThreadPoolExecutor

    import torch
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from earmark.models.errors import EarmarkError, UsageError
    from earmark.realtime.engine import InferenceEngine
    from earmark.realtime.inputs import InputFile, find_inputs
    from earmark.realtime.outputs import Outputs
    from earmark.realtime.provenance import Provenance

    # Whatever is wrong with the options is told before a line is written.
    if args.jobs < 0:
        raise UsageError(f"--jobs must be 0 or more, got {args.jobs}")
    if args.resume and args.output is None:
        raise UsageError("--resume needs --output: only files tell what is done")
    outputs = Outputs(
        args.format, args.kind, folder=args.output, overwrite=args.overwrite, resume=args.resume
    )
    found, failures = find_inputs(args.paths)
    inputs = [item for item in found if not outputs.is_done(item)]
    bundle = load_engine_bundle(args)
    threads = args.threads or os.cpu_count() or 1
    # Standard output takes one input after the other.
    jobs = 1 if args.output is None else max(1, min(args.jobs or threads, len(inputs)))
    # Threads that each tag sound of their own waste nothing on waiting for each other.
    torch.set_num_threads(1)
    options = _recording_options(args, bundle, workers=max(1, threads // jobs))
    made_by = Provenance.of(bundle, options).as_text()

    def tag(item: InputFile) -> list[str]:
        try:
            return _tag(item, InferenceEngine(bundle), options, outputs, made_by, bars, args)
        except EarmarkError as error:
            return [str(error)]

    with outputs:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        if len(inputs) < len(found):
            console.print(f"{len(found) - len(inputs)} of {len(found)} are done", highlight=False)
        with bars, ThreadPoolExecutor(jobs, thread_name_prefix="earmark file") as pool:
            try:
                for problems in pool.map(tag, inputs) if jobs > 1 else map(tag, inputs):
                    failures += problems
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    for failure in failures:
        print(f"earmark: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _recording_options(
    args: argparse.Namespace, bundle: "Bundle", *, workers: int
) -> "RecordingOptions":
    from earmark.models.errors import UsageError
    from earmark.realtime.recording import RecordingOptions
    from earmark.realtime.records import TagChoice

    if args.top < 1:
        raise UsageError(f"--top must be at least 1, got {args.top}")
    return RecordingOptions(
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
        workers=workers,
    )


def _tag(
    item: "InputFile",
    engine: "InferenceEngine",
    options: "RecordingOptions",
    outputs: "Outputs",
    made_by: "Mapping[str, str]",
    bars: "Progress",
    args: argparse.Namespace,
) -> list[str]:
    """Write the records of one input and return what was wrong with it."""
    from earmark.realtime.decoding import SoundReader
    from earmark.realtime.pcm import PcmFormat, PcmReader
    from earmark.realtime.recording import Recording

    if item.path is None:
        pcm = PcmFormat(rate=args.rate, channels=args.channels, encoding=args.encoding)
        reader: SoundReader | PcmReader = PcmReader(sys.stdin.buffer, pcm)
    else:
        reader = SoundReader(item.path)
    task = bars.add_task(item.name, total=reader.expected_seconds)
    recording = Recording(
        item.name, reader, on_progress=lambda seconds: bars.update(task, completed=seconds)
    )
    count = 0
    with outputs.writer_for(item, made_by) as writer:
        for record in recording.records(engine, options):
            writer.write(record)
            count += 1
    bars.remove_task(task)
    if not count and options.kind == "events":
        bars.console.print(
            f"{item.name}: nothing above the thresholds", highlight=False, soft_wrap=True
        )
    return recording.problems
