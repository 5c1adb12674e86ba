import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.evaluation.calibration import (
    TEMPERATURE_BOUNDS,
    fit_temperature,
    reliability_curve,
    softmax,
)
from headstart.evaluation.metrics import nll
from headstart.evaluation.reliability import CALIBRATION_BINS, errors_by_chance


def honest_logits(n=4000, classes=5, seed=0):
    """Logits whose softmax is exactly the chance of each class."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n, classes)) * 2
    passed = softmax(logits).cumsum(axis=1) > generator.random((n, 1))
    return logits, passed.argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7, 6.0])
def test_a_known_temperature_is_recovered(temperature):
    logits, targets = honest_logits()
    assert fit_temperature(logits * temperature, targets) == pytest.approx(temperature, rel=0.06)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_no_other_temperature_within_the_bounds_is_likelier(seed, scale):
    logits, targets = honest_logits(n=30, seed=seed)
    logits = logits * scale
    fitted = fit_temperature(logits, targets)
    best = nll(softmax(logits, fitted), targets)
    assert TEMPERATURE_BOUNDS[0] <= fitted <= TEMPERATURE_BOUNDS[1]
    for other in np.geomspace(*TEMPERATURE_BOUNDS, 60):
        assert best <= nll(softmax(logits, float(other)), targets) + 1e-7


def test_calibration_changes_no_decision():
    logits, targets = honest_logits(n=200)
    calibrated = softmax(logits * 3, fit_temperature(logits * 3, targets))
    np.testing.assert_array_equal(calibrated.argmax(axis=1), logits.argmax(axis=1))


def test_perfect_answers_stop_at_the_lower_bound():
    assert fit_temperature(np.eye(3), np.arange(3)) == TEMPERATURE_BOUNDS[0]


def test_hopeless_answers_stop_at_the_upper_bound():
    assert fit_temperature(np.eye(2) * 9, [1, 0]) == pytest.approx(TEMPERATURE_BOUNDS[1], rel=1e-6)


@pytest.mark.parametrize(
    ("logits", "targets"),
    [(np.empty((0, 3)), []), ([], []), (np.zeros((4, 3)), [0, 1, 2, 0])],
)
def test_answers_that_say_nothing_leave_the_temperature_alone(logits, targets):
    assert fit_temperature(logits, targets) == 1.0


def test_huge_logits_do_not_overflow():
    assert np.isfinite(fit_temperature([[1e30, 0.0], [0.0, 1e30]], [0, 1]))
    assert 0 < fit_temperature([[1e5, 0.0], [0.0, 1e5], [1e5, 0.0]], [0, 1, 1]) <= 20


@pytest.mark.parametrize(
    ("logits", "targets", "said"),
    [
        (np.zeros((3, 2)), [0, 1], "shape"),
        (np.zeros(3), [0, 1, 1], "shape"),
        ([[np.nan, 0.0]], [0], "NaN"),
        ([[np.inf, 0.0]], [0], "infinite"),
    ],
)
def test_bad_input_is_refused(logits, targets, said):
    with pytest.raises(ValueError, match=said):
        fit_temperature(logits, targets)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.floats(0.05, 20))
def test_softmax_is_a_distribution_in_the_order_of_the_logits(logits, temperature):
    shares = softmax(logits, temperature)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    assert (np.diff(shares[np.argsort(logits)]) >= 0).all()


def test_softmax_takes_any_shape_and_float32():
    assert softmax(np.zeros((2, 3, 4), np.float32)).tolist() == np.full((2, 3, 4), 0.25).tolist()


@pytest.mark.parametrize("temperature", [0, -1, float("nan")])
def test_softmax_refuses_a_temperature_that_is_not_above_nought(temperature):
    with pytest.raises(ValueError, match="above 0"):
        softmax([0.0, 1.0], temperature)


def test_the_curve_of_honest_answers_is_the_diagonal():
    logits, targets = honest_logits(n=20_000)
    curve = reliability_curve(softmax(logits), targets)
    assert sum(part.count for part in curve) == len(targets)
    for part in curve:
        assert part.low < part.confidence <= part.high
        noise = 4 * (part.confidence * (1 - part.confidence) / part.count) ** 0.5
        assert part.accuracy == pytest.approx(part.confidence, abs=noise)


def test_empty_bins_are_left_out_and_the_ends_belong_somewhere():
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5]])
    curve = reliability_curve(probabilities, np.array([0, 1]), bins=10)
    assert [(part.low, part.high, part.accuracy) for part in curve] == [(0.4, 0.5, 0), (0.9, 1, 1)]


def test_chance_alone_makes_errors_that_shrink_with_more_images():
    few, many = (
        errors_by_chance(np.full(n, 0.7), resamples=200, seed=0).mean() for n in (50, 5000)
    )
    assert few == pytest.approx(10 * many)
    assert CALIBRATION_BINS == 15
