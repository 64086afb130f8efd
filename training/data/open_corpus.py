"""One way to open a data set, whichever of the known layouts it has."""

from pathlib import Path

from earmark.models.errors import CorpusError

from .corpus import Corpus
from .esc50 import read_esc50
from .fsd50k import read_fsd50k
from .manifest import read_manifest


def open_corpus(path: Path) -> Corpus:
    """Read the data set at a path.

    Args:
        path: A manifest (CSV), the folder of FSD50K, or the folder of ESC-50.

    Raises:
        CorpusError: If it is none of these, or is broken.
    """
    if path.is_file():
        return read_manifest(path)
    if (path / "FSD50K.ground_truth").is_dir():
        return read_fsd50k(path)
    if (path / "meta" / "esc50.csv").is_file():
        return read_esc50(path)
    if not path.exists():
        raise CorpusError(f"there is no data set {path}")
    raise CorpusError(
        f"{path} is no data set: it has neither FSD50K.ground_truth nor meta/esc50.csv; give the "
        "folder of FSD50K or ESC-50, or a CSV with the columns path, labels and fold"
    )
