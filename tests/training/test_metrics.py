import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import label_ranking_average_precision_score

from earmark.training import metrics

SCORES = np.array([[0.9, 0.1, 0.2], [0.3, 0.8, 0.7], [0.2, 0.6, 0.5]])
TRUTH = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])


def test_average_precision_of_a_hand_computed_example() -> None:
    # Tag 0: ranked rows 0 (true), 1 (false), 2 (true): mean of 1/1 and 2/3.
    found = metrics.average_precisions(SCORES, TRUTH)
    assert found.tolist() == pytest.approx([5 / 6, 1 / 2, 1.0])
    assert metrics.mean_average_precision(SCORES, TRUTH) == pytest.approx(np.mean([5 / 6, 0.5, 1]))


def test_tags_that_nobody_carries_do_not_count() -> None:
    truth = TRUTH.copy()
    truth[:, 1] = 0
    assert np.isnan(metrics.average_precisions(SCORES, truth)[1])
    assert metrics.mean_average_precision(SCORES, truth) == pytest.approx(np.mean([5 / 6, 1.0]))


def test_three_readings_of_top_k() -> None:
    found = metrics.top_k(SCORES, TRUTH, 1)
    # Row 2 carries tags 0 and 1; its best is 1, not its first label.
    assert found == {
        "first_label": pytest.approx(1 / 3),
        "recall": pytest.approx((1 + 0 + 0.5) / 3),
        "any_hit": pytest.approx(2 / 3),
    }
    assert metrics.top_1(SCORES, TRUTH) == pytest.approx(2 / 3)
    assert set(metrics.top_k(SCORES, TRUTH, 3).values()) == {1.0}


def test_rows_without_labels_are_left_out_of_rankings() -> None:
    scores, truth = np.vstack([SCORES, [0.5, 0.5, 0.5]]), np.vstack([TRUTH, [0, 0, 0]])
    assert metrics.top_k(scores, truth, 2) == metrics.top_k(SCORES, TRUTH, 2)
    assert metrics.label_ranking(scores, truth) == metrics.label_ranking(SCORES, TRUTH)


def test_lwlrap_weighs_labels_and_lrap_rows() -> None:
    lrap, lwlrap = metrics.label_ranking(SCORES, TRUTH)
    # Precisions at the labels: row 0: 1; row 1: 1/2; row 2: tag 1 at 1, tag 0 at 2/3.
    assert lrap == pytest.approx(np.mean([1, 0.5, np.mean([1, 2 / 3])]))
    assert lwlrap == pytest.approx(np.mean([1, 0.5, 1, 2 / 3]))


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10_000))
def test_lrap_equals_scikit_learns(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.random((12, 6)).round(1)  # with ties
    truth = (generator.random((12, 6)) < 0.3).astype(float)
    truth[truth.sum(axis=1) == 0, 0] = 1
    wanted = label_ranking_average_precision_score(truth, scores)
    assert metrics.label_ranking(scores, truth)[0] == pytest.approx(wanted)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 10_000))
def test_monotone_change_of_all_scores_changes_no_ranking(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.random((20, 5))
    truth = (generator.random((20, 5)) < 0.4).astype(float)
    truth[0], truth[1] = 1, 0
    bent = np.log(scores + 0.1) * 3 - 1
    for measure in (metrics.mean_average_precision, metrics.d_prime, metrics.label_ranking):
        assert measure(scores, truth) == pytest.approx(measure(bent, truth))
    assert metrics.top_k(scores, truth, 2) == metrics.top_k(bent, truth, 2)


def test_d_prime_of_two_normal_distributions_is_their_distance() -> None:
    generator = np.random.default_rng(0)
    scores = np.concatenate([generator.normal(0, 1, 20_000), generator.normal(1.5, 1, 20_000)])
    truth = np.repeat([0.0, 1.0], 20_000)
    assert metrics.d_prime(scores[:, None], truth[:, None]) == pytest.approx(1.5, abs=0.03)


def test_d_prime_of_a_perfect_ranking_is_finite() -> None:
    assert 0 < metrics.d_prime(TRUTH, TRUTH) < 10


def test_only_the_tags_of_classes_compete() -> None:
    scores = np.array([[0.2, 0.9, 0.1], [0.3, 0.9, 0.4]])
    assert metrics.exclusive_accuracy(scores, np.array([0, 1]), [0, 2]) == 1.0
    assert metrics.exclusive_accuracy(scores, np.array([1, 1]), [0, 2]) == 0.5


def test_honest_probabilities_are_calibrated_and_bold_ones_are_not() -> None:
    generator = np.random.default_rng(0)
    stated = generator.random((20_000, 1))
    happened = (generator.random((20_000, 1)) < stated).astype(float)
    assert metrics.expected_calibration_error(stated, happened) < 0.02
    bold = np.where(stated > 0.5, 0.99, 0.01)
    assert metrics.expected_calibration_error(bold, happened) > 0.2
    assert metrics.brier_score(stated, happened) < metrics.brier_score(bold, happened)


def test_brier_score_of_certainty_is_zero() -> None:
    assert metrics.brier_score(TRUTH, TRUTH) == 0


def test_bins_of_reliability_hold_every_statement_once() -> None:
    generator = np.random.default_rng(1)
    stated = generator.random((500, 2))
    happened = (generator.random((500, 2)) < stated).astype(float)
    bins = metrics.reliability(stated, happened, n_bins=5)
    assert bins[:, 2].sum() == 1_000
    assert bins[:, 0] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9], abs=0.03)
    assert bins[:, 1] == pytest.approx(bins[:, 0], abs=0.12)
    empty = metrics.reliability(np.full((4, 1), 0.05), np.ones((4, 1)), n_bins=5)
    assert np.isnan(empty[1:, :2]).all()
    assert metrics.expected_calibration_error(np.full((4, 1), 0.05), np.ones((4, 1))) == 0.95
