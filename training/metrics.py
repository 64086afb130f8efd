"""Measures of tagging: pure functions of probabilities and targets, both (rows, tags)."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

Probabilities = NDArray[np.floating]
Targets = NDArray[np.floating]


def average_precisions(probabilities: Probabilities, targets: Targets) -> NDArray[np.float64]:
    """Return each tag's average precision, NaN for tags that no row carries."""
    carried = targets > 0
    return np.array(
        [
            average_precision_score(carried[:, tag], probabilities[:, tag])
            if carried[:, tag].any()
            else math.nan
            for tag in range(targets.shape[1])
        ]
    )


def mean_average_precision(probabilities: Probabilities, targets: Targets) -> float:
    """Return the macro mAP: the mean over the tags that some row carries."""
    return float(np.nanmean(average_precisions(probabilities, targets)))


def d_prime(probabilities: Probabilities, targets: Targets) -> float:
    """Return the mean sensitivity index over the tags that some rows carry and others do not.

    Source: sqrt(2) times the probit of the area under the ROC curve, as in Hershey et al. (2017).
    """
    carried = targets > 0
    areas = [
        roc_auc_score(carried[:, tag], probabilities[:, tag])
        for tag in range(targets.shape[1])
        if 0 < carried[:, tag].sum() < len(carried)
    ]
    # A perfect ranking would be infinite; half an example short of it is what the data can show.
    limit = 1 - 0.5 / len(targets)
    mean = min(max(float(np.mean(areas)), 1 - limit), limit)
    return math.sqrt(2) * NormalDist().inv_cdf(mean)


def label_ranking(probabilities: Probabilities, targets: Targets) -> tuple[float, float]:
    """Return (LRAP, lwlrap): label-ranking average precision by row, and by label.

    Rows without labels are left out.

    Source: Fonseca et al., "Audio tagging with noisy labels and minimal supervision" (2019).
    """
    carried = targets > 0
    by_row, by_label = [], []
    for scores, labels in zip(probabilities, carried, strict=True):
        if not labels.any():
            continue
        own = scores[labels]
        # Ties count against: a label's rank is the number of scores not below it.
        ranks = (scores[None] >= own[:, None]).sum(axis=1)
        hits = (own[None] >= own[:, None]).sum(axis=1)
        by_row.append((hits / ranks).mean())
        by_label.extend(hits / ranks)
    return float(np.mean(by_row)), float(np.mean(by_label))


def top_k(probabilities: Probabilities, targets: Targets, k: int) -> dict[str, float]:
    """Return three readings of "top k" for rows with several labels; rows without are left out.

    ``first_label``: the first of a row's tags is among its k best (what Keras computes);
    ``recall``: share of a row's tags among its k best; ``any_hit``: one of them is.
    """
    carried = targets > 0
    labelled = carried.any(axis=1)
    carried = carried[labelled]
    best = np.argsort(-probabilities[labelled], axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(carried, best, axis=1)
    first = carried.argmax(axis=1)
    return {
        "first_label": float((best == first[:, None]).any(axis=1).mean()),
        "recall": float((hits.sum(axis=1) / carried.sum(axis=1)).mean()),
        "any_hit": float(hits.any(axis=1).mean()),
    }


def top_1(probabilities: Probabilities, targets: Targets) -> float:
    """Return the share of labelled rows whose best tag is one of theirs."""
    return top_k(probabilities, targets, 1)["any_hit"]


def exclusive_accuracy(
    probabilities: Probabilities, class_of_row: NDArray[np.integer], tag_of_class: list[int]
) -> float:
    """Return how often the best among some tags is the row's own.

    Args:
        probabilities: (rows, tags).
        class_of_row: (rows,) index into ``tag_of_class``.
        tag_of_class: The tag that stands for each class; other tags do not compete.
    """
    chosen = probabilities[:, tag_of_class].argmax(axis=1)
    return float((chosen == class_of_row).mean())


def brier_score(probabilities: Probabilities, targets: Targets) -> float:
    """Return the mean squared difference between probabilities and 0/1 targets."""
    return float(np.mean((probabilities - (targets > 0)) ** 2))


def reliability(
    probabilities: Probabilities, targets: Targets, n_bins: int = 15
) -> NDArray[np.float64]:
    """Return what was stated and what happened, over equally wide bins of probability.

    Returns:
        (n_bins, 3): mean stated probability, share that was true, number of statements; the first
        two are NaN in bins without statements.
    """
    stated = probabilities.ravel()
    happened = (targets > 0).ravel()
    bins = np.minimum((stated * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    sums = [np.bincount(bins, weights=values, minlength=n_bins) for values in (stated, happened)]
    with np.errstate(invalid="ignore"):
        return np.stack([*(total / counts for total in sums), counts], axis=1)


def expected_calibration_error(
    probabilities: Probabilities, targets: Targets, n_bins: int = 15
) -> float:
    """Return the mean distance between stated and observed frequency, over equally wide bins.

    Source: Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning" (2015).
    """
    stated, happened, counts = reliability(probabilities, targets, n_bins).T
    return float(np.nansum(np.abs(stated - happened) * counts) / counts.sum())
