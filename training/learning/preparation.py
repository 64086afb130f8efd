"""Before a training: which clips are learned from, and what is known of them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.models.errors import EarmarkError, UsageError
from earmark.models.json_files import read_json

from ..data.audio_cache import AudioCache
from ..data.corpus import Clip, Corpus
from ..data.negatives import negative_clips
from ..recipe import Recipe
from ..run_folder import RunDescription, write_json
from ..data.splits import hold_out, thinned
from ..data.teacher import read_teacher
from ..data.training_set import TrainingSet

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Training:
    """Everything that the stages share.

    Args:
        recipe: What to train, how.
        folder: Of the run.
        fabric: Device, precision, processes.
        clips: To learn from.
        held_out: To measure and calibrate on.
        report: Told one line after each epoch.
        progress: Told what is being prepared, how much of it is done and how much there is.
    """

    recipe: Recipe
    folder: Path
    fabric: "Fabric"
    clips: TrainingSet
    held_out: TrainingSet
    report: Callable[[str], None]
    progress: Progress


def prepare(
    corpus: Corpus,
    recipe: Recipe,
    *,
    folder: Path,
    cache: AudioCache,
    teacher: Path | None,
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
        teacher: File of a teacher's outputs, for recipes that learn from one.
        fabric: Device, precision, processes.
        report: Told one line after each epoch.
        progress: Told what is being prepared, how much of it is done and how much there is.

    Raises:
        UsageError: If the recipe needs a teacher and there is none.
        EarmarkError: If the folder holds another run.
        CorpusError: If the data set is broken, or nothing is left to learn from.
    """
    if recipe.needs_teacher and teacher is None:
        raise UsageError(
            f"recipe {recipe.name} learns from a teacher; give the file of its outputs as --teacher"
        )
    data = recipe.data
    usable = corpus.with_licence_stated() if data.stated_licence_only else corpus
    known = usable.without_folds(data.test_folds)
    vocabulary = known.frequent_tags(data.minimum_clips)
    known = known.restricted_to(vocabulary)
    learned, held = _split(known, recipe, folder, fabric)
    description = RunDescription(
        recipe=recipe,
        vocabulary=vocabulary,
        corpus=corpus.name,
        licences=dict(Counter(clip.licence for clip in learned).most_common()),
        training_clips=len(learned),
        validation_clips=len(held),
    )
    if (folder / "run.json").is_file() and RunDescription.read(folder) != description:
        raise EarmarkError(
            f"{folder} holds another run, of another recipe or data set; give --run another folder"
        )
    if fabric.is_global_zero:
        description.write(folder)

    def load(clips: tuple[Clip, ...], what: str) -> TrainingSet:
        waveforms = cache.load_all(
            [clip.path for clip in clips], lambda done, total: progress(what, done, total)
        )
        targets = Corpus(corpus.name, clips, vocabulary).targets()
        return TrainingSet(waveforms, targets)

    clips = load(tuple(learned), "training clips")
    if recipe.needs_teacher and teacher is not None:
        heard = read_teacher(teacher, corpus, learned, clips.targets)
        clips = replace(clips, teacher=heard)
    return Training(
        recipe=recipe,
        folder=folder,
        fabric=fabric,
        clips=_with_negatives(clips, data.negatives, seed=recipe.seed),
        held_out=load(tuple(held), "validation clips"),
        report=report,
        progress=progress,
    )


def only_negatives(count: int, n_tags: int, seed: int) -> TrainingSet:
    """Return made-up clips that carry no tag."""
    return TrainingSet(negative_clips(count, seed), np.zeros((count, n_tags), np.float32))


def _with_negatives(clips: TrainingSet, count: int, *, seed: int) -> TrainingSet:
    """Return clips with made-up ones behind them that carry no tag."""
    if not count:
        return clips
    behind = only_negatives(count, clips.n_tags, seed)
    return TrainingSet(
        clips.waveforms + behind.waveforms,
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
