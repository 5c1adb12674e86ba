from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.evaluation.power_law import PowerLaws, fit_power_laws, weigh_power_laws

SIZES = 1600 / 2.0 ** np.arange(6)[::-1]


def errors(rate: float, floor: float, last: float, sizes: np.ndarray = SIZES) -> np.ndarray:
    """A true law: its error at 1,600 images, and the share of it that stays."""
    return last * (floor + (1 - floor) * (sizes / 1600) ** -rate)


def fitted(values: np.ndarray, deviation: float, sizes: np.ndarray = SIZES) -> PowerLaws:
    return fit_power_laws(sizes, values, np.eye(len(sizes)) * deviation**2)


@pytest.mark.parametrize(("rate", "floor"), [(0.35, 0.0), (0.5, 0.4), (0.8, 0.6)])
def test_a_law_without_noise_is_found(rate: float, floor: float) -> None:
    laws = fitted(errors(rate, floor, 0.1), 5e-4)
    now, doubled = errors(rate, floor, 0.1, np.array([2000.0, 4000.0]))
    gain = laws.gain(2000, 4000)
    assert gain.value == pytest.approx(now - doubled, abs=1e-3)
    assert gain.high - gain.low < 4e-3
    assert laws.error(2000).value == pytest.approx(now, abs=1e-3)
    assert laws.rate == pytest.approx(rate, rel=0.2)


@pytest.mark.parametrize(
    ("rate", "floor", "last"), [(0.3, 0.0, 0.1), (0.5, 0.4, 0.1), (0.25, 0.2, 0.3), (1, 0.5, 0.04)]
)
def test_intervals_hold_the_truth(rate: float, floor: float, last: float) -> None:
    rng = np.random.default_rng(0)
    truth = errors(rate, floor, last)
    now, doubled = errors(rate, floor, last, np.array([2000.0, 4000.0]))
    deviation = np.sqrt(truth * (1 - truth) / 1000)
    held = 0
    for _ in range(60):
        laws = fit_power_laws(SIZES, rng.normal(truth, deviation), np.diag(deviation**2))
        gain = laws.gain(2000, 4000)
        held += gain.low <= now - doubled <= gain.high
    assert held / 60 >= 0.9


def test_a_curve_at_its_end_promises_nothing() -> None:
    gain = fitted(np.full(6, 0.08), 0.003).gain(2000, 4000)
    assert gain.low == 0
    assert gain.high < 0.006


def test_noise_widens_the_interval() -> None:
    calm, noisy = (fitted(errors(0.4, 0, 0.1), it).gain(2000, 4000) for it in (0.002, 0.02))
    assert noisy.high - noisy.low > 2 * (calm.high - calm.low)


def test_sizes_that_hardly_learn_are_left_out() -> None:
    """Few images of many classes: near guessing, below any power law."""
    truth = np.minimum(errors(0.5, 0, 0.2), 0.6)
    laws = fitted(truth, 0.004)
    assert laws.sizes[0] > SIZES[0]
    assert laws.sizes[-1] == SIZES[-1]
    now, doubled = errors(0.5, 0, 0.2, np.array([2000.0, 4000.0]))
    gain = laws.gain(2000, 4000)
    assert gain.low <= now - doubled <= gain.high


def test_what_is_no_power_law_has_wide_intervals() -> None:
    bent = np.array([0.5, 0.2, 0.4, 0.1, 0.3, 0.05])
    laws = fitted(bent, 0.004)
    assert laws.misfit > 10
    gain = laws.gain(2000, 4000)
    assert gain.high - gain.low > 0.02


def test_three_sizes_are_too_few() -> None:
    with pytest.raises(ValueError, match="3 sizes: expected 4 or more"):
        weigh_power_laws(SIZES[:3], np.array([0.3, 0.2, 0.1]), np.eye(3))


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=7), st.floats(0, 0.1))
def test_any_errors_give_figures_within_their_bounds(values: list[float], deviation: float) -> None:
    sizes = 50 * 2.0 ** np.arange(len(values))
    laws = fitted(np.array(values), deviation, sizes)
    for found in (laws.error(sizes[-1]), laws.gain(sizes[-1], 2 * sizes[-1])):
        assert 0 <= found.low <= found.value <= found.high <= 1
