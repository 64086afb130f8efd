"""Colours and fonts, all in one place."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QApplication


@dataclass(frozen=True)
class Theme:
    """Colours as ``#rrggbb``.

    Args:
        window: Behind all.
        panel: Behind what is shown.
        raised: Of buttons and tracks.
        text: To read.
        dim: Of what matters less.
        line: Between things.
        accent: Of what is chosen.
        good: All is well.
        warning: It strains.
        bad: It fails, or clips.
        tags: One for each row of tags, told apart by colour-blind eyes.
    """

    window: str
    panel: str
    raised: str
    text: str
    dim: str
    line: str
    accent: str
    good: str
    warning: str
    bad: str
    tags: tuple[str, ...]


# The tag colours begin with those of Okabe and Ito, "Color universal design" (2008), made lighter
# or darker until they stand out from the background.
_ON_DARK = (
    "#56b4e9", "#e69f00", "#1fc79a", "#f0e442", "#d98bb5",
    "#ff7f50", "#7aa2ff", "#b8bec7", "#b794f6", "#9be37d",
)  # fmt: skip
_ON_LIGHT = (
    "#0072b2", "#a86400", "#007a59", "#857600", "#a03c78",
    "#c04000", "#2f5fd0", "#59616c", "#6f42c1", "#2e7d32",
)  # fmt: skip

THEME_COLOURS: Final = {
    "dark": Theme(
        window="#14171c", panel="#1a1e25", raised="#272d37", text="#e8eaed", dim="#98a2ae",
        line="#333b46", accent="#58a6ff", good="#3fb950", warning="#e3b341", bad="#ff6b62",
        tags=_ON_DARK,
    ),
    "light": Theme(
        window="#f3f5f8", panel="#ffffff", raised="#e4e8ee", text="#1b1f24", dim="#5c6673",
        line="#d0d6de", accent="#0969da", good="#1a7f37", warning="#8a5a00", bad="#c9252d",
        tags=_ON_LIGHT,
    ),
    "contrast": Theme(
        window="#000000", panel="#000000", raised="#262626", text="#ffffff", dim="#dcdcdc",
        line="#ffffff", accent="#ffd500", good="#5cff7a", warning="#ffd500", bad="#ff8080",
        tags=_ON_DARK,
    ),
}  # fmt: skip


def apply_theme(app: QApplication, name: str, font_size: int) -> Theme:
    """Give the app its colours and its font size, and return the colours."""
    theme = THEME_COLOURS[name]
    font = app.font()
    font.setPointSize(font_size)
    app.setFont(font)
    app.setStyle("Fusion")
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.Base: theme.panel,
        QPalette.ColorRole.AlternateBase: theme.raised,
        QPalette.ColorRole.Button: theme.raised,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.ToolTipBase: theme.raised,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.dim,
        QPalette.ColorRole.Highlight: theme.accent,
        QPalette.ColorRole.HighlightedText: theme.window,
        QPalette.ColorRole.Link: theme.accent,
        QPalette.ColorRole.Mid: theme.line,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.dim))
    app.setPalette(palette)
    app.setStyleSheet(_style_sheet(theme))
    pg.setConfigOptions(background=theme.panel, foreground=theme.dim, antialias=False)
    return theme


def colour_table(name: str) -> NDArray[np.uint8]:
    """Return a colour map as (256, 3) bytes."""
    table: NDArray[np.uint8] = pg.colormap.get(name).getLookupTable(nPts=256, alpha=False)
    return table


def _style_sheet(theme: Theme) -> str:
    return f"""
    QWidget#panel {{ background: {theme.panel}; border: 1px solid {theme.line};
        border-radius: 6px; }}
    QToolButton, QPushButton, QLineEdit {{
        background: {theme.raised}; color: {theme.text}; border: 1px solid {theme.line};
        border-radius: 5px; padding: 3px 9px; min-height: 1.3em; }}
    QToolButton:hover, QPushButton:hover {{ border-color: {theme.accent}; }}
    QToolButton:focus, QPushButton:focus, QLineEdit:focus, QTableView:focus {{
        border: 1px solid {theme.accent}; }}
    QToolButton:checked, QPushButton:checked {{ background: {theme.accent};
        color: {theme.window}; }}
    QToolButton:disabled, QPushButton:disabled {{ color: {theme.dim}; }}
    QToolButton::menu-indicator {{ width: 0; }}
    QComboBox {{ min-height: 1.7em; }}
    QTableView {{ background: {theme.panel}; border: 1px solid {theme.line}; border-radius: 5px;
        gridline-color: {theme.line}; selection-background-color: {theme.raised};
        selection-color: {theme.text}; }}
    QHeaderView::section {{ background: {theme.panel}; color: {theme.dim}; border: none;
        border-bottom: 1px solid {theme.line}; padding: 3px 6px; }}
    QLabel#dim, QLabel#heading {{ color: {theme.dim}; }}
    QLabel#heading {{ font-weight: 600; }}
    QLabel#strained {{ color: {theme.warning}; }}
    QFrame#banner {{ background: {theme.raised}; border: 1px solid {theme.warning};
        border-radius: 5px; }}
    """
