"""ESC-50 in its official layout.

Source: Piczak, "ESC: Dataset for Environmental Sound Classification" (2015).
"""

import csv
from pathlib import Path

from earmark.models.errors import CorpusError
from earmark.models.vocabulary import TagVocabulary

from .corpus import Clip, Corpus

#: Recordings that sit in two of the official folds.
OFFICIAL_EXCEPTIONS = ("209698", "234879")


def read_esc50(folder: Path) -> Corpus:
    """Read ESC-50.

    Args:
        folder: Holds ``meta/esc50.csv`` and ``audio``.

    Returns:
        Clips with one label each in the folds ``1`` to ``5``.

    Raises:
        CorpusError: If the list or an audio file is missing.
    """
    path = folder / "meta" / "esc50.csv"
    if not path.is_file():
        raise CorpusError(f"{path} is missing; ESC-50 has it")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wanted = {"filename", "fold", "category", "src_file"}
    if not rows or not wanted <= set(rows[0]):
        raise CorpusError(f"{path} must have rows with the columns {sorted(wanted)}")
    clips = tuple(
        Clip(
            path=folder / "audio" / row["filename"],
            labels=(row["category"],),
            fold=row["fold"],
            group=row["src_file"],
            exclusive_class=row["category"],
        )
        for row in rows
    )
    vocabulary = TagVocabulary(tuple(sorted({row["category"] for row in rows})))
    corpus = Corpus("ESC-50", clips, vocabulary)
    return corpus.checked(allowed_groups=OFFICIAL_EXCEPTIONS)
