"""Before a training: which clips are learned from, and what is known of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earmark.models.errors import EarmarkError, UsageError
from earmark.models.json_files import read_json
from earmark.models.vocabulary import TagVocabulary

from ..data.audio_cache import AudioCache
from ..data.corpus import Clip, Corpus
from ..data.manifest import read_pool
from ..data.negatives import negative_clips
from ..data.splits import hold_out, thinned
from ..data.teacher import read_teacher
from ..data.teachers import TeacherFiles
from ..data.training_set import TrainingSet
from ..recipe import Recipe
from ..run_folder import RunDescription, write_json
from .distillation import distill

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Training:
    """Everything that the stages share.

    Args:
        recipe: What to train, how.
        vocabulary: Tags to learn.
        folder: Of the run.
        fabric: Device, precision, processes.
        clips: To learn from: recordings, or mixtures of them.
        head_clips: Mixtures that the head alone learns from, if there are any: the branches have
            learned theirs by heart.
        held_out: To measure on.
        calibrated_on: To calibrate on: what is held out, with what is believed of it.
        start: Folder of the bundle whose weights the branches begin with, if any.
        report: Told one line after each epoch.
        progress: Told what is being prepared, how much of it is done and how much there is.
    """

    recipe: Recipe
    vocabulary: TagVocabulary
    folder: Path
    fabric: "Fabric"
    clips: TrainingSet
    head_clips: TrainingSet | None
    held_out: TrainingSet
    calibrated_on: TrainingSet
    start: Path | None
    report: Callable[[str], None]
    progress: Progress


@dataclass(frozen=True)
class Teaching:
    """What there is to learn from beside the labels of a data set.

    Args:
        outputs: File of a teacher's outputs for the clips, for recipes that learn from one.
        teachers: Files of the teachers themselves, for recipes that mix sounds.
        pools: Manifests of recordings that nobody has labelled, for the same.
        start: Folder of a bundle whose weights the branches begin with.
    """

    outputs: Path | None = None
    teachers: TeacherFiles | None = None
    pools: tuple[Path, ...] = ()
    start: Path | None = None


def prepare(
    corpus: Corpus,
    recipe: Recipe,
    *,
    folder: Path,
    cache: AudioCache,
    teaching: Teaching,
    fabric: "Fabric",
    report: Callable[[str], None],
    progress: Progress,
) -> Training:
    """Choose and load the clips of a run, and write down what it is.

    Args:
        corpus: To learn from.
        recipe: What to train, how.
        folder: Of the run.
        cache: Of decoded recordings.
        teaching: What there is beside the labels.
        fabric: Device, precision, processes.
        report: Told one line after each epoch.
        progress: Told what is being prepared, how much of it is done and how much there is.

    Raises:
        UsageError: If the recipe needs teachers and there are none.
        EarmarkError: If the folder holds another run.
        CorpusError: If the data set is broken, or nothing is left to learn from.
    """
    if recipe.needs_teacher and teaching.outputs is None:
        raise UsageError(
            f"recipe {recipe.name} learns from a teacher; give the file of its outputs as --teacher"
        )
    if recipe.mixtures.windows and teaching.teachers is None:
        raise UsageError(
            f"recipe {recipe.name} asks teachers about mixtures; give their files as --mn04 and "
            "--yamnet"
        )
    data = recipe.data
    usable = corpus.with_licence_stated() if data.stated_licence_only else corpus
    known = usable.without_folds(data.test_folds)
    vocabulary = known.frequent_tags(data.minimum_clips)
    learned, held = _split(known.restricted_to(vocabulary), recipe, folder, fabric)

    def load(clips: Sequence[Clip], what: str) -> list[NDArray[np.float32]]:
        return cache.load_all(
            [clip.path for clip in clips], lambda done, total: progress(what, done, total)
        )

    if recipe.mixtures.windows and teaching.teachers is not None:
        labels = {clip.path: clip.labels for clip in known.clips}
        with_all_labels = [
            [replace(clip, labels=labels[clip.path]) for clip in part] for part in (learned, held)
        ]
        pool = [clip for path in teaching.pools for clip in read_pool(path)]
        distilled = distill(
            with_all_labels[0],
            with_all_labels[1],
            pool,
            load,
            teaching.teachers,
            recipe,
            labelled=vocabulary,
            folder=folder,
            progress=progress,
        )
        vocabulary = distilled.vocabulary
        learned = [*learned, *pool]
        clips, head_clips = distilled.clips, distilled.head_clips
        calibrated_on = distilled.calibrated_on
        held_out = TrainingSet(
            load(held, "validation clips"), Corpus(corpus.name, tuple(held), vocabulary).targets()
        )
    else:
        clips, held_out = (
            TrainingSet(load(part, what), Corpus(corpus.name, tuple(part), vocabulary).targets())
            for part, what in ((learned, "training clips"), (held, "validation clips"))
        )
        if recipe.needs_teacher and teaching.outputs is not None:
            heard = read_teacher(teaching.outputs, corpus, learned, clips.targets)
            clips = replace(clips, teacher=heard)
        clips = _with_negatives(clips, data.negatives, seed=recipe.seed)
        head_clips, calibrated_on = None, held_out
    _describe(
        RunDescription(
            recipe=recipe,
            vocabulary=vocabulary,
            corpus=corpus.name,
            licences=dict(Counter(clip.licence for clip in learned).most_common()),
            training_clips=len(learned),
            validation_clips=len(held),
        ),
        folder,
        fabric,
    )
    return Training(
        recipe=recipe,
        vocabulary=vocabulary,
        folder=folder,
        fabric=fabric,
        clips=clips,
        head_clips=head_clips,
        held_out=held_out,
        calibrated_on=calibrated_on,
        start=teaching.start,
        report=report,
        progress=progress,
    )


def _describe(description: RunDescription, folder: Path, fabric: "Fabric") -> None:
    """Write down what a run is, once the folder holds no other."""
    if (folder / "run.json").is_file() and RunDescription.read(folder) != description:
        raise EarmarkError(
            f"{folder} holds another run, of another recipe or data set; give --run another folder"
        )
    if fabric.is_global_zero:
        description.write(folder)


def only_negatives(count: int, n_tags: int, seed: int) -> TrainingSet:
    """Return made-up clips that carry no tag."""
    return TrainingSet(negative_clips(count, seed), np.zeros((count, n_tags), np.float32))


def _with_negatives(clips: TrainingSet, count: int, *, seed: int) -> TrainingSet:
    """Return clips with made-up ones behind them that carry no tag."""
    if not count:
        return clips
    behind = only_negatives(count, clips.n_tags, seed)
    return TrainingSet(
        [*clips.waveforms, *behind.waveforms],
        np.concatenate([clips.targets, behind.targets]),
        clips.teacher.with_unheard(count) if clips.teacher else None,
    )


def _split(
    corpus: Corpus, recipe: Recipe, folder: Path, fabric: "Fabric"
) -> tuple[list[Clip], list[Clip]]:
    """Divide clips into learned from and held out, as this run did before where it did."""
    path = folder / "held_out.json"
    if path.is_file():
        names = set(read_json(path))
        held = [clip for clip in corpus.clips if clip.path.name in names]
    elif recipe.data.validation_folds:
        held = list(corpus.in_folds(recipe.data.validation_folds).clips)
    else:
        held = list(hold_out(corpus.clips, recipe.data.validation_share, recipe.seed)[1])
    if fabric.is_global_zero:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, sorted(clip.path.name for clip in held))
    fabric.barrier()
    set_aside = {clip.path for clip in held}
    left = [clip for clip in corpus.clips if clip.path not in set_aside]
    return thinned(left, recipe.data.share, recipe.seed), held
