import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.training.best import Best


@given(st.lists(st.floats(), min_size=1), st.sampled_from(["min", "max"]))
def test_the_best_is_the_best_finite_figure(figures: list[float], mode) -> None:
    best = Best(mode)
    progress = [best.update(figure) for figure in figures]
    finite = [figure for figure in figures if math.isfinite(figure)]
    assert best.value == ((min if mode == "min" else max)(finite) if finite else None)
    assert best.waited == (progress[::-1].index(True) if any(progress) else len(figures))


def test_a_change_no_larger_than_min_delta_is_no_progress() -> None:
    best = Best("max", min_delta=0.5)
    assert [best.update(value) for value in (1.0, 1.25, 1.5, 1.75)] == [True, False, False, True]


@pytest.mark.parametrize("seen", [[], [math.nan], [np.float32(0.1), 0.5]])
def test_the_state_survives_json(seen: list[float]) -> None:
    best, again = Best("min"), Best("min")
    for value in seen:
        best.update(value)
    again.load_state_dict(json.loads(json.dumps(best.state_dict(), allow_nan=False)))
    assert (again.value, again.waited) == (best.value, best.waited)
