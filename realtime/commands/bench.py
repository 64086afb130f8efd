"""``earmark bench``: how fast the model is on this machine, next to others where they are given."""

import argparse
from pathlib import Path

from .options import add_model_options, load_base_bundle

# Each takes a tenth of a second, most of it rest.
_RESTED_RUNS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark bench``."""
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="another tagger, measured in turns with this one: yamnet=FILE.tflite",
    )
    parser.add_argument("--runs", type=int, default=200, help="of each measurement")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.add_argument("--plot", type=Path, default=None, metavar="PATH", help="draw it as well")
    # One thread is what a live session takes.
    add_model_options(parser, threads=1)


def run(args: argparse.Namespace) -> int:
    """Measure and report."""
    import json
    import platform

    from rich.console import Console

    from earmark.models.errors import UsageError
    from earmark.realtime.bench.peers import peer_steps
    from earmark.realtime.bench.report import BenchReport
    from earmark.realtime.bench.startup import measure_start
    from earmark.realtime.bench.subjects import LIVE_HOP_MS, Sound, branch_steps, stream_steps
    from earmark.realtime.bench.timing import measure

    if args.runs < 1:
        raise UsageError(f"--runs must be at least 1, got {args.runs}")
    bundle = load_base_bundle(args)
    sound = Sound()
    peers = peer_steps(args.peer, sound, threads=bundle.threads)
    start = measure_start(args.bundle, bundle.device, bundle.threads)
    steps = stream_steps(bundle, sound)
    timings = measure({**steps, **peers}, runs=args.runs)
    rested = measure(
        {"live": steps[str(LIVE_HOP_MS)], **peers},
        runs=min(args.runs, _RESTED_RUNS),
        rest_seconds=LIVE_HOP_MS / 1_000,
    )
    report = BenchReport(
        about={
            "bundle": bundle.metadata.name,
            "device": _gpu() if bundle.device == "cuda" else _processor(),
            "threads": bundle.threads,
            "precision": bundle.precision,
            "system": f"{platform.system()} {platform.machine()}",
        },
        stream={name: timings[name] for name in steps},
        peers={name: timings[name] for name in peers},
        rested=rested,
        branches={
            name: measure(stages, runs=args.runs) for name, stages in branch_steps(bundle, sound)
        },
        start=start,
    )
    if args.plot is not None:
        report.plot(args.plot)
    if args.json:
        print(json.dumps(report.as_table(), indent=2))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(", ".join(f"{name} {value}" for name, value in report.about.items()))
    console.print(report.rich_table())
    console.print(
        "earmark --help {help_s} s, earmark info {info_s} s, first result {first_result_s} s, "
        "at most {peak_memory_mb} MB".format(**start)
    )
    return 0


def _gpu() -> str:
    import torch

    return str(torch.cuda.get_device_name())


def _processor() -> str:
    import platform

    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "a processor without a name"
