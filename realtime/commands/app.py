"""``earmark app``: the desktop app."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``earmark app``."""
    parser.add_argument(
        "--source",
        default=None,
        metavar="SOURCE",
        help="a recording, the folder of a session, `demo`, or a microphone by its name; without "
        "it: the microphone of last time",
    )
    parser.add_argument(
        "--at",
        type=float,
        default=None,
        metavar="SECONDS",
        help="where to begin; with --screenshot, the moment that is shown",
    )
    parser.add_argument(
        "--screenshot", type=Path, default=None, metavar="PNG", help="draw the app and exit"
    )
    parser.add_argument("--size", default="1280x800", metavar="WxH", help="of the window, pixels")
    parser.add_argument(
        "--theme", choices=("dark", "light", "contrast"), default=None, help="for this run"
    )
    parser.add_argument(
        "--bundle", type=Path, default=None, help="folder of a bundle, for this run"
    )


def run(args: argparse.Namespace) -> int:
    """Open the app and return when it is closed."""
    from earmark.models.errors import UsageError

    width, _, height = args.size.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--size must be such as 1280x800, got {args.size!r}")
    if args.at is not None and args.at < 0:
        raise UsageError(f"--at must be 0 seconds or more, got {args.at}")
    if args.screenshot is not None and args.screenshot.suffix.lower() != ".png":
        raise UsageError(f"--screenshot must end with .png, got {args.screenshot}")
    from earmark.realtime.gui.display import check_display

    check_display()
    from earmark.realtime.gui.app import AppOptions, run_app

    return run_app(
        AppOptions(
            source=args.source,
            at=args.at,
            screenshot=args.screenshot,
            size=(int(width), int(height)),
            theme=args.theme,
            bundle=args.bundle,
        )
    )
