from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control

from headstart.evaluation.comparison import holm, mcnemar


def answers(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, ...]:
    counts = [both, only_first, only_second, neither]
    first, second = np.array([1, 1, 0, 0], dtype=bool), np.array([1, 0, 1, 0], dtype=bool)
    return np.repeat(first, counts), np.repeat(second, counts)


@given(
    both=st.integers(0, 50), wins=st.integers(0, 60), losses=st.integers(0, 60), rest=st.integers(1)
)
def test_as_the_binomial_test_says(both: int, wins: int, losses: int, rest: int) -> None:
    test = mcnemar(*answers(both, wins, losses, min(rest, 50)))
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert (test.only_first, test.only_second) == (wins, losses)
    assert test.p_value == pytest.approx(expected)
    assert -1 <= test.difference.low <= test.difference.value <= test.difference.high <= 1


def test_many_disagreements_do_not_overflow() -> None:
    assert mcnemar(*answers(0, 20_000, 20_400, 0)).p_value == pytest.approx(0.0472, abs=1e-3)


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    shares, held = [0.8, 0.08, 0.04, 0.08], 0
    for _ in range(1000):
        interval = mcnemar(*answers(*rng.multinomial(150, shares))).difference
        held += interval.low <= 0.04 <= interval.high
    assert 0.93 < held / 1000 < 0.985


def test_the_difference_changes_its_sign_with_the_order() -> None:
    first, second = answers(70, 15, 5, 10)
    one, other = mcnemar(first, second).difference, mcnemar(second, first).difference
    assert one.value == pytest.approx(0.1)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_no_image_tells_nothing() -> None:
    test = mcnemar(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
    assert test.p_value == 1
    assert test.difference.low < -0.5


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_adjusted_p_values_keep_their_order_and_only_grow(p_values: list[float]) -> None:
    adjusted = np.array(holm(p_values))
    assert (adjusted >= p_values).all()
    assert (adjusted <= np.minimum(1, len(p_values) * np.array(p_values)) + 1e-12).all()
    assert (adjusted >= false_discovery_control(p_values) - 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()
