"""Buttons, all of one kind."""

from collections.abc import Callable

from PyQt6.QtWidgets import QToolButton


def tool_button(text: str, tip: str, clicked: Callable[[], object]) -> QToolButton:
    """Return a button that says what it does, also to assistive technology."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.clicked.connect(lambda: clicked())
    return button
