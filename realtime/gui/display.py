"""Whether there is something to draw the app on; imports nothing of Qt before it is known."""

import ctypes
import os
import sys

from earmark.models.errors import EarmarkError


def check_display() -> str:
    """Return what the app would be drawn on.

    Qt ends the whole process where it cannot draw, so that is found out before.

    Raises:
        EarmarkError: If there is no display, or a library that Qt needs is missing.
    """
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
