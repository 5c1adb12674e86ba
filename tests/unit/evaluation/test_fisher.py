from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headstart.evaluation.fisher import fisher_exact


@given(a=st.integers(0, 60), b=st.integers(0, 60), c=st.integers(0, 60), d=st.integers(0, 60))
def test_as_scipy_says(a: int, b: int, c: int, d: int) -> None:
    expected = stats.fisher_exact([[a, b], [c, d]]).pvalue
    assert fisher_exact(a, a + b, c, c + d) == pytest.approx(expected, rel=1e-6)


def test_large_tables_agree_and_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b, c, d = (int(count) for count in rng.integers(0, 30_000, 4))
        expected = stats.fisher_exact([[a, b], [c, d]]).pvalue
        assert fisher_exact(a, a + b, c, c + d) == pytest.approx(expected, rel=1e-5, abs=1e-300)


def test_nothing_to_compare_is_no_difference() -> None:
    assert fisher_exact(0, 0, 3, 9) == 1
    assert fisher_exact(5, 5, 9, 9) == 1


def test_more_right_than_there_are() -> None:
    with pytest.raises(ValueError, match="3 of 2 and 1 of 4 are no shares"):
        fisher_exact(3, 2, 1, 4)
