import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from headstart.evaluation import metrics
from headstart.evaluation.calibration import softmax
from headstart.evaluation.counts import ClassCounts

SEEDS = st.integers(0, 2**31)


def answers(seed, *, classes=7, most=80):
    """Random answers in which some classes are often absent or never predicted."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(1, most))
    logits = generator.normal(size=(n, classes)) * 3 + generator.normal(size=classes) * 4
    targets = generator.integers(generator.integers(1, classes + 1), size=n)
    return softmax(logits), targets


@given(SEEDS)
def test_figures_of_decisions_equal_scikit_learns(seed):
    probabilities, targets = answers(seed)
    guesses = probabilities.argmax(axis=1)
    counts = ClassCounts.of_predictions(guesses, targets, classes=7)
    for name in ("macro", "weighted"):
        expected = oracle.f1_score(targets, guesses, average=name, zero_division=0)
        assert float(getattr(metrics, f"f1_{name}")(counts)) == pytest.approx(expected, abs=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        expected = oracle.balanced_accuracy_score(targets, guesses)
    assert float(metrics.balanced_accuracy(counts)) == pytest.approx(expected, abs=1e-9)
    expected = oracle.accuracy_score(targets, guesses)
    assert metrics.accuracy(probabilities, targets) == pytest.approx(expected, abs=1e-9)


@given(SEEDS)
def test_scores_per_class_equal_scikit_learns(seed):
    probabilities, targets = answers(seed)
    guesses = probabilities.argmax(axis=1)
    counts = ClassCounts.of_predictions(guesses, targets, classes=7)
    expected = oracle.precision_recall_fscore_support(
        targets, guesses, labels=range(7), zero_division=0
    )
    for ours, theirs in zip(
        (counts.precision, counts.recall, counts.f1, counts.support), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)


@given(SEEDS)
def test_figures_of_probabilities_equal_scikit_learns(seed):
    probabilities, targets = answers(seed)
    expected = oracle.log_loss(targets, probabilities, labels=range(7))
    assert metrics.nll(probabilities, targets) == pytest.approx(expected, abs=1e-9)
    expected = oracle.brier_score_loss(targets, probabilities, labels=range(7), scale_by_half=False)
    assert metrics.brier(probabilities, targets) == pytest.approx(expected, abs=1e-9)
    expected = oracle.top_k_accuracy_score(targets, probabilities, k=5, labels=range(7))
    assert metrics.top_k_accuracy(probabilities, targets) == pytest.approx(expected, abs=1e-9)


@given(SEEDS)
def test_the_most_probable_is_the_first_of_the_top_k(seed):
    probabilities, targets = np.round(answers(seed)[0], 1), answers(seed)[1]
    assert metrics.top_k_accuracy(probabilities, targets, k=1) == metrics.accuracy(
        probabilities, targets
    )


def test_a_certain_mistake_costs_much_but_not_infinitely():
    probabilities, targets = np.array([[1.0, 0.0]]), np.array([1])
    assert 30 < metrics.nll(probabilities, targets) < 40
    assert metrics.brier(probabilities, targets) == 2.0
    assert metrics.ece(probabilities, targets) == 1.0


def test_ece_is_the_weighted_gap_between_confidence_and_accuracy():
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    targets = np.array([0, 1, 1, 1])
    assert metrics.ece(probabilities, targets) == pytest.approx((0.4 + 0.4) / 2)


def test_figures_work_on_many_samples_at_once():
    one = ClassCounts.of(np.array([[3, 1], [0, 2]]))
    both = ClassCounts(*(np.stack([x, x]) for x in (one.hits, one.support, one.predicted)))
    for figure in (metrics.f1_macro, metrics.f1_weighted, metrics.balanced_accuracy):
        np.testing.assert_array_equal(figure(both), [figure(one)] * 2)
