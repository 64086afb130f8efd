"""From labels, a pool and teachers to what a run learns: tags, and mixtures with targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from earmark.models.tags import Tag
from earmark.models.timebase import WINDOW_SAMPLES
from earmark.models.vocabulary import TagVocabulary

from ..data.corpus import Clip
from ..data.fsd50k import fsd50k_labels
from ..data.negatives import negative_clips
from ..data.tags import TagTable, propagate, read_tag_table
from ..data.teachers import Heard, OpinionFile, TeacherFiles, Teachers
from ..data.training_set import TrainingSet, places_of
from ..recipe import DataSettings, Recipe
from .beliefs import agreement, beliefs, tags_with_evidence
from .ensemble import ClassMap, Ensemble
from .mixtures import Sounds, make_mixtures

# Of the pool, whole recordings that are only calibrated on.
_POOL_HELD_OUT: Final = 0.05

Load = Callable[[Sequence[Clip], str], list[NDArray[np.float32]]]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Distilled:
    """What teachers make of a data set and a pool.

    Args:
        vocabulary: Tags that there is evidence of.
        clips: Mixtures for the branches.
        head_clips: Others of the same sounds, for the head.
        calibrated_on: Recordings held out, and mixtures of some, with what is believed of them.
    """

    vocabulary: TagVocabulary
    clips: TrainingSet
    head_clips: TrainingSet
    calibrated_on: TrainingSet


def distill(
    learned: Sequence[Clip],
    held: Sequence[Clip],
    pool: Sequence[Clip],
    load: Load,
    files: TeacherFiles,
    recipe: Recipe,
    *,
    labelled: TagVocabulary,
    folder: Path,
    progress: Progress,
) -> Distilled:
    """Ask teachers about everything, choose the tags, and make the mixtures that a run learns from.

    Args:
        learned: Labelled recordings to learn from.
        held: Labelled recordings that are measured and calibrated on.
        pool: Recordings that nobody has to have labelled; a share is only calibrated on.
        load: Gives the waveforms of recordings.
        files: Of the teachers.
        recipe: What to train, how.
        labelled: Tags that enough recordings carry as a label.
        folder: Of the run; what was asked and made is kept there.
        progress: Told what is done, how much of it, and how much there is.
    """
    teachers = Teachers(files)
    parts = dict(zip(("pool", "pool held out"), _held_out_pool(pool, recipe.seed), strict=True))
    table = read_tag_table()
    above = {label: tag.parents for label, tag in table.tags.items()}
    # A label is all of its ancestors as well: collections do not mark each of them.
    parts = {
        name: [replace(clip, labels=propagate(clip.labels, above)) for clip in clips]
        for name, clips in {"learned": learned, "held out": held, **parts}.items()
    }
    sound = {name: load(clips, f"{name} clips") for name, clips in parts.items()}
    opinions = OpinionFile(folder / "teachers.npz")
    heard = {
        name: opinions.of_recordings(
            teachers,
            clips,
            sound[name],
            lambda done, total, name=name: progress(f"{name} heard", done, total),  # type: ignore[misc]
        )
        for name, clips in parts.items()
    }
    tags = _tags_of(
        [*parts["learned"], *parts["pool"]],
        [heard["learned"], heard["pool"]],
        labelled,
        table,
        recipe.data,
    )
    labels = [tag.label for tag in tags]
    parents, classes = parents_of(tags, table), class_map(tags, table)
    of_recordings = _fitted(
        folder / "calibrated-recordings.npz",
        tags,
        classes,
        parts["learned"],
        heard["learned"],
        np.arange(len(learned)),
    )
    believed = {
        name: beliefs(
            clips, labels, of_recordings.probabilities(heard[name]), [tag.name for tag in tags]
        )
        for name, clips in parts.items()
    }
    places = places_of(sound["learned"], WINDOW_SAMPLES)
    seconds = opinions.of_seconds(
        teachers,
        parts["learned"],
        sound["learned"],
        lambda done, total: progress("seconds heard", done, total),
    )
    of_windows = _fitted(
        folder / "calibrated-windows.npz",
        tags,
        classes,
        parts["learned"],
        seconds,
        np.array([clip for clip, _ in places]),
    )

    def mixtures(names: Sequence[str], count: int, kept: str, seed: int) -> TrainingSet:
        negatives = negative_clips(recipe.data.negatives, seed)
        nothing = np.zeros((len(negatives), len(tags)), np.float32)
        sounds = Sounds(
            waveforms=[waveform for name in names for waveform in sound[name]] + negatives,
            beliefs=np.concatenate([*(believed[name] for name in names), nothing]),
            is_pool=np.concatenate(
                [
                    *(np.full(len(parts[n]), "pool" in n) for n in names),
                    np.zeros(len(nothing), bool),
                ]
            ),
        )
        return make_mixtures(
            sounds,
            lambda windows: of_windows.opinion(teachers.windows(windows)),
            parents,
            recipe.mixtures,
            count=count,
            folder=folder / "mixtures" / kept,
            seed=seed,
            progress=lambda done, total: progress(f"mixtures for {kept}", done, total),
        )

    settings, seed = recipe.mixtures, recipe.seed
    calibrating = mixtures(
        ("held out", "pool held out"), settings.calibration_windows, "calibration", seed + 2
    )
    return Distilled(
        vocabulary=TagVocabulary(tuple(labels), tuple(tag.audioset_id for tag in tags)),
        clips=mixtures(("learned", "pool"), settings.windows, "branches", seed),
        head_clips=mixtures(("learned", "pool"), settings.head_windows, "head", seed + 1),
        calibrated_on=TrainingSet(
            [*sound["held out"], *calibrating.waveforms],
            np.concatenate([believed["held out"], calibrating.targets]),
        ),
    )


def parents_of(tags: Sequence[Tag], table: TagTable) -> NDArray[np.bool_]:
    """Return (tags, tags), whether the second lies above the first, however far."""
    column = {tag.label: i for i, tag in enumerate(tags)}
    above = np.zeros((len(tags), len(tags)), bool)
    for tag in tags:
        for label in table.closure(tag.label):
            if label in column:
                above[column[tag.label], column[label]] = True
    return above


def _held_out_pool(pool: Sequence[Clip], seed: int) -> tuple[list[Clip], list[Clip]]:
    groups = sorted({clip.group for clip in pool})
    count = round(_POOL_HELD_OUT * len(groups))
    kept_out = set(np.random.default_rng(seed).permutation(groups)[:count].tolist())
    return (
        [clip for clip in pool if clip.group not in kept_out],
        [clip for clip in pool if clip.group in kept_out],
    )


def _tags_of(
    clips: Sequence[Clip],
    heard: Sequence[Heard],
    labelled: TagVocabulary,
    table: TagTable,
    settings: DataSettings,
) -> list[Tag]:
    """Return the tags that enough recordings are labelled with, and others as the settings say.

    With ``all_tags`` these are what teachers agree on in enough recordings and FSD50K's whole
    vocabulary, whatever the evidence: people ask for them.
    """
    foreign = [Tag(label, label) for label in labelled if label not in table.tags]
    candidates = [*table.tags.values(), *foreign]
    keep = set(labelled)
    if settings.all_tags:
        classes = class_map(candidates, table)
        logits = np.concatenate([classes.logits(part) for part in heard], axis=1)
        first, second = 1 / (1 + np.exp(-logits))
        labels = [tag.label for tag in candidates]
        agreed = agreement(first, second)
        keep |= set(tags_with_evidence(clips, labels, agreed, settings.minimum_clips))
        keep |= set(fsd50k_labels())
    return [tag for tag in candidates if tag.label in keep]


def class_map(tags: Sequence[Tag], table: TagTable) -> ClassMap:
    """Return which classes of the teachers stand for tags."""
    below: dict[str, list[str]] = {}
    for tag in table.tags.values():
        for label in table.closure(tag.label):
            below.setdefault(label, []).append(tag.audioset_id)
    return ClassMap.of(
        [tag.audioset_id for tag in tags], [below.get(tag.label, []) for tag in tags]
    )


def _fitted(
    path: Path,
    tags: Sequence[Tag],
    classes: ClassMap,
    clips: Sequence[Clip],
    heard: Heard,
    of_clip: NDArray[np.int64],
) -> Ensemble:
    """Fit the teachers to labels, once; what a collection never marked may be there."""
    if path.is_file():
        return Ensemble.load(path, classes)
    labels = [tag.label for tag in tags]
    marked: dict[str, set[str]] = {}
    for clip in clips:
        marked.setdefault(clip.source, set()).update(clip.labels)
    targets = np.array([[label in clip.labels for label in labels] for clip in clips], np.float32)
    known = np.array([[label in marked[clip.source] for label in labels] for clip in clips])
    ensemble = Ensemble.fit(classes, heard, targets[of_clip], known[of_clip], of_clip)
    ensemble.save(path)
    return ensemble
