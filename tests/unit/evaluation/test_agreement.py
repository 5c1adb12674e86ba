from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from headstart.evaluation.agreement import agreement


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=60))
def test_kappa_is_scikit_learns(said: list[tuple[int, int]]) -> None:
    first, second = np.array(said).T
    found = agreement(first, second, classes=4)
    assert found.share.value == pytest.approx((first == second).mean())
    if len({*first, *second}) > 1:
        assert found.kappa == pytest.approx(cohen_kappa_score(first, second))


def test_the_same_answer_always_is_full_agreement() -> None:
    same = np.zeros(5, np.int64)
    assert agreement(same, same, classes=2).kappa == 1
