"""``earmark app``: the desktop app."""

import argparse
import os
import sys
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


def check_display() -> str:
    """Return what the app would be drawn on.

    Qt ends the whole process where it cannot draw, so that is found out before.

    Raises:
        EarmarkError: If there is no display, or a library that Qt needs is missing.
    """
    import ctypes

    from earmark.models.errors import EarmarkError

    platform = os.environ.get("QT_QPA_PLATFORM", "")
    has_x11 = bool(os.environ.get("DISPLAY"))
    has_wayland = bool(os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform == "linux" and not (platform or has_x11 or has_wayland):
        raise EarmarkError(
            "there is no display to draw the app on; `earmark live` shows the tags in the "
            "terminal, and `xvfb-run earmark app` draws on a virtual display"
        )
    if sys.platform == "linux" and (platform == "xcb" or (not platform and not has_wayland)):
        try:
            ctypes.CDLL("libxcb-cursor.so.0")
        except OSError as error:
            raise EarmarkError(
                "Qt needs libxcb-cursor to draw on this display: on Debian and Ubuntu "
                "`apt install libxcb-cursor0`"
            ) from error
    try:
        import PyQt6.QtWidgets  # noqa: F401 - whether it can be loaded is the question
    except ImportError as error:
        raise EarmarkError(
            f"Qt cannot be loaded ({error}): on Debian and Ubuntu `apt install libegl1 libgl1 "
            "libxkbcommon-x11-0 libdbus-1-3 libfontconfig1`"
        ) from error
    return platform or ("Wayland" if has_wayland else "X11" if has_x11 else sys.platform)
