"""A whole training: the stages of a recipe one after the other, each resumable."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from earmark.models.branch import Branch
from earmark.models.frontends.neuralogram import NeuralogramFrontEnd
from earmark.models.tagger import Tagger, branches_of, build_tagger

from ..data.training_set import TrainingSet
from ..recipe import StageSettings
from ..run_folder import load_weights, save_calibration, save_weights
from .calibrate import fit_calibration
from .embeddings import Embeddings, embed_windows, mixed_embeddings
from .features import compute_features
from .head_stage import head_stage
from .joint_stage import JointTagger, joint_loss
from .loop import LossOf, Stage, fit
from .losses import Objective
from .preparation import Training, only_negatives
from .stages import (
    END_TO_END,
    BranchTagger,
    Inputs,
    MobileNetTagger,
    batches_per_epoch,
    epoch_of,
    own_and_linear,
    tokens_of,
    validation_of,
    windows_of,
)
from .start import begin_with

# Made-up clips that thresholds are to stand above, for each that was learned from: alarms are rare,
# and rare things want many to be seen.
_CALIBRATED_ON = 4


def train(training: Training, stages: tuple[str, ...]) -> None:
    """Train the stages asked for that are not finished yet; the head comes with its calibration.

    Args:
        training: What ``prepare`` gave.
        stages: Names out of ``STAGES``, in any order.
    """
    torch.manual_seed(training.recipe.seed)
    tagger = build_tagger(training.recipe.model, training.clips.n_tags)
    if training.start is not None:
        begin_with(tagger, training.start, training.vocabulary)
    branches = branches_of(tagger)
    if "mobilenet" in stages or "neuralogram" in stages:
        front_end = branches["neuralogram"].front_end
        if isinstance(front_end, NeuralogramFrontEnd):
            _train_mobilenet(training, front_end)
    is_joint = "joint" in training.recipe.stages and not {"joint", "head"}.isdisjoint(stages)
    for name, branch in branches.items():
        if name in stages or "head" in stages or is_joint:
            _train_branch(training, name, branch)
    if is_joint:
        _train_jointly(training, tagger)
    if "head" in stages:
        _train_head(training, tagger)


def _train_mobilenet(training: Training, front_end: NeuralogramFrontEnd) -> None:
    if load_weights(training.folder, "mobilenet", front_end):
        return
    settings = training.recipe.stages["mobilenet"]
    dropout = training.recipe.model.encoder.dropout
    module = MobileNetTagger(
        front_end,
        training.clips.n_tags,
        dropout=dropout,
        masking=settings.masking,
        image_chunks=settings.image_chunks,
        n_projected=_n_projected(training, settings),
    )
    learned = _fit(training, "mobilenet", module, windows_of, is_waveform=True)
    front_end.load_state_dict(learned.get_submodule("front_end").state_dict())
    _keep(training, "mobilenet", front_end)


def _train_branch(training: Training, name: str, branch: Branch) -> None:
    if load_weights(training.folder, name, branch):
        return
    if name == "neuralogram":
        load_weights(training.folder, "mobilenet", branch.front_end)
    settings = training.recipe.stages[name]
    learns_front_end = name in END_TO_END

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

    # Tokens of a front end that does not learn can be kept, but only sounds can be mixed.
    is_waveform = learns_front_end or settings.mix_sounds
    module = BranchTagger(
        branch,
        training.clips.n_tags,
        masking=settings.masking,
        learns_front_end=learns_front_end,
        n_projected=_n_projected(training, settings),
    )
    inputs = windows_of if is_waveform else tokens
    learned = _fit(training, name, module, inputs, is_waveform=is_waveform)
    branch.load_state_dict(learned.get_submodule("branch").state_dict())
    _keep(training, name, branch)


def _train_jointly(training: Training, tagger: Tagger) -> None:
    # The head's weights are kept last: they say that all parts have been.
    if load_weights(training.folder, "joint", tagger.head):
        return
    settings = training.recipe.stages["joint"]
    learned = _fit(
        training,
        "joint",
        JointTagger(tagger),
        windows_of,
        is_waveform=True,
        loss=joint_loss(settings, training.clips.n_tags),
        answers=lambda answers: {"map": answers.combined},
    )
    tagger.load_state_dict(learned.get_submodule("tagger").state_dict())
    for name, branch in branches_of(tagger).items():
        _keep(training, name, branch)
    _keep(training, "joint", tagger.head)


def _n_projected(training: Training, settings: StageSettings) -> int:
    teacher = training.clips.teacher
    is_needed = settings.regularization and settings.regularizer == "projection"
    return teacher.features.shape[1] if teacher and is_needed else 0


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
    loss: LossOf | None = None,
    answers: Callable[[Any], dict[str, Tensor]] = own_and_linear,
) -> torch.nn.Module:
    fabric, settings = training.fabric, training.recipe.stages[name]
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
        loss=loss or Objective(settings, training.clips.n_tags),
        validate=validation_of(
            training.held_out, inputs_of(training.held_out), fabric.device, answers
        ),
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

    def embedded(clips: TrainingSet, what: str) -> Embeddings:
        return embed_windows(
            tagger,
            clips,
            device=device,
            progress=lambda done, total: training.progress(what, done, total),
        )

    held_out = embedded(training.held_out, "validation embeddings")
    if not load_weights(training.folder, "head", tagger.head):
        if training.head_clips is not None:
            learned_from = embedded(training.head_clips, "embeddings")
        else:
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
    # Thresholds are to hold where nothing sounds, too: other negatives than were learned from.
    negatives = embedded(
        only_negatives(
            max(8, _CALIBRATED_ON * training.recipe.data.negatives),
            training.clips.n_tags,
            training.recipe.seed + 1,
        ),
        "negatives",
    )
    believed = embedded(training.calibrated_on, "calibration embeddings")
    calibration = fit_calibration(tagger.head.to(device), believed, negatives)
    if training.fabric.is_global_zero:
        save_calibration(training.folder, calibration)
