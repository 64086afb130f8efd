"""FSD50K in its official layout.

Source: Fonseca et al., "FSD50K: an open dataset of human-labeled sound events" (2022).
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from earmark.models.errors import CorpusError
from earmark.models.vocabulary import TagVocabulary

from .corpus import Clip, Corpus

_VOCABULARY: Final = Path(__file__).parent / "fsd50k_vocabulary.txt"


def fsd50k_labels() -> tuple[str, ...]:
    """Return the 200 labels of FSD50K's vocabulary."""
    return tuple(_VOCABULARY.read_text(encoding="utf-8").split())


def read_fsd50k(folder: Path) -> Corpus:
    """Read FSD50K.

    Args:
        folder: Holds ``FSD50K.ground_truth`` (``vocabulary.csv``, ``dev.csv``, ``eval.csv``),
            ``FSD50K.dev_audio`` and ``FSD50K.eval_audio``.

    Returns:
        Clips in the folds ``train``, ``val`` (both of the dev set) and ``test`` (the eval set).

    Raises:
        CorpusError: If a list or an audio file is missing, or a label is unknown.
    """
    truth = folder / "FSD50K.ground_truth"
    names, ids = [], []
    for row in _rows(truth / "vocabulary.csv", ("index", "label", "mid"), has_header=False):
        names.append(row["label"])
        ids.append(row["mid"])
    if not names:
        raise CorpusError(f"{truth / 'vocabulary.csv'} lists no labels")
    clips = [
        _clip(folder / "FSD50K.dev_audio", row, row["split"])
        for row in _rows(truth / "dev.csv", ("fname", "labels", "mids", "split"), has_header=True)
    ]
    clips += [
        _clip(folder / "FSD50K.eval_audio", row, "test")
        for row in _rows(truth / "eval.csv", ("fname", "labels", "mids"), has_header=True)
    ]
    vocabulary = TagVocabulary(tuple(names), tuple(ids))
    return Corpus("FSD50K", tuple(clips), vocabulary).checked()


def _clip(folder: Path, row: Mapping[str, str], fold: str) -> Clip:
    return Clip(
        path=folder / f"{row['fname']}.wav",
        labels=tuple(row["labels"].split(",")),
        fold=fold,
        group=row["fname"],  # a Freesound id
    )


def _rows(path: Path, columns: tuple[str, ...], *, has_header: bool) -> list[dict[str, str]]:
    if not path.is_file():
        raise CorpusError(f"{path} is missing; FSD50K's ground truth has it")
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if line]
    if has_header:
        if not lines or tuple(lines[0][: len(columns)]) != columns:
            raise CorpusError(f"{path} must begin with the columns {', '.join(columns)}")
        lines = lines[1:]
    for number, line in enumerate(lines, start=1 + has_header):
        if len(line) < len(columns):
            raise CorpusError(f"{path}, line {number}: {len(columns)} columns expected, got {line}")
    return [dict(zip(columns, line, strict=False)) for line in lines]
