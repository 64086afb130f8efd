"""``earmark live``: tags of a microphone as they sound."""

import argparse
import signal
import sys
import time
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
    import numpy as np
    from numpy.typing import NDArray

    from earmark.models.bundle import Bundle
    from earmark.realtime.session import ListeningSession
    from earmark.realtime.sources.protocol import AudioSource

# Often enough to look alive, seldom enough to be read.
_DRAWINGS_PER_SECOND = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark live``."""
    parser.add_argument(
        "path",
        nargs="?",
        default=None,
        help="a file, heard as it would sound, or - for raw PCM (16 bit, mono, 16 kHz) on "
        "standard input; without it: a microphone",
    )
    parser.add_argument(
        "--input", default=None, metavar="NAME", help="microphone: name, part of it, or index"
    )
    parser.add_argument("--duration", type=float, default=None, help="seconds to listen")
    parser.add_argument("--hop", type=float, default=0.1, help="seconds between windows")
    parser.add_argument(
        "--format",
        choices=("view", "jsonl", "csv", "audacity", "raven", "rttm"),
        default=None,
        help="without it: the view on a terminal, jsonl elsewhere",
    )
    parser.add_argument(
        "--events", action="store_true", help="write events, not a record for each window"
    )
    parser.add_argument("--top", type=int, default=8, metavar="N", help="tags shown")
    parser.add_argument("--all-tags", action="store_true", help="list all tags in each record")
    parser.add_argument(
        "--latency", type=float, default=0.05, help="asked of the microphone, in seconds"
    )
    add_event_options(parser)
    # One window is too little work to be worth dividing: more threads only wait for each other.
    add_model_options(parser, threads=1)


def run(args: argparse.Namespace) -> int:
    """Listen until the source ends, the time is over, or Ctrl-C."""
    from earmark.models.errors import UsageError
    from earmark.realtime.engine import InferenceEngine
    from earmark.realtime.session import ListeningSession

    hop_samples(args)
    if args.top < 1:
        raise UsageError(f"--top must be at least 1, got {args.top}")
    if args.duration is not None and args.duration <= 0:
        raise UsageError(f"--duration must be above 0 seconds, got {args.duration}")
    form = args.format or ("view" if sys.stdout.isatty() else "jsonl")
    source = _open_source(args)
    bundle = load_engine_bundle(args)
    chosen = thresholds(args, bundle)
    # A service manager's way to say goodbye ends the session as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    session = ListeningSession(source, InferenceEngine(bundle), hop=args.hop)
    status = 0
    with session:
        try:
            if form == "view":
                _view(session, bundle, chosen, args)
            else:
                _write(session, bundle, chosen, form, args)
        except KeyboardInterrupt:
            status = 130 if args.duration is not None else 0
    _summarize(session)
    if source.failure is not None:
        raise source.failure
    return status


def _open_source(args: argparse.Namespace) -> "AudioSource":
    from earmark.realtime.pcm import PcmFormat
    from earmark.realtime.sources.microphone import Microphone
    from earmark.realtime.sources.streamed import StreamedSource

    if args.path is None:
        return Microphone(args.input, latency=args.latency)
    if args.path == "-":
        return StreamedSource.from_pcm(sys.stdin.buffer, PcmFormat())
    return StreamedSource.from_file(Path(args.path))


def _deadline(args: argparse.Namespace) -> float:
    return float("inf") if args.duration is None else time.monotonic() + args.duration


def _view(
    session: "ListeningSession",
    bundle: "Bundle",
    chosen: "NDArray[np.float32]",
    args: argparse.Namespace,
) -> None:
    from rich.live import Live

    from earmark.realtime.live_view import LiveView

    view = LiveView(
        session.capture.source.name,
        bundle.metadata.vocabulary.names,
        tuple(bundle.branches),
        chosen,
        rows=args.top,
    )
    end = _deadline(args)
    with Live(auto_refresh=False, transient=False) as live:
        while time.monotonic() < end and not session.is_over:
            for result in session.poll(1 / _DRAWINGS_PER_SECOND):
                view.update(result)
            drawing = view.draw(
                level_dbfs=session.capture.level_dbfs(),
                health=session.health,
                skipped=session.skipped,
                overflows=session.capture.source.overflows,
            )
            live.update(drawing, refresh=True)


def _write(
    session: "ListeningSession",
    bundle: "Bundle",
    chosen: "NDArray[np.float32]",
    form: str,
    args: argparse.Namespace,
) -> None:
    from earmark.realtime.events import TagTracker
    from earmark.realtime.formats.writer import FORMATS, open_writer
    from earmark.realtime.records import TagChoice, event_record, window_record

    has_events = args.events or "windows" not in FORMATS[form].kinds
    writer = open_writer(form, sys.stdout, "events" if has_events else "windows")
    names, branches = bundle.metadata.vocabulary.names, tuple(bundle.branches)
    choice = TagChoice(names, branches, top=args.top, every=args.all_tags)
    tracker = TagTracker(names, branches, chosen, hop=args.hop, settings=event_settings(args))
    name = session.capture.source.name
    end = _deadline(args)
    try:
        while time.monotonic() < end and not session.is_over:
            for result in session.poll(0.05):
                if not has_events:
                    record = window_record(name, result, choice)
                    latency = result.latency_seconds
                    timed = {} if latency is None else {"latency": round(latency, 4)}
                    writer.write({**record, **(timed if form == "jsonl" else {})})
                    continue
                for event in tracker.update(result):
                    writer.write(event_record(name, event))
    finally:
        # However it ends, what was sounding is written.
        if has_events:
            for event in tracker.flush():
                writer.write(event_record(name, event))
        writer.close()


def _summarize(session: "ListeningSession") -> None:
    latency, p95 = session.health.latency_ms()
    inference, _ = session.health.inference_ms()
    source = session.capture.source
    print(
        f"earmark: {source.name}: {session.health.windows} windows, {session.skipped} skipped, "
        f"{source.overflows} overflows; latency {latency:.0f} ms (p95 {p95:.0f}), "
        f"inference {inference:.1f} ms",
        file=sys.stderr,
    )
    if source.non_finite:
        print(
            f"earmark: {source.non_finite} samples were NaN or infinite and were taken for silence",
            file=sys.stderr,
        )
