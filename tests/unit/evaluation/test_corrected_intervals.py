"""Intervals that hold the truth as often as they say where figures are skewed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from headstart.evaluation.corrected_intervals import count_interval, mean_interval
from headstart.evaluation.counts import ClassCounts, Floats


def found(counts: ClassCounts) -> Floats:
    """Share of images that were found: one class weighs as another."""
    return counts.recall.mean(axis=-1)


def test_the_mean_of_skewed_losses_is_held_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth, covered, plain = 0.2, [], []
    for _ in range(500):
        losses = rng.gamma(0.2, size=60)
        estimate = mean_interval(losses, worst=1e6, confidence=0.95)
        assert estimate is not None
        covered.append(estimate.low <= truth <= estimate.high)
        reach = 1.96 * losses.std(ddof=1) / np.sqrt(60)
        plain.append(abs(losses.mean() - truth) <= reach)
    assert np.mean(covered) > np.mean(plain) + 0.02
    assert np.mean(covered) >= 0.92


def test_of_values_without_skewness_it_is_the_textbook_interval() -> None:
    values = np.tile([1.0, 2.0, 3.0], 100)
    estimate = mean_interval(values, worst=10, confidence=0.95)
    assert estimate is not None
    reach = 1.96 * values.std(ddof=1) / np.sqrt(300)
    assert estimate.high - estimate.value == pytest.approx(reach, rel=1e-3)
    assert estimate.value - estimate.low == pytest.approx(reach, rel=1e-3)


@given(st.lists(st.floats(0, 36), min_size=1, max_size=40), st.floats(0.5, 0.999))
def test_it_holds_its_value_within_bounds(values: list[float], confidence: float) -> None:
    estimate = mean_interval(np.array(values), worst=36.0, confidence=confidence)
    if estimate is not None:
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 36


def test_values_that_do_not_differ_say_nothing() -> None:
    assert mean_interval(np.full(9, 0.3), worst=1.0, confidence=0.95) is None
    assert mean_interval(np.array([0.3]), worst=1.0, confidence=0.95) is None


def test_moved_percentiles_are_scipys() -> None:
    rng = np.random.default_rng(1)
    targets = np.repeat([0, 1], 40)
    predictions = np.where(rng.random(80) < 0.12, 1 - targets, targets)

    def balanced(rows: np.ndarray, axis: int = -1) -> np.ndarray:
        hits = predictions[rows] == targets[rows]
        shares = [np.where(targets[rows] == k, hits, np.nan) for k in (0, 1)]
        return np.mean([np.nanmean(it, axis=axis) for it in shares], axis=0)

    wanted = stats.bootstrap(
        (np.arange(80),), balanced, n_resamples=4000, method="BCa", rng=np.random.default_rng(2)
    )
    own = count_interval(
        found, predictions, targets, wanted.bootstrap_distribution, classes=2, confidence=0.95
    )
    assert own.low == pytest.approx(wanted.confidence_interval.low, abs=1e-3)
    assert own.high == pytest.approx(wanted.confidence_interval.high, abs=1e-3)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_a_share_stays_one(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    predictions, targets = rng.integers(3, size=(2, n))
    replicates = rng.random(50)
    own = count_interval(found, predictions, targets, replicates, classes=3, confidence=0.9)
    assert 0 <= own.low <= own.value <= own.high <= 1


def test_very_many_cells_get_plain_percentiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.evaluation.corrected_intervals._MOST_NUMBERS", 1)
    replicates = np.linspace(0.2, 1.0, 101)
    own = count_interval(
        *(found, np.array([0, 1, 1]), np.array([0, 0, 1]), replicates), classes=2, confidence=0.9
    )
    assert (own.low, own.high) == (pytest.approx(0.24), pytest.approx(0.96))
