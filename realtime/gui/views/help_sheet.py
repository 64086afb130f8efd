"""The help sheet: shortcuts, and what is what on the screen."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QScrollArea, QVBoxLayout, QWidget

from .actions import SHORTCUTS

_WHAT_IS_WHAT = """
<h3>What is what</h3>
<p><b>Now</b>: the likeliest tags with their calibrated probability. The mark on a bar is the tag's
threshold; what is below it is dim. A click pins a tag, a right-click sets its threshold.</p>
<p><b>pitch, timbre, waveform, neuralogram</b>: the four ways of hearing, what each believes by
itself, and beneath it what it is given of the last second. Where they differ, the sound is told
by one thing and not by another: a siren by its pitch, rain by its timbre.</p>
<p><b>Timeline</b>: drag to look back, turn the wheel to zoom, click to look at a moment. Live, 15
minutes are kept; capture goes on while you look. A click on an event plays it.</p>
<p><b>Status line</b>: from the last sample of a window to its drawing; the time a window takes, as
a share of the hop; what was skipped or lost. It turns amber when the machine does not keep up.</p>
"""


class HelpSheet(QDialog):
    """Shown beside the window, which goes on."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Earmark: help")
        rows = "".join(
            f"<tr><td><b>{s.keys}</b>&nbsp;&nbsp;&nbsp;</td><td>{s.meaning}</td></tr>"
            for s in SHORTCUTS
        )
        text = QLabel(f"<h3>Shortcuts</h3><table cellpadding='2'>{rows}</table>{_WHAT_IS_WHAT}")
        text.setTextFormat(Qt.TextFormat.RichText)
        text.setWordWrap(True)
        text.setAlignment(Qt.AlignmentFlag.AlignTop)
        text.setMargin(8)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(text)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        layout.addWidget(buttons)
        self.resize(620, 680)
