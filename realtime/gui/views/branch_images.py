"""What each branch sees of the window at the cursor, drawn small beneath its column."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from .tag_table import COLUMN_GAP
from .theme import Theme


class BranchImages(QWidget):
    """One image for each branch, side by side.

    Args:
        branches: Names.
        captions: What the image of each shows.
        theme: Colours.
        table: Colour map, (256, 3) bytes.
    """

    def __init__(
        self,
        branches: Sequence[str],
        captions: Mapping[str, str],
        theme: Theme,
        table: NDArray[np.uint8],
    ) -> None:
        super().__init__()
        self._branches = branches
        self._captions = captions
        self._theme = theme
        self._images: dict[str, QImage] = {}
        self.set_colours(theme, table)
        self.setAccessibleName("What each branch sees")
        self.setToolTip("The last second as each branch is given it; time runs to the right")

    @property
    def images(self) -> Mapping[str, QImage]:
        """What is shown."""
        return self._images

    def set_colours(self, theme: Theme, table: NDArray[np.uint8]) -> None:
        """Use other colours."""
        self._theme = theme
        self._table = [QColor(*map(int, colour)).rgb() for colour in table]
        for image in self._images.values():
            image.setColorTable(self._table)
        self.update()

    def show_pictures(self, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Show (rows, columns) bytes for each branch, the top row first."""
        for branch, picture in pictures.items():
            rows, columns = picture.shape
            image = QImage(picture.tobytes(), columns, rows, columns, QImage.Format.Format_Indexed8)
            image.setColorTable(self._table)
            # A copy owns its bytes; the original only borrows them.
            self._images[branch] = image.copy()
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self._images = {}
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 104)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        width = self.width() / len(self._branches)
        text = self.fontMetrics().height()
        for i, branch in enumerate(self._branches):
            box = QRectF(
                i * width + COLUMN_GAP / 2, 0, width - COLUMN_GAP, self.height() - text - 4
            )
            painter.fillRect(box, QColor(self._theme.raised))
            if branch in self._images:
                painter.drawImage(box, self._images[branch])
            painter.setPen(QColor(self._theme.dim))
            caption = painter.fontMetrics().elidedText(
                self._captions[branch], Qt.TextElideMode.ElideRight, int(box.width())
            )
            below = QRectF(box.x(), box.bottom() + 2, box.width(), text + 2)
            painter.drawText(below, Qt.AlignmentFlag.AlignLeft, caption)
