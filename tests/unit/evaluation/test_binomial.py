import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from headstart.evaluation.binomial import at_most, fewest_without_error, least_share

TRIALS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=30)
@given(TRIALS, st.floats(0.0, 1.0))
def test_tails_are_scipys(trials, rate):
    errors, n = trials
    assert at_most(errors, n, rate) == pytest.approx(stats.binom.cdf(errors, n, rate), abs=1e-9)


@settings(max_examples=30)
@given(TRIALS, st.floats(0.5, 0.999))
def test_bounds_are_clopper_and_pearsons(trials, confidence):
    right, n = trials
    low = stats.beta.ppf(1 - confidence, right, n - right + 1) if right else 0.0
    assert least_share(right, n, confidence=confidence) == pytest.approx(low, abs=1e-9)


def test_so_many_right_answers_show_it_and_one_fewer_do_not():
    needed = fewest_without_error(0.98)
    assert least_share(needed, needed) >= 0.98 > least_share(needed - 1, needed - 1)


@pytest.mark.parametrize(("count", "n"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(count, n):
    with pytest.raises(ValueError, match="expected 0 to 3"):
        at_most(count, n, 0.1)
    with pytest.raises(ValueError, match="expected 0 to 3"):
        least_share(count, n)
