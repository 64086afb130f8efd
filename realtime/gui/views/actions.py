"""Everything that has a shortcut: the one table behind the keyboard and the help sheet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QWidget


@dataclass(frozen=True)
class Shortcut:
    """One line of the table."""

    name: str
    keys: str
    meaning: str


SHORTCUTS: Final = (
    Shortcut("toggle", "Space", "Freeze the live view, or play and pause a recording"),
    Shortcut("start", "Ctrl+Return", "Start or stop listening"),
    Shortcut("record", "Ctrl+R", "Record, or complete the recording"),
    Shortcut("open", "Ctrl+O", "Open a recording or a session"),
    Shortcut("demo", "Ctrl+D", "Play the demo clip"),
    Shortcut("export", "Ctrl+E", "Export the events as CSV"),
    Shortcut("search", "Ctrl+F", "Search all tags"),
    Shortcut("follow", "End", "Go back to the newest sound, or to the playhead"),
    Shortcut("back", "Left", "Five seconds back"),
    Shortcut("forward", "Right", "Five seconds forward"),
    Shortcut("begin", "Home", "To the beginning"),
    Shortcut("zoom_in", "Ctrl++", "Show a shorter stretch of time"),
    Shortcut("zoom_out", "Ctrl+-", "Show a longer stretch of time"),
    Shortcut("loop", "Ctrl+L", "Play over and over, or not any more"),
    Shortcut("theme", "Ctrl+T", "Next theme: dark, light, high contrast"),
    Shortcut("settings", "Ctrl+,", "Settings"),
    Shortcut("help", "F1", "This sheet"),
    Shortcut("quit", "Ctrl+Q", "Quit"),
)


def add_actions(widget: QWidget, slots: Mapping[str, Callable[[], None]]) -> dict[str, QAction]:
    """Give a window its shortcuts.

    Args:
        widget: The window.
        slots: What each shortcut of the table does, by its name.
    """
    actions = {}
    for shortcut in SHORTCUTS:
        action = QAction(shortcut.meaning, widget)
        action.setShortcut(QKeySequence(shortcut.keys))
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda _=False, do=slots[shortcut.name]: do())
        widget.addAction(action)
        actions[shortcut.name] = action
    return actions
