import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.evaluation.intervals import (
    Estimate,
    calibration_interval,
    f1_interval,
    percentile_interval,
    wilson,
    wilson_of_share,
)

TRIALS = st.integers(0, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CONFIDENCES = st.floats(0.5, 0.999)


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [(0.95, 153, 0.903, 0.975), (0.95, 431, 0.925, 0.967), (0.9, 10, 0.596, 0.982)],
)
def test_wilson_gives_the_published_intervals(share, n, low, high):
    estimate = wilson_of_share(share, n)
    assert estimate.low == pytest.approx(low, abs=5e-4)
    assert estimate.high == pytest.approx(high, abs=5e-4)


@given(TRIALS, CONFIDENCES)
def test_wilson_holds_its_value_and_stays_a_share(trials, confidence):
    estimate = wilson(*trials, confidence=confidence)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@given(TRIALS, CONFIDENCES)
def test_f1_interval_holds_its_value_and_stays_a_share(trials, confidence):
    hits, n = trials
    estimate = f1_interval(hits, n - hits, confidence=confidence)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_wilson_narrows_with_more_trials_and_widens_with_more_confidence():
    def width(estimate):
        return estimate.high - estimate.low

    assert width(wilson(90, 100)) > width(wilson(900, 1000))
    assert width(wilson(90, 100, confidence=0.99)) > width(wilson(90, 100))


def test_a_share_of_nothing_is_nought_and_knows_nothing():
    assert wilson(0, 0) == Estimate(0.0, 0.0, 1.0)
    assert f1_interval(0, 0) == Estimate(0.0, 0.0, 1.0)


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(ValueError, match="successes in"):
        wilson(successes, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, float("nan")])
def test_a_confidence_that_is_no_share_is_refused(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        wilson(1, 2, confidence=confidence)


def test_f1_interval_holds_the_true_f1_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    true = 2 * 0.8 / 1.8
    hits = generator.binomial(40, 0.8, size=2000)
    estimates = [f1_interval(int(hit), 40 - int(hit)) for hit in hits]
    covered = np.mean([estimate.low <= true <= estimate.high for estimate in estimates])
    assert 0.90 <= covered <= 0.98


def test_percentiles_are_widened_to_hold_the_value():
    estimate = percentile_interval(0.5, np.linspace(0.6, 0.9, 100), n=9, worst=1, confidence=0.9)
    assert estimate.low == 0.5
    assert estimate.high == pytest.approx(0.885)


def test_resamples_that_all_agree_do_not_make_a_figure_certain():
    estimate = percentile_interval(2.0, np.full(100, 2.0), n=1, worst=2.0, confidence=0.95)
    assert (estimate.value, estimate.high) == (2.0, 2.0)
    assert estimate.low < 0.5


def test_a_calibration_error_is_mirrored_against_its_bias():
    errors, none = np.linspace(0.2, 0.3, 1001), np.zeros(1001)
    estimate = calibration_interval(0.22, errors, none, n=99, confidence=0.9)
    assert estimate.low == pytest.approx(0.44 - 0.295)
    assert estimate.high == pytest.approx(0.22 + 0.25 - 0.205)
    unbiased = calibration_interval(0.27, errors, none, n=99, confidence=0.9)
    assert unbiased.high == pytest.approx(0.54 - 0.205)


def test_a_calibration_error_may_always_be_worse_than_it_came_out():
    errors = np.linspace(0.03, 0.06, 1001)
    assert calibration_interval(0.02, errors, errors, n=431, confidence=0.95).high > 0.03


def test_a_calibration_error_that_chance_explains_reaches_down_to_nought():
    errors = np.linspace(0.2, 0.3, 1001)
    assert calibration_interval(0.22, errors, errors, n=99, confidence=0.9).low == 0


def test_an_estimate_reads_well_and_serialises():
    estimate = Estimate(0.905, 0.874, 0.929)
    assert str(estimate) == "0.905 [0.874, 0.929]"
    assert estimate.to_json() == {"value": 0.905, "low": 0.874, "high": 0.929}
