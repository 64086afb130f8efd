"""The measures of a model on clips it was not trained on, as one nested table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earmark.models.config import BRANCH_NAMES
from earmark.models.heads import N_SUBSETS, subset_members
from earmark.models.vocabulary import TagVocabulary

from ..data.corpus import Clip
from ..metrics import (
    average_precisions,
    brier_score,
    d_prime,
    exclusive_accuracy,
    expected_calibration_error,
    label_ranking,
    mean_average_precision,
    reliability,
    top_1,
    top_k,
)
from .alarms import Alarms
from .combination import Combination, measure_combination
from .confusions import Confusion, confusions
from .predictions import Predictions

Figures = dict[str, float]

#: Epochs of a stage, each with its figures.
Curve = list[dict[str, float]]

_CONFUSIONS_SHOWN = 20


@dataclass(frozen=True)
class Protocol:
    """What is measured on what.

    Args:
        corpus: Name of the data set.
        folds: That the clips are of.
        clips: Their number.
        windows: Number of windows.
        tags: Number of tags that are measured.
        minimum_clips: Test clips that a tag needs to be measured.
    """

    corpus: str
    folds: tuple[str, ...]
    clips: int
    windows: int
    tags: int
    minimum_clips: int


@dataclass(frozen=True)
class CalibrationFigures:
    """How far stated probabilities can be trusted.

    Args:
        brier: Mean squared distance from what happened.
        error: Expected calibration error over 15 bins.
        bins: For each bin that is not empty: mean stated, share that happened, number.
    """

    brier: float
    error: float
    bins: list[list[float]]


@dataclass(frozen=True)
class Beyond:
    """What is measured beyond the clips of the folds as they are; empty parts were not measured.

    Args:
        others: Clips of other collections, by source; figures as ``measure_sources`` gives them.
        robustness: Macro mAP of clips under deformations, of all four and of each branch.
        curves: Of each stage of the training.
    """

    others: dict[str, dict[str, float | str]]
    robustness: dict[str, Figures]
    curves: dict[str, Curve]


@dataclass(frozen=True)
class Report:
    """All measures of one model.

    Args:
        model: Its name.
        protocol: What was measured on what.
        clips: Measures of the combined model, a clip being the mean of its windows.
        windows: The same for windows, each judged by its clip's labels.
        branches: Measures of each branch by its own classifier, for clips.
        subsets: Measures of the head of each subset, for clips; keys like ``pitch + timbre``.
        tags: For each measured tag its average precision and number of test clips.
        classes: Accuracy among exclusive classes, for clips and windows; empty without any.
        calibration: Brier score and expected calibration error of windows, before calibration and
            after it, and the bins of both: stated, happened, how often.
        alarms: What each kind of sound that is none raises at the shipped thresholds.
        combination: All four beside the best of them.
        confusions: What is taken for what, the commonest first.
        beyond: Other collections, spoiled sound, how it was learned.
    """

    model: str
    protocol: Protocol
    clips: Figures
    windows: Figures
    branches: dict[str, Figures]
    subsets: dict[str, Figures]
    tags: dict[str, Figures]
    classes: Figures
    calibration: dict[str, CalibrationFigures]
    alarms: dict[str, Alarms]
    combination: Combination
    confusions: list[Confusion]
    beyond: Beyond


def measure(probabilities: NDArray[np.float32], targets: NDArray[np.float32]) -> Figures:
    """Return the measures of (rows, tags), as percentages where a share is meant."""
    lrap, lwlrap = label_ranking(probabilities, targets)
    top_5, top_3 = top_k(probabilities, targets, 5), top_k(probabilities, targets, 3)
    return {
        "map": 100 * mean_average_precision(probabilities, targets),
        "d_prime": d_prime(probabilities, targets),
        "lrap": 100 * lrap,
        "lwlrap": 100 * lwlrap,
        "top_1": 100 * top_1(probabilities, targets),
        "top_3_any_hit": 100 * top_3["any_hit"],
        **{f"top_5_{name}": 100 * value for name, value in top_5.items()},
    }


def build_report(
    model: str,
    corpus: str,
    folds: tuple[str, ...],
    clips: Sequence[Clip],
    targets: NDArray[np.float32],
    vocabulary: TagVocabulary,
    predictions: Predictions,
    *,
    minimum_clips: int,
    alarms: dict[str, Alarms],
    beyond: Beyond,
) -> Report:
    """Measure predictions.

    Args:
        model: Its name.
        corpus: Name of the data set.
        folds: That the clips are of.
        clips: Measured on.
        targets: (clips, tags).
        vocabulary: Names of the tags.
        predictions: Of all windows of the clips.
        minimum_clips: Tags with fewer clips are not measured, nor do they compete.
        alarms: What was measured on sounds that are none.
        beyond: What was measured beyond these clips.
    """
    measured = np.flatnonzero(targets.sum(axis=0) >= minimum_clips)
    kept = targets[:, measured]
    windows = predictions.subsets[-1][:, measured]

    def clip_figures(probabilities: NDArray[np.float32]) -> Figures:
        return measure(predictions.clip_means(probabilities)[:, measured], kept)

    combined = predictions.clip_means(predictions.subsets[-1])
    window_targets = kept[predictions.clips]
    precisions = average_precisions(combined[:, measured], kept)
    return Report(
        model=model,
        protocol=Protocol(
            corpus=corpus,
            folds=folds,
            clips=len(clips),
            windows=len(predictions.clips),
            tags=len(measured),
            minimum_clips=minimum_clips,
        ),
        clips=clip_figures(predictions.subsets[-1]),
        windows=measure(windows, window_targets),
        branches={
            name: clip_figures(predictions.branches[:, i]) for i, name in enumerate(BRANCH_NAMES)
        },
        subsets={
            subset_name(subset): clip_figures(predictions.subsets[subset])
            for subset in sorted(range(N_SUBSETS), key=lambda s: (sum(subset_members(s)), s))
        },
        tags={
            vocabulary.names[tag]: {"ap": 100 * precision, "clips": float(count)}
            for tag, precision, count in zip(
                measured.tolist(), precisions.tolist(), kept.sum(axis=0).tolist(), strict=True
            )
        },
        classes=_class_figures(clips, vocabulary, predictions),
        calibration={
            "before": _calibration_figures(predictions.uncalibrated[:, measured], window_targets),
            "after": _calibration_figures(windows, window_targets),
        },
        alarms=alarms,
        combination=measure_combination(predictions, measured, kept),
        confusions=confusions(
            combined[:, measured], kept, [vocabulary.names[tag] for tag in measured]
        )[:_CONFUSIONS_SHOWN],
        beyond=beyond,
    )


def _calibration_figures(
    probabilities: NDArray[np.float32], targets: NDArray[np.float32]
) -> CalibrationFigures:
    bins = reliability(probabilities, targets)
    return CalibrationFigures(
        brier=brier_score(probabilities, targets),
        error=expected_calibration_error(probabilities, targets),
        bins=bins[bins[:, 2] > 0].tolist(),
    )


def subset_name(subset: int) -> str:
    """Return the names of a subset's branches, joined."""
    members = zip(BRANCH_NAMES, subset_members(subset), strict=True)
    return " + ".join(name for name, is_member in members if is_member)


