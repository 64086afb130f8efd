"""``earmark live``: tags of a microphone as they sound."""

import argparse
import logging
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.realtime.commands.sink_options.table import sink_modules

from .config_file import add_config_option
from .options import (
    add_event_options,
    add_model_options,
    event_settings,
    hop_samples,
    load_engine_bundle,
    thresholds,
)
from .quantities import name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from earmark.models.bundle.load import Bundle
    from earmark.realtime.audio.source import AudioSource
    from earmark.realtime.live.fallback import FallbackEngine
    from earmark.realtime.live.session import ListeningSession
    from earmark.realtime.sinks.base import LiveStream
    from earmark.realtime.sinks.broadcast import Broadcast

    from .graceful_exit import Farewell

# Often enough to look alive, seldom enough to be read.
_DRAWINGS_PER_SECOND = 10

# So much of the newest sound can be cut into clips.
_KEPT_SECONDS = 120.0


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
    parser.add_argument(
        "--name",
        type=name,
        default=None,
        help="that the source is told by, in topics and a history, too; without it: that of the "
        "microphone or file, with a number where another source on this machine has it already",
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
    parser.add_argument(
        "--wait", action="store_true", help="wait for a microphone that is not there at the start"
    )
    parser.add_argument(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="what is worth a line on standard error",
    )
    add_config_option(parser)
    add_event_options(parser)
    for sink in sink_modules():
        sink.add_arguments(parser)
    # One window is too little work to be worth dividing: more threads only wait for each other.
    add_model_options(parser, threads=1)


def run(args: argparse.Namespace) -> int:
    """Listen until the source ends, the time is over, or somebody ends it."""
    from earmark.models.errors import UsageError
    from earmark.realtime.live.session import ListeningSession
    from earmark.realtime.sinks.source_name import own_name

    from .graceful_exit import Farewell
    from .log_lines import log_to_standard_error

    hop_samples(args)
    if args.top < 1:
        raise UsageError(f"--top must be at least 1, got {args.top}")
    if args.duration is not None and args.duration <= 0:
        raise UsageError(f"--duration must be above 0 seconds, got {args.duration}")
    log_to_standard_error(args.log_level)
    source = _open_source(args)
    bundle = load_engine_bundle(args)
    engine = _engine(args, bundle)
    session = ListeningSession(source, engine, hop=args.hop, kept_seconds=_KEPT_SECONDS)
    # Noted for as long as there is something to close, too.
    with Farewell() as farewell:
        with (
            session,
            own_name(args.name or session.name, is_given=args.name is not None) as told_as,
            _broadcast(session, bundle, args, told_as) as (broadcast, stream),
        ):
            _listen(session, broadcast, stream, args, farewell)
        _summarize(session)
    if source.failure is not None:
        raise source.failure
    return 130 if farewell.is_said and args.duration is not None else 0


def _open_source(args: argparse.Namespace) -> "AudioSource":
    from earmark.models.audio.pcm import PcmFormat
    from earmark.realtime.audio.devices import rescan
    from earmark.realtime.audio.microphone import Microphone
    from earmark.realtime.audio.recovering import RecoveringSource
    from earmark.realtime.audio.streamed import StreamedSource

    if args.path is None:
        return RecoveringSource(
            lambda: Microphone(args.input, latency=args.latency),
            args.input or "microphone",
            waits=args.wait,
            before_retry=rescan,
        )
    if args.path == "-":
        return StreamedSource.from_pcm(sys.stdin.buffer, PcmFormat())
    return StreamedSource.from_file(Path(args.path))


def _engine(args: argparse.Namespace, bundle: "Bundle") -> "FallbackEngine":
    from earmark.models.bundle.load import load_bundle
    from earmark.realtime.live.fallback import FallbackEngine

    engine = FallbackEngine(
        bundle,
        lambda device: load_bundle(
            args.bundle, device=device, precision=args.precision, threads=args.threads
        ),
        logging.getLogger("earmark").warning,
    )

    def retry(number: int, frame: "FrameType | None") -> None:
        engine.retry()

    # The customary word to a service that something has changed.
    signal.signal(signal.SIGHUP, retry)
    return engine


@contextmanager
def _broadcast(
    session: "ListeningSession", bundle: "Bundle", args: argparse.Namespace, told_as: str
) -> "Iterator[tuple[Broadcast, LiveStream]]":
    """Give what tells all sinks of a session; leaving it tells them the end."""
    from earmark.models.config import BRANCH_NAMES
    from earmark.realtime.detection.events import TagTracker
    from earmark.realtime.live.clock import StreamClock
    from earmark.realtime.sinks.base import LiveStream
    from earmark.realtime.sinks.broadcast import Broadcast
    from earmark.realtime.sinks.log import LogSink

    names, branches = bundle.metadata.vocabulary.names, BRANCH_NAMES
    settings, chosen = event_settings(args), thresholds(args, bundle)
    tracker = TagTracker(names, branches, chosen, hop=args.hop, settings=settings)
    clock = StreamClock(session.capture.captured_at, lambda: session.sound.written)
    broadcast = Broadcast(session, tracker, minimum_duration=settings.minimum_duration, clock=clock)
    stream = LiveStream(
        source=told_as,
        bundle=bundle.metadata.name,
        tags=names,
        branches=branches,
        thresholds=chosen,
        hop=args.hop,
        clock=clock,
        sound=session.sound,
        status=broadcast.status,
    )
    try:
        for module in sink_modules():
            sink = module.open_sink(args, stream)
            if sink is not None:
                broadcast.add([sink])
        # Behind the history: an event that the log tells of is in the file.
        broadcast.add([LogSink(stream)])
        yield broadcast, stream
    finally:
        # However it ends, what was sounding is told.
        broadcast.close()


def _listen(
    session: "ListeningSession",
    broadcast: "Broadcast",
    stream: "LiveStream",
    args: argparse.Namespace,
    farewell: "Farewell",
) -> None:
    def is_over() -> bool:
        return farewell.is_said or session.is_over or time.monotonic() >= end

    end = float("inf") if args.duration is None else time.monotonic() + args.duration
    form = args.format or ("view" if sys.stdout.isatty() else "jsonl")
    if form == "view":
        _view(session, broadcast, stream, rows=args.top, is_over=is_over)
        return
    from earmark.realtime.files.records import TagChoice
    from earmark.realtime.sinks.lines import LinesSink
    from earmark.realtime.sinks.log import LogSink

    choice = TagChoice(stream.tags, stream.branches, top=args.top, every=args.all_tags)
    lines = LinesSink(form, sys.stdout, stream, choice, has_events=args.events)
    broadcast.add([lines])
    while not is_over():
        broadcast.pump(0.05)
        if lines.failure is not None and broadcast.told == (LogSink.name,):
            raise lines.failure  # nobody is left to be told


def _view(
    session: "ListeningSession",
    broadcast: "Broadcast",
    stream: "LiveStream",
    *,
    rows: int,
    is_over: "Callable[[], bool]",
) -> None:
    from rich.live import Live

    from .live_view import LiveView

    view = LiveView(stream, rows=rows)
    with Live(auto_refresh=False, transient=False) as live:
        while not is_over():
            for result in broadcast.pump(1 / _DRAWINGS_PER_SECOND):
                view.update(result)
            drawing = view.draw(
                stream.status(),
                level_dbfs=session.capture.level_dbfs(),
                advice=session.health.advice(),
            )
            live.update(drawing, refresh=True)


def _summarize(session: "ListeningSession") -> None:
    from earmark.models.shown import shown

    latency, p95 = session.health.latency_ms()
    inference, _ = session.health.inference_ms()
    source = session.capture.source
    print(
        f"earmark: {shown(source.name)}: {session.health.windows} windows, "
        f"{session.skipped} skipped, {source.overflows} overflows; "
        f"latency {latency:.0f} ms (p95 {p95:.0f}), inference {inference:.1f} ms",
        file=sys.stderr,
    )
    if source.non_finite:
        print(
            f"earmark: {source.non_finite} samples were NaN or infinite, or a million times full "
            "scale, and were taken for silence",
            file=sys.stderr,
        )
