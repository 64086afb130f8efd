"""The project's table of tags: what each is called, and what it is a kind of.

It has every label of FSD50K, every class of AudioSet and what else is trained on. A parent is what
the sound always is as well. Where AudioSet's ontology lists a class under several sources of which
a sound has one (a growl is a dog's, a cat's or a lion's), the nearest that holds for all of them is
the parent, or none.

Source: Gemmeke et al., "Audio Set: An ontology and human-labeled dataset for audio events" (2017),
its ontology CC BY-SA 4.0; Fonseca et al., "FSD50K: an open dataset of human-labeled sound events"
(2022).
"""

import csv
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from earmark.models.errors import CorpusError
from earmark.models.json_files import MOST_CHARACTERS
from earmark.models.tags import FAMILIES, Tag, check_no_cycle
from earmark.models.vocabulary import TagVocabulary

#: The project's own.
TABLE: Final = Path(__file__).parent / "tags.csv"

#: Languages that names are translated to.
LANGUAGES: Final = ("de", "fr", "es", "nl")

#: Characters of a name, so that it fits a row of any view.
MOST_LETTERS: Final = 22

#: Characters of a translation.
MOST_TRANSLATED: Final = 26

_LIMITS = {"name": MOST_LETTERS} | dict.fromkeys(LANGUAGES, MOST_TRANSLATED)
_COLUMNS = ("label", "id", "name", "parents", "family", *LANGUAGES)


@dataclass(frozen=True)
class TagTable:
    """Tags that are checked against each other.

    Args:
        tags: Label -> tag, in the order of the table.
    """

    tags: Mapping[str, Tag]

    def closure(self, label: str) -> tuple[str, ...]:
        """Return the labels of all ancestors of a tag, the nearest first; none if it is unknown."""
        parents = {tag.label: tag.parents for tag in self.tags.values()}
        return propagate((label,), parents)[1:]

    def audioset_ids(self, labels: Iterable[str]) -> tuple[str, ...]:
        """Return the AudioSet id of each label, and an empty string where there is none."""
        return tuple(self.tags[n].audioset_id if n in self.tags else "" for n in labels)

    def described(self, vocabulary: TagVocabulary) -> tuple[Tag, ...]:
        """Return the tags of a vocabulary, their parents being the nearest that it has.

        A label that the table does not know is its own name, and has no parents; a tag of the table
        that is named like such a label goes by its label, too.
        """
        foreign = {label.casefold() for label in vocabulary if label not in self.tags}
        described = []
        for label, audioset_id in zip(vocabulary, vocabulary.audioset_ids, strict=True):
            tag = self.tags.get(label, Tag(label, label, audioset_id))
            tag = replace(tag, parents=self._parents_within(label, set(vocabulary)))
            if label in self.tags and tag.name.casefold() in foreign:
                tag = replace(tag, name=label, translations={})
            described.append(tag)
        return tuple(described)

    def _parents_within(self, label: str, kept: Container[str]) -> tuple[str, ...]:
        found = dict.fromkeys(self._nearest(label, kept))
        above = {ancestor for parent in found for ancestor in self.closure(parent)}
        return tuple(parent for parent in found if parent not in above)

    def _nearest(self, label: str, kept: Container[str]) -> Iterable[str]:
        for parent in self.tags[label].parents if label in self.tags else ():
            if parent in kept:
                yield parent
            else:
                yield from self._nearest(parent, kept)


def propagate(labels: Iterable[str], parents: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return labels with all their ancestors, as FSD50K's lists have them.

    Args:
        labels: Of one clip, the most specific ones at least.
        parents: For each label the labels directly above it in the ontology.

    Returns:
        The labels in their order, then the ancestors that were missing, each once.
    """
    found = dict.fromkeys(labels)
    waiting = list(found)
    while waiting:
        for parent in parents.get(waiting.pop(0), ()):
            if parent not in found:
                found[parent] = None
                waiting.append(parent)
    return tuple(found)


def read_tag_table(path: Path = TABLE) -> TagTable:
    """Read a table of tags.

    Columns: ``label``, ``id`` (AudioSet's, may be empty), ``name``, ``parents`` (labels, ``;``
    between), ``family``, and one for each of ``LANGUAGES`` (may be empty).

    Raises:
        CorpusError: If the file is missing or no such table, or a line contradicts it: a label or a
            name (in whatever case) is given twice, a name is another tag's label, a text is too
            long, a parent is no tag, a tag is its own ancestor, a family is unknown.
    """
    tags: dict[str, Tag] = {}
    lines: dict[str, int] = {}
    for line, row in _rows(path):
        tag = _tag(row, f"{path}, line {line}")
        if tag.label in tags:
            raise CorpusError(
                f"{path}, line {line}: the label {tag.label!r} is that of line {lines[tag.label]}, "
                "too; each has one line"
            )
        tags[tag.label], lines[tag.label] = tag, line
    _check_names(path, tags, lines)
    for tag in tags.values():
        if unknown := [parent for parent in tag.parents if parent not in tags]:
            raise CorpusError(
                f"{path}, line {lines[tag.label]}: the parent {unknown[0]!r} of {tag.label!r} is "
                "no label of the table; give it a line of its own, or name the next one above it"
            )
    try:
        check_no_cycle(tuple(tags.values()))
    except ValueError as error:
        raise CorpusError(f"{path}: {error}; take out one of the parents") from error
    return TagTable(tags)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise CorpusError(f"there is no table of tags {path}")
    rows = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if tuple(header) != _COLUMNS:
                raise CorpusError(
                    f"{path}, line 1: the columns must be {', '.join(_COLUMNS)}, got {header}"
                )
            for cells in reader:
                if len(cells) != len(_COLUMNS):
                    raise CorpusError(
                        f"{path}, line {reader.line_num}: {len(_COLUMNS)} columns expected, got "
                        f"{cells}"
                    )
                rows.append((reader.line_num, dict(zip(_COLUMNS, cells, strict=True))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} is not a CSV file in UTF-8: {error}") from error
    return rows


def _tag(row: Mapping[str, str], place: str) -> Tag:
    for column, text in row.items():
        if text != text.strip() or not text.isprintable():
            raise CorpusError(
                f"{place}: {column} must be printable, without spaces at its ends, got {text!r}"
            )
        if len(text) > (limit := _LIMITS.get(column, MOST_CHARACTERS)):
            raise CorpusError(
                f"{place}: {column} may have {limit} characters, but {text!r} has {len(text)}"
            )
        if not text and column in ("label", "name"):
            raise CorpusError(f"{place}: {column} is empty")
    if row["family"] not in FAMILIES:
        raise CorpusError(
            f"{place}: the family {row['family']!r} of {row['label']!r} must be one of "
            f"{', '.join(FAMILIES)}"
        )
    return Tag(
        label=row["label"],
        name=row["name"],
        audioset_id=row["id"],
        parents=tuple(row["parents"].split(";")) if row["parents"] else (),
        family=row["family"],
        translations={language: row[language] for language in LANGUAGES if row[language]},
    )


def _check_names(path: Path, tags: Mapping[str, Tag], lines: Mapping[str, int]) -> None:
    # Old and new names are understood alike, in whatever case: each text may mean one tag only.
    owners = {label.casefold(): label for label in tags}
    for tag in tags.values():
        owner = owners.setdefault(tag.name.casefold(), tag.label)
        if owner != tag.label:
            raise CorpusError(
                f"{path}, line {lines[tag.label]}: the name {tag.name!r} is that of line "
                f"{lines[owner]} ({owner!r}), too; two tags are never called the same"
            )
