"""What is believed of recordings before a training: their labels, names, and what teachers hear.

Labels are incomplete: a collection knows some tags and marks no others, so that a tag nobody marked
may sound all the same. Names are no labels, but a name that a teacher half agrees with is.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..data.corpus import Clip

# What is left of a teacher's opinion where a collection knows a tag and did not mark it.
_UNMARKED: Final = 0.3

# Logits of what is believed are taken within these probabilities: labels may be wrong, too.
_LEAST_BELIEVED: Final = 0.0025
_MOST_BELIEVED: Final = 0.982
_LEAST_HEARD: Final = 1e-4

# A name that holds a tag's words lifts what teachers say by this power, from this probability on.
_NAMED_POWER: Final = 1 / 3
_NAMED_FROM: Final = 0.02

# Teachers agree that a tag is there when one is this sure, and the other at least so sure.
_SURE: Final = 0.4
_HALF_SURE: Final = 0.15


def beliefs(
    clips: Sequence[Clip],
    tags: Sequence[str],
    heard: NDArray[np.float32],
    names: Sequence[str],
) -> NDArray[np.float32]:
    """Return how likely each tag sounds somewhere in each recording.

    Args:
        clips: The recordings.
        tags: Labels of the vocabulary.
        heard: (clips, tags) calibrated probabilities of the teachers for whole recordings; NaN
            where neither knows a tag, of which then labels alone are believed.
        names: Of each tag, as people say it.

    Returns:
        (clips, tags) float32: 1 for each label, what teachers hear for tags that the recording's
        collection does not know, and less of it for those that it knows and did not mark.
    """
    column = {tag: i for i, tag in enumerate(tags)}
    known: defaultdict[str, set[int]] = defaultdict(set)
    for clip in clips:
        known[clip.source].update(column[label] for label in clip.labels if label in column)
    believed = np.nan_to_num(heard)
    words = [_words(f"{tag} {name}") for tag, name in zip(tags, names, strict=True)]
    for row, clip in enumerate(clips):
        if clip.labels:
            believed[row, sorted(known[clip.source])] *= _UNMARKED
            believed[row, [column[label] for label in clip.labels if label in column]] = 1
        elif clip.hint:
            hint = _words(clip.hint)
            for i, own in enumerate(words):
                if own & hint and believed[row, i] >= _NAMED_FROM:
                    believed[row, i] **= _NAMED_POWER
    return believed


def what_and_when(
    heard: NDArray[np.float32], believed: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Return what windows teach: whole recordings say what sounds, the windows when.

    The mean of both as logits. A mean of probabilities keeps a tag that a recording carries in
    windows where nothing of it is heard, and tells worse in which windows it sounds.

    Args:
        heard: (windows, tags) calibrated probabilities of the teachers for the windows; NaN where
            neither knows a tag, of which then what is believed is all.
        believed: (windows, tags) what is believed of the recordings that the windows are cut from.
        share: Of what is believed.

    Returns:
        (windows, tags) float32.
    """
    what = _logit(np.clip(believed, _LEAST_BELIEVED, _MOST_BELIEVED))
    when = _logit(np.clip(heard, _LEAST_HEARD, 1 - _LEAST_HEARD))
    both = 1 / (1 + np.exp(-(share * what + (1 - share) * when)))
    return np.asarray(np.where(np.isnan(heard), believed, both), np.float32)


def _logit(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.log(probabilities / (1 - probabilities)))


def _words(text: str) -> set[str]:
    """Return the words of a text that say something, in the singular."""
    found = re.findall(r"[a-z]+", text.lower())
    return {word.removesuffix("s") for word in found if len(word) > 2} - {"and", "the", "sound"}


def agreement(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where two teachers agree that a tag is there, of probabilities (clips, tags)."""
    surer, less = np.fmax(first, second), np.fmin(first, second)
    return np.asarray((surer > _SURE) & (less > _HALF_SURE))


def tags_with_evidence(
    clips: Sequence[Clip],
    tags: Sequence[str],
    agreed: NDArray[np.bool_],
    minimum: int,
) -> Counter[str]:
    """Return the tags that enough recordings are evidence of, with how many these are.

    Args:
        clips: The recordings; pieces of one count once.
        tags: Labels of the columns.
        agreed: (clips, tags), where teachers agree.
        minimum: Recordings, labelled so or agreed on.
    """
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for row, clip in enumerate(clips):
        for tag in {*clip.labels, *(tags[i] for i in np.flatnonzero(agreed[row]).tolist())}:
            groups[tag].add(clip.group)
    return Counter({tag: len(own) for tag, own in groups.items() if len(own) >= minimum})
