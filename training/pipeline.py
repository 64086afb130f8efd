"""A whole training: the stages of a recipe one after the other, each resumable."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from earmark.models.branches import Branch
from earmark.models.errors import EarmarkError
from earmark.models.frontends.neuralogram import NeuralogramFrontEnd
from earmark.models.tagger import Tagger, branches_of, build_tagger

from .audio_cache import AudioCache
from .calibrate import fit_calibration
from .datasets.corpus import Clip, Corpus
from .embeddings import embed_windows, mixed_embeddings
from .features import compute_features
from .head_stage import head_stage
from .loop import Stage, fit
from .negatives import negative_clips
from .recipe import Recipe, StageSettings
from .run_folder import (
    RunDescription,
    load_weights,
    save_calibration,
    save_weights,
    write_json,
)
from .splits import hold_out
from .stages import (
    BranchOnTokens,
    BranchOnWaveforms,
    Inputs,
    MobileNetTagger,
    batches_per_epoch,
    epoch_of,
    tokens_of,
    validation_of,
    windows_of,
)
from .training_set import TrainingSet

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
    fabric: "Fabric",
    report: Callable[[str], None],
    progress: Progress,
) -> Training:
    """Choose and load the clips of a run, and write down what it is.

    Raises:
        EarmarkError: If the folder holds another run.
        CorpusError: If the data set is broken, or nothing is left to learn from.
    """
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
    return Training(
        recipe=recipe,
        folder=folder,
        fabric=fabric,
        clips=_with_negatives(clips, data.negatives, seed=recipe.seed),
        held_out=load(tuple(held), "validation clips"),
        report=report,
        progress=progress,
    )


def _with_negatives(clips: TrainingSet, count: int, *, seed: int) -> TrainingSet:
    """Return clips with made-up ones behind them that carry no tag."""
    if not count:
        return clips
    no_tags = np.zeros((count, clips.targets.shape[1]), np.float32)
    return TrainingSet(
        clips.waveforms + negative_clips(count, seed), np.concatenate([clips.targets, no_tags])
    )


def _split(
    corpus: Corpus, recipe: Recipe, folder: Path, fabric: "Fabric"
) -> tuple[list[Clip], list[Clip]]:
    """Divide clips into learned from and held out, as this run did before where it did."""
    path = folder / "held_out.json"
    if path.is_file():
        names = set(json.loads(path.read_text(encoding="utf-8")))
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
    return [clip for clip in corpus.clips if clip.path not in set_aside], held


def train(training: Training, stages: tuple[str, ...]) -> None:
    """Train the stages asked for that are not finished yet; the head comes with its calibration.

    Args:
        training: What ``prepare`` gave.
        stages: Names out of ``STAGES``, in any order.
    """
    torch.manual_seed(training.recipe.seed)
    tagger = build_tagger(training.recipe.model, training.clips.targets.shape[1])
    branches = branches_of(tagger)
    if "mobilenet" in stages or "neuralogram" in stages:
        front_end = branches["neuralogram"].front_end
        if isinstance(front_end, NeuralogramFrontEnd):
            _train_mobilenet(training, front_end)
    for name, branch in branches.items():
        if name in stages or "head" in stages:
            _train_branch(training, name, branch)
    if "head" in stages:
        _train_head(training, tagger)


def _train_mobilenet(training: Training, front_end: NeuralogramFrontEnd) -> None:
    if load_weights(training.folder, "mobilenet", front_end):
        return
    settings = training.recipe.stages["mobilenet"]
    dropout = training.recipe.model.encoder.dropout
    module = MobileNetTagger(front_end, training.clips.targets.shape[1], dropout)
    learned = _fit(training, "mobilenet", module, windows_of, is_waveform=True, settings=settings)
    front_end.load_state_dict(learned.get_submodule("front_end").state_dict())
    _keep(training, "mobilenet", front_end)


def _train_branch(training: Training, name: str, branch: Branch) -> None:
    if load_weights(training.folder, name, branch):
        return
    if name == "neuralogram":
        load_weights(training.folder, "mobilenet", branch.front_end)
    settings = training.recipe.stages[name]
    if name == "waveform":
        module = BranchOnWaveforms(branch)
        learned = _fit(training, name, module, windows_of, is_waveform=True, settings=settings)
        branch.load_state_dict(learned.get_submodule("branch").state_dict())
    else:

        def tokens(clips: TrainingSet) -> Inputs:
            return tokens_of(
                compute_features(
                    branch,
                    clips,
                    folder=training.folder / "features",
                    device=training.fabric.device,
                    progress=lambda done, total: training.progress(f"{name} features", done, total),
                )
            )

        on_tokens = BranchOnTokens(branch)
        learned = _fit(training, name, on_tokens, tokens, is_waveform=False, settings=settings)
        branch.encoder.load_state_dict(learned.get_submodule("encoder").state_dict())
        branch.classifier.load_state_dict(learned.get_submodule("classifier").state_dict())
    _keep(training, name, branch)


def _keep(training: Training, part: str, module: torch.nn.Module) -> None:
    if training.fabric.is_global_zero:
        save_weights(training.folder, part, module)
    # No process may look for the weights before they are there.
    training.fabric.barrier()


def _fit(
    training: Training,
    name: str,
    module: torch.nn.Module,
    inputs_of: Callable[[TrainingSet], Inputs],
    *,
    is_waveform: bool,
    settings: StageSettings,
) -> torch.nn.Module:
    fabric = training.fabric
    stage = Stage(
        name=name,
        module=module,
        epoch=epoch_of(
            training.clips,
            inputs_of(training.clips),
            settings,
            is_waveform=is_waveform,
            shard=fabric.global_rank,
            shards=fabric.world_size,
        ),
        batches_per_epoch=batches_per_epoch(training.clips, settings, shards=fabric.world_size),
        validate=validation_of(training.held_out, inputs_of(training.held_out), fabric.device),
        settings=settings,
    )
    return fit(
        stage,
        fabric=fabric,
        folder=training.folder,
        seed=training.recipe.seed,
        report=training.report,
    )


def _train_head(training: Training, tagger: Tagger) -> None:
    device = training.fabric.device
    tagger = tagger.to(device).eval()
    settings = training.recipe.stages["head"]
    # Thresholds are to hold where nothing sounds, too: other negatives than were learned from.
    n_negatives = round(training.recipe.data.negatives * training.recipe.data.validation_share)
    held_out = embed_windows(
        tagger,
        _with_negatives(training.held_out, n_negatives, seed=training.recipe.seed + 1),
        device=device,
        progress=lambda done, total: training.progress("validation embeddings", done, total),
    )
    if not load_weights(training.folder, "head", tagger.head):
        learned_from = mixed_embeddings(
            tagger,
            training.clips,
            settings,
            seed=training.recipe.seed,
            device=device,
            progress=lambda done, total: training.progress("embeddings", done, total),
        )
        stage = head_stage(tagger.head, learned_from, held_out, settings, device=device)
        learned = fit(
            stage,
            fabric=training.fabric,
            folder=training.folder,
            seed=training.recipe.seed,
            report=training.report,
        )
        tagger.head.load_state_dict(learned.get_submodule("head").state_dict())
        _keep(training, "head", tagger.head)
    calibration = fit_calibration(tagger.head.to(device), held_out)
    if training.fabric.is_global_zero:
        save_calibration(training.folder, calibration)
