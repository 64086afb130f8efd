"""Options that several commands share, each with one meaning."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.models.config import DEFAULT_PRECISION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from earmark.models.bundle.load import Bundle
    from earmark.realtime.detection.events import EventSettings


def add_model_options(parser: argparse.ArgumentParser, *, threads: int) -> None:
    """Declare which model runs where, by default on so many threads."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--bundle", type=Path, default=None, help="folder of a bundle; without it: the shipped one"
    )
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="where it runs"
    )
    group.add_argument(
        "--precision",
        choices=("mixed", "float32"),
        default=DEFAULT_PRECISION,
        help="on the processor; mixed: the largest layers in 8 bits, the rest in float32",
    )
    group.add_argument(
        "--threads", type=int, default=threads, help="processor threads; 0: all cores"
    )


def add_event_options(parser: argparse.ArgumentParser) -> None:
    """Declare what counts as an event."""
    group = parser.add_argument_group("events")
    group.add_argument(
        "--threshold",
        type=float,
        default=None,
        help="probability from which a tag counts; without it: each tag's own, from the bundle",
    )
    group.add_argument(
        "--smoothing", type=float, default=0.2, help="time constant of averaging over time (s)"
    )
    group.add_argument(
        "--release", type=float, default=0.7, help="share of the threshold at which an event ends"
    )
    group.add_argument(
        "--minimum-duration", type=float, default=0.2, help="shorter events are dropped (s)"
    )
    group.add_argument(
        "--merge-gap", type=float, default=0.5, help="events closer than this are one (s)"
    )
    group.add_argument(
        "--tags",
        default=None,
        metavar="NAME,...",
        help="only these tags count as events; separate by semicolons where a name has a comma",
    )


def load_base_bundle(args: argparse.Namespace) -> "Bundle":
    """Return the bundle asked for without taught tags.

    Raises:
        EarmarkError: If the bundle, the device or the number of threads cannot be had.
    """
    from earmark.models.bundle.load import load_bundle

    return load_bundle(
        args.bundle, device=args.device, precision=args.precision, threads=_threads(args)
    )


def load_engine_bundle(args: argparse.Namespace) -> "Bundle":
    """Return the bundle asked for with the tags that the user taught on it.

    Raises:
        EarmarkError: As ``load_base_bundle``, or if the file of a taught tag is broken.
    """
    import sys

    from earmark.models.shown import shown
    from earmark.models.taught.layer import load_with_taught

    return load_with_taught(
        args.bundle,
        device=args.device,
        precision=args.precision,
        threads=_threads(args),
        tell=lambda problem: print(f"earmark: {shown(problem)}", file=sys.stderr),
    )


def _threads(args: argparse.Namespace) -> int:
    from earmark.models.errors import UsageError

    if args.threads < 0:
        raise UsageError(f"--threads must be 0 or more, got {args.threads}")
    return int(args.threads)


def event_settings(args: argparse.Namespace) -> "EventSettings":
    """Return what counts as an event.

    Raises:
        UsageError: If a value is out of range.
    """
    from earmark.realtime.detection.events import EventSettings

    return EventSettings(
        smoothing=args.smoothing,
        release=args.release,
        minimum_duration=args.minimum_duration,
        merge_gap=args.merge_gap,
    )


def thresholds(args: argparse.Namespace, bundle: "Bundle") -> "NDArray[np.float32]":
    """Return each tag's threshold; tags that were not asked for have one that is never reached.

    Raises:
        UsageError: If the threshold is out of range or a tag is unknown.
    """
    import numpy as np

    from earmark.models.errors import UsageError

    vocabulary = bundle.metadata.vocabulary
    chosen = bundle.metadata.calibration.thresholds.copy()
    if args.threshold is not None:
        if not 0 < args.threshold < 1:
            raise UsageError(f"--threshold must lie between 0 and 1, got {args.threshold}")
        chosen[:] = args.threshold
    if args.tags is not None:
        separator = ";" if ";" in args.tags or args.tags in vocabulary else ","
        try:
            wanted = [vocabulary.index_of(name.strip()) for name in args.tags.split(separator)]
        except KeyError as error:
            raise UsageError(f"--tags: {error.args[0]}") from error
        others = np.ones(len(vocabulary), np.bool_)
        others[wanted] = False
        chosen[others] = 2.0
    return chosen


def hop_samples(args: argparse.Namespace) -> int:
    """Return the distance between windows.

    Raises:
        UsageError: If it is out of range.
    """
    from earmark.models.errors import UsageError
    from earmark.models.timebase import seconds_to_samples

    if not 0.025 <= args.hop <= 1:
        raise UsageError(f"--hop must lie between 0.025 and 1 second, got {args.hop}")
    return seconds_to_samples(args.hop)
