import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from headstart.evaluation import judge
from headstart.evaluation.reliability import adaptive_bins, adaptive_edges, reliability_curve

CONFIDENCES = arrays.arrays(np.float64, st.integers(1, 80), elements=st.floats(0, 1))


def binary(confidence):
    return np.column_stack([confidence, 1 - confidence])


def test_adaptive_bins_hold_equally_many_images_where_equal_widths_hold_nearly_all():
    rng = np.random.default_rng(0)
    probabilities = binary(1 - 0.2 * rng.random(600) ** 3)
    targets = (rng.random(600) > probabilities[:, 0]).astype(np.int64)
    wide = reliability_curve(probabilities, targets)
    even = reliability_curve(probabilities, targets, adaptive=True)
    assert max(b.count for b in wide) > 380
    assert {b.count for b in even} == {40}
    assert even[0].low == 0
    assert even[-1].high == 1
    for one in even:
        assert one.low < one.confidence <= one.high


@settings(max_examples=40)
@given(CONFIDENCES, st.integers(1, 20))
def test_every_confidence_is_in_one_adaptive_bin_and_equal_ones_in_the_same(confidence, bins):
    edges = adaptive_edges(confidence, bins)
    index = adaptive_bins(confidence, edges)
    assert edges[0] == 0
    assert edges[-1] == 1
    assert len(edges) <= bins + 1
    assert ((edges[index] < confidence) | (confidence == 0)).all()
    assert (confidence <= edges[index + 1]).all()


def test_errors_of_both_kinds_of_bins_are_judged_with_room_above():
    rng = np.random.default_rng(1)
    probabilities = binary(0.6 + 0.4 * rng.random(431))
    targets = (rng.random(431) > probabilities[:, 0]).astype(np.int64)
    metrics = judge(probabilities, targets, classes=["a", "b"], resamples=200).metrics
    for name in ("ece", "ece_adaptive"):
        assert metrics[name].low == 0  # honest
        assert metrics[name].high > metrics[name].value + 0.005
    gaps = reliability_curve(probabilities, targets, adaptive=True)
    error = sum(b.count * abs(b.confidence - b.accuracy) for b in gaps) / 431
    assert metrics["ece_adaptive"].value == pytest.approx(error)
