"""A CSV of one's own: path, labels, and fold or split."""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from earmark.models.errors import CorpusError
from earmark.models.vocabulary import TagVocabulary

from .corpus import Clip, Corpus
from .tags import read_tag_table

Row = dict[str, str]


def read_manifest(path: Path, *, audio_folder: Path | None = None) -> Corpus:
    """Read a manifest.

    Columns: ``path`` (relative to the manifest), ``labels`` (separated by ``;``), ``fold`` or
    ``split``; and, where they are there, ``group`` (what a clip was cut from), ``licence``,
    ``class`` or ``esc50_class`` (its one class), ``source`` and ``original_name``. Without a
    ``group``, two clips of one source whose original names hold the same number of four digits or
    more (a Freesound id, mostly) are taken for pieces of one recording.

    Args:
        path: The CSV file.
        audio_folder: What the paths are relative to, if not the manifest's own folder.

    Raises:
        CorpusError: If the file is missing, lacks a column or a value, or the data set it describes
            contradicts itself.
    """
    rows = _rows(path, ({"path"}, {"labels"}, {"fold", "split"}))
    folder = path.parent if audio_folder is None else audio_folder
    fold_column = "fold" if "fold" in rows[0] else "split"
    groups = _groups(rows, fold_column)
    clips = tuple(
        _clip(row, folder, row[fold_column], group) for row, group in zip(rows, groups, strict=True)
    )
    names = tuple(sorted({label for clip in clips for label in clip.labels}))
    if not names:
        raise CorpusError(f"{path}: no row has a label in the column 'labels'")
    vocabulary = TagVocabulary(names, read_tag_table().audioset_ids(names))
    return Corpus(path.stem, clips, vocabulary).checked()


def read_pool(path: Path) -> tuple[Clip, ...]:
    """Read a pool: a manifest without folds, of recordings that nobody has to have labelled.

    Columns: ``path``, and where they are there ``labels``, ``source``, ``licence``, ``group`` and
    ``label_hint``, words from the name of the file.

    Raises:
        CorpusError: If the file is missing or broken, or a recording is.
    """
    rows = _rows(path, ({"path"},))
    clips = tuple(_clip(row, path.parent, "", row.get("group") or row["path"]) for row in rows)
    if missing := [clip.path for clip in clips if not clip.path.is_file()]:
        raise CorpusError(
            f"{path}: {len(missing)} of {len(clips)} audio files are missing, the first is "
            f"{missing[0]}; build the pool again"
        )
    return clips


def _clip(row: Row, folder: Path, fold: str, group: str) -> Clip:
    labels = (label.strip() for label in (row.get("labels") or "").split(";"))
    return Clip(
        path=folder / row["path"],
        labels=tuple(label for label in labels if label),
        fold=fold,
        group=group,
        licence=row.get("licence", ""),
        exclusive_class=row.get("class", "") or row.get("esc50_class", ""),
        source=row.get("source", ""),
        hint=row.get("label_hint", ""),
    )


def _rows(path: Path, columns_wanted: Sequence[set[str]]) -> list[Row]:
    if not path.is_file():
        raise CorpusError(f"there is no manifest {path}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} is not a CSV file in UTF-8: {error}") from error
    if not rows:
        raise CorpusError(f"{path} has no rows")
    columns = set(rows[0])
    for wanted in columns_wanted:
        if not wanted & columns:
            raise CorpusError(f"{path} has no column {' or '.join(sorted(wanted))!r}")
    for line, row in enumerate(rows, start=2):
        if not row["path"] or ("labels" in row and row["labels"] is None):
            raise CorpusError(f"{path}, line {line}: a clip needs a path and labels")
    return rows


def _groups(rows: list[Row], fold_column: str) -> list[str]:
    if "group" in rows[0]:
        return [row["group"] or row["path"] for row in rows]
    guesses = [_guessed_group(row) for row in rows]
    folds = defaultdict(set)
    for guess, row in zip(guesses, rows, strict=True):
        folds[guess].add(row[fold_column])
    # A guess that would tie two folds together is a coincidence of numbers, not one recording.
    return [
        guess if len(folds[guess]) == 1 else row["path"]
        for guess, row in zip(guesses, rows, strict=True)
    ]


def _guessed_group(row: Row) -> str:
    original = row.get("original_name", "")
    if not original:
        return row["path"]
    number = re.search(r"\d{4,}", Path(original).name)
    return f"{row.get('source', '')}:{number.group() if number else original}"
