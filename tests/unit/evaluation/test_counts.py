import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as oracle

from headstart.evaluation.counts import ClassCounts, confusion_matrix, ratio

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@given(PAIRS)
def test_confusion_has_true_classes_in_rows(pairs):
    predictions, targets = np.array(pairs).T
    ours = confusion_matrix(predictions, targets, classes=5)
    np.testing.assert_array_equal(ours, oracle(targets, predictions, labels=range(5)))


def test_counts_tell_images_of_a_class_from_images_taken_for_it():
    counts = ClassCounts.of(np.array([[3, 1, 0], [0, 2, 0], [2, 0, 0]]))
    assert counts.hits.tolist() == [3, 2, 0]
    assert counts.support.tolist() == [4, 2, 2]
    assert counts.predicted.tolist() == [5, 3, 0]
    assert counts.occurs.all()


def test_a_class_that_does_not_occur_scores_nought_without_a_warning():
    counts = ClassCounts.of_predictions(np.array([0]), np.array([0]), classes=2)
    assert counts.precision.tolist() == counts.recall.tolist() == counts.f1.tolist() == [1, 0]
    assert counts.occurs.tolist() == [True, False]


def test_ratios_broadcast():
    assert ratio([[2, 4]], [[2], [0]]).tolist() == [[1, 2], [0, 0]]
