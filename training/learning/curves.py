"""Training curves as a CSV file, one row an epoch."""

import csv
from pathlib import Path


class CurveWriter:
    """Appends rows to a CSV file; its header comes from the first row.

    Args:
        path: The file.
        keep_epochs: Rows to keep of an earlier run that is being resumed; the rest is dropped.
    """

    def __init__(self, path: Path, *, keep_epochs: int) -> None:
        self._path = path
        kept = read_curve(path)[:keep_epochs] if path.is_file() else []
        self._columns = list(kept[0]) if kept else []
        with path.open("w", newline="", encoding="utf-8") as file:
            if kept:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(kept)

    def write(self, epoch: int, figures: dict[str, float]) -> None:
        """Append the figures of an epoch, counted from 0."""
        row = {"epoch": epoch + 1, **figures}
        with self._path.open("a", newline="", encoding="utf-8") as file:
            if not self._columns:
                self._columns = list(row)
                csv.writer(file).writerow(self._columns)
            csv.DictWriter(file, self._columns).writerow(row)


def read_curve(path: Path) -> list[dict[str, float]]:
    """Return the rows of a curve as numbers."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