def _class_figures(
    clips: Sequence[Clip], vocabulary: TagVocabulary, predictions: Predictions
) -> Figures:
    tag_of_class = class_tags(clips, vocabulary)
    if len(tag_of_class) < 2:
        return {}
    names = list(tag_of_class)
    tags = list(tag_of_class.values())
    own = np.array(
        [names.index(c.exclusive_class) if c.exclusive_class in names else -1 for c in clips]
    )
    windows = predictions.subsets[-1]
    has_class = own >= 0
    in_class = has_class[predictions.clips]
    return {
        "classes": float(len(names)),
        "clips": float(has_class.sum()),
        "clip_top_1": 100
        * exclusive_accuracy(predictions.clip_means(windows)[has_class], own[has_class], tags),
        "window_top_1": 100
        * exclusive_accuracy(windows[in_class], own[predictions.clips][in_class], tags),
    }


def class_tags(clips: Sequence[Clip], vocabulary: TagVocabulary) -> dict[str, int]:
    """Return the tag that stands for each exclusive class of the clips.

    It is the rarest of the tags that all of a class's clips carry, among equally rare ones the one
    that is named most alike. No two classes share a tag; classes without one are left out.
    """
    count = Counter(label for clip in clips for label in clip.labels)
    shared: dict[str, set[str]] = {}
    for clip in clips:
        if clip.exclusive_class:
            labels = shared.setdefault(clip.exclusive_class, set(clip.labels))
            labels &= set(clip.labels)
    chosen: dict[str, int] = {}
    for name, labels in sorted(shared.items()):
        words = set(name.lower().split("_"))

        def preference(tag: str, words: set[str] = words) -> tuple[int, int]:
            return count[tag], -len(words & set(tag.lower().split("_")))

        known = sorted((label for label in labels if label in vocabulary), key=preference)
        free = [vocabulary.index_of(tag) for tag in known]
        free = [tag for tag in free if tag not in chosen.values()]
        if free:
            chosen[name] = free[0]
    return chosen
