"""Clips with labels and folds, whatever layout they were read from."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import CorpusError
from earmark.models.vocabulary import TagVocabulary

#: What a manifest says of clips whose licence nobody stated.
UNSTATED = "unstated"


@dataclass(frozen=True)
class Clip:
    """One recording, or one piece of one.

    Args:
        path: Of the audio file.
        labels: Tags that sound somewhere in it.
        fold: Name of the fold or split it belongs to.
        group: What it was cut from; pieces of one recording share it.
        licence: As stated, or an empty string.
        exclusive_class: Its one class, in corpora that have exclusive classes.
        source: Collection that it is from; one collection knows the same tags of all its clips.
        hint: What the name of its file says, which nobody checked.
    """

    path: Path
    labels: tuple[str, ...]
    fold: str
    group: str
    licence: str = ""
    exclusive_class: str = ""
    source: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Corpus:
    """A data set.

    Args:
        name: Of the data set.
        clips: In the order they were read.
        vocabulary: Tags, in the order of the targets.
    """

    name: str
    clips: tuple[Clip, ...]
    vocabulary: TagVocabulary

    def checked(self, *, allowed_groups: Collection[str] = ()) -> Self:
        """Return the corpus, once it is known to be whole.

        Args:
            allowed_groups: Recordings that officially sit in two folds.

        Raises:
            CorpusError: If there is no clip, a file is missing, a label is not in the vocabulary,
                a tag has no clip, or a recording sits in two folds.
        """
        if not self.clips:
            raise CorpusError(f"{self.name} has no clips")
        self._check_labels()
        self._check_folds(allowed_groups)
        missing = [clip.path for clip in self.clips if not clip.path.is_file()]
        if missing:
            raise CorpusError(
                f"{self.name}: {len(missing)} of {len(self.clips)} audio files are missing, "
                f"the first is {missing[0]}; complete the data set or take them out of its lists"
            )
        return self

    def _check_labels(self) -> None:
        for clip in self.clips:
            for label in clip.labels:
                if label not in self.vocabulary:
                    raise CorpusError(
                        f"{self.name}: {clip.path.name} has the label {label!r}, which is not in "
                        "the vocabulary; correct the label or add it to the vocabulary"
                    )
        carried = {label for clip in self.clips for label in clip.labels}
        if empty := [tag for tag in self.vocabulary if tag not in carried]:
            raise CorpusError(
                f"{self.name}: no clip carries {empty[0]!r} (and {len(empty) - 1} other tags); "
                "take empty tags out of the vocabulary"
            )

    def _check_folds(self, allowed_groups: Collection[str]) -> None:
        folds = defaultdict(set)
        for clip in self.clips:
            folds[clip.group].add(clip.fold)
        for group, found in folds.items():
            if len(found) > 1 and group not in allowed_groups:
                raise CorpusError(
                    f"{self.name}: recording {group!r} sits in the folds {sorted(found)}; "
                    "pieces of one recording must share a fold"
                )

    def in_folds(self, folds: Collection[str]) -> Self:
        """Return the clips of some folds.

        Raises:
            CorpusError: If there is no such fold.
        """
        known = {clip.fold for clip in self.clips}
        if unknown := sorted(set(folds) - known):
            raise CorpusError(f"{self.name} has no fold {unknown[0]!r}; it has {sorted(known)}")
        return self._of(clip for clip in self.clips if clip.fold in folds)

    def without_folds(self, folds: Collection[str]) -> Self:
        """Return the clips of all other folds."""
        return self._of(clip for clip in self.clips if clip.fold not in folds)

    def with_licence_stated(self) -> Self:
        """Return the clips whose licence is known."""
        return self._of(clip for clip in self.clips if clip.licence != UNSTATED)

    def frequent_tags(self, minimum: int) -> TagVocabulary:
        """Return the tags that at least ``minimum`` clips carry.

        Raises:
            CorpusError: If no tag is left.
        """
        count = Counter(label for clip in self.clips for label in clip.labels)
        kept = [i for i, tag in enumerate(self.vocabulary) if count[tag] >= minimum]
        if not kept:
            raise CorpusError(f"{self.name}: no tag has {minimum} clips; ask for fewer")
        return TagVocabulary(
            tuple(self.vocabulary.names[i] for i in kept),
            tuple(self.vocabulary.audioset_ids[i] for i in kept),
        )

    def restricted_to(self, vocabulary: TagVocabulary) -> Self:
        """Return all clips with only the labels of a vocabulary; some may be left with none."""
        clips = (
            replace(clip, labels=tuple(label for label in clip.labels if label in vocabulary))
            for clip in self.clips
        )
        return replace(self, clips=tuple(clips), vocabulary=vocabulary)

    def targets(self) -> NDArray[np.float32]:
        """Return (clips, tags) float32, 1 where a clip carries a tag."""
        targets = np.zeros((len(self.clips), len(self.vocabulary)), np.float32)
        for i, clip in enumerate(self.clips):
            for label in clip.labels:
                targets[i, self.vocabulary.index_of(label)] = 1
        return targets

    def _of(self, clips: Iterable[Clip]) -> Self:
        return replace(self, clips=tuple(clips))
